"""Roles of a technology market (domain reference, section 2) and disclosure tiers."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Role(StrEnum):
    """What a person may be in one organisation."""

    DEMAND = "demand"  # 需求单位 / 发榜单位
    SUPPLIER = "supplier"  # 揭榜方 / 成果持有单位
    UNIT_ADMIN = "unit_admin"  # 单位管理员
    DISTRICT_REVIEWER = "district_reviewer"  # 区县科技主管部门
    OPERATOR = "operator"  # 平台运营方
    EXPERT = "expert"  # 评审专家
    FINAL_USER = "final_user"  # 最终用户
    BROKER = "broker"  # 技术经纪人
    REGISTRY_CLERK = "registry_clerk"  # 登记员
    REGISTRY_REVIEWER = "registry_reviewer"  # 审核员
    PROVINCIAL_AUTHORITY = "provincial_authority"  # 省级主管部门
    FUND_MANAGER = "fund_manager"  # 资金管理机构


OFFICIAL_ROLES = frozenset(
    {
        Role.DISTRICT_REVIEWER,
        Role.OPERATOR,
        Role.REGISTRY_CLERK,
        Role.REGISTRY_REVIEWER,
        Role.PROVINCIAL_AUTHORITY,
        Role.FUND_MANAGER,
        Role.EXPERT,
        Role.BROKER,
    }
)
"""Roles that only an operator may give: a unit cannot make its own reviewer, nor a
broker, who is shown the matches of others."""


class Tier(IntEnum):
    """How much of an object somebody may read; each tier includes those below."""

    PUBLIC = 0  # 公开
    VERIFIED = 1  # 已认证单位
    NDA = 2  # 已签保密协议
    OWNER = 3  # 本单位与运营方

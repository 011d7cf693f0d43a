"""What states are called, by the name of their life cycle.

The code lists have the same names (list 24); here they are for texts that the domain
itself writes, when no list has been read.
"""

from __future__ import annotations

from marketplace.errors import Text

# fmt: off
STATES: dict[str, dict[str, Text]] = {
    "need": {
        "DRAFT":       Text("草稿", "Draft"),
        "SUBMITTED":   Text("已提交", "Submitted"),
        "RETURNED":    Text("退回修改", "Returned for changes"),
        "DISTRICT_OK": Text("区县初审通过", "Passed by the district"),
        "FORMAL_OK":   Text("形式审查通过", "Formal check passed"),
        "ARGUED":      Text("论证通过", "Argued by experts and passed"),
        "REJECTED":    Text("未通过", "Rejected"),
        "POOLED":      Text("入库", "In the need library"),
        "CALLED":      Text("已发榜", "Called"),
        "DOCKING":     Text("对接中", "Docking"),
        "CONTRACTED":  Text("已签约", "Contracted"),
        "SOLVED":      Text("已解决", "Solved"),
        "WITHDRAWN":   Text("撤回", "Withdrawn"),
        "EXPIRED":     Text("过期", "Expired"),
    },
    "offer": {
        "DRAFT":       Text("草稿", "Draft"),
        "SUBMITTED":   Text("已提交", "Submitted"),
        "UNIT_OK":     Text("单位审核", "Passed by the unit"),
        "REGISTERED":  Text("已登记", "Registered"),
        "REJECTED":    Text("未通过", "Rejected"),
        "LISTED":      Text("已发布", "Listed"),
        "TRIAL":       Text("试用中", "On trial"),
        "PRICING":     Text("定价公示", "Price publicised"),
        "CONVERTED":   Text("已转化", "Converted"),
        "DELISTED":    Text("下架", "Delisted"),
    },
    "organisation": {
        "PENDING":     Text("待认证", "Awaiting verification"),
        "VERIFIED":    Text("已认证", "Verified"),
        "SUSPENDED":   Text("暂停", "Suspended"),
        "BLACKLISTED": Text("失信", "Blacklisted"),
        "CLOSED":      Text("注销", "Closed"),
    },
    "user": {
        "ACTIVE":      Text("正常", "In use"),
        "DISABLED":    Text("停用", "Disabled"),
    },
    "docking": {
        "RECOMMENDED": Text("推荐", "Recommended"),
        "INTERESTED":  Text("有意向", "Interested"),
        "CONTACTED":   Text("已联系", "Contacted"),
        "MEETING":     Text("对接", "Meeting"),
        "NDA":         Text("已签保密", "Agreement signed"),
        "SOLUTION":    Text("方案", "Terms proposed"),
        "INTENT":      Text("意向协议", "Intent"),
        "SIGNED":      Text("签约", "Signed"),
        "LOST":        Text("未成", "Lost"),
    },
    "trial": {
        "PROPOSED":    Text("拟定", "Proposed"),
        "RUNNING":     Text("试用中", "Running"),
        "ENDED":       Text("试用结束", "Ended"),
        "CONVERTED":   Text("已转化", "Converted"),
        "DROPPED":     Text("未转化", "Not converted"),
    },
    "contract": {
        "DRAFT":       Text("草稿", "Draft"),
        "SIGNED":      Text("已签订", "Signed"),
        "EFFECTIVE":   Text("生效", "In effect"),
        "PERFORMING":  Text("履行", "Being performed"),
        "COMPLETED":   Text("完成", "Completed"),
        "RESCINDED":   Text("解除", "Rescinded"),
        "VOID":        Text("无效", "Void"),
    },
    "registration": {
        "NONE":        Text("未申请", "Not applied for"),
        "APPLIED":     Text("已申请", "Applied for"),
        "CORRECTION":  Text("补正", "To be corrected"),
        "ACCEPTED":    Text("受理", "Accepted"),
        "FIRST_OK":    Text("初审通过", "First check passed"),
        "EXPERT":      Text("专家审核", "Before experts"),
        "REGISTERED":  Text("已登记", "Registered"),
        "REFUSED":     Text("不予登记", "Refused"),
        "CHANGED":     Text("已变更", "Changed"),
        "CANCELLED":   Text("已注销", "Cancelled"),
        "REVOKED":     Text("已撤销", "Revoked"),
    },
    "registration_expert": {
        "ASKED":       Text("待出具意见", "Asked"),
        "ANSWERED":    Text("已出具意见", "Has answered"),
        "RECUSED":     Text("已回避", "Has recused himself"),
        "RELEASED":    Text("已解除", "Released"),
    },
    "conflict_check": {
        "pending":     Text("待核查", "Awaiting an operator"),
        "cleared":     Text("已排除", "Cleared"),
        "upheld":      Text("已认定", "Upheld"),
    },
    "docking-day": {
        "DRAFT":       Text("筹备", "In preparation"),
        "SOLVING":     Text("排程中", "Being planned"),
        "PROPOSED":    Text("已有方案", "Plan proposed"),
        "DEPLOYED":    Text("已发布", "Plan deployed"),
        "DONE":        Text("已结束", "Held"),
        "CANCELLED":   Text("已取消", "Called off"),
    },
    "broker": {
        "PENDING":     Text("待核验", "To be verified"),
        "VERIFIED":    Text("已核验", "Verified"),
        "SUSPENDED":   Text("停用", "Suspended"),
    },
    "institution": {
        "APPLIED":     Text("已申请", "Applied"),
        "RECORDED":    Text("已备案", "Recorded"),
        "EVALUATED":   Text("绩效评价", "Evaluated"),
        "REMOVED":     Text("取消", "Removed"),
    },
    "share": {
        "PROPOSED":    Text("待确认", "Proposed"),
        "AGREED":      Text("已商定", "Agreed"),
        "REFUSED":     Text("未同意", "Refused"),
        "SUPERSEDED":  Text("已被新方案取代", "Superseded"),
    },
    "import": {
        "QUEUED":      Text("排队", "Queued"),
        "RUNNING":     Text("进行中", "Running"),
        "DONE":        Text("完成", "Done"),
        "REFUSED":     Text("有错误，未导入", "Refused"),
        "CANCELLED":   Text("已取消", "Cancelled"),
        "FAILED":      Text("失败", "Failed"),
    },
}
# fmt: on


def state_title(kind: str, state: str) -> Text:
    """Return the name of a state; one that has none keeps its code.

    Parameters
    ----------
    kind : str
        The name of the life cycle, for example ``need`` or ``docking``.
    state : str
        Its code.

    >>> state_title("need", "POOLED").zh
    '入库'
    """
    return STATES.get(kind, {}).get(state, Text(state, state))

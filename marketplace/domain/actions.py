"""What actions are called in a refusal: the names that buttons have, and some more."""

from __future__ import annotations

from typing import Any

from marketplace.domain.accounts import ACCOUNT_WORKFLOW
from marketplace.domain.brokers import BROKER_WORKFLOW, INSTITUTION_WORKFLOW
from marketplace.domain.conflicts import CONFLICT_WORKFLOW
from marketplace.domain.contracts import CONTRACT_WORKFLOW, REGISTRATION_WORKFLOW
from marketplace.domain.docking_days import DOCKING_DAY_WORKFLOW
from marketplace.domain.dockings import DOCKING_WORKFLOW, TRIAL_WORKFLOW
from marketplace.domain.needs import NEED_WORKFLOW
from marketplace.domain.offers import OFFER_WORKFLOW
from marketplace.domain.organisations import ORGANISATION_WORKFLOW
from marketplace.domain.workflows import Workflow
from marketplace.errors import Text

WORKFLOWS: tuple[Workflow[Any], ...] = (
    NEED_WORKFLOW,
    OFFER_WORKFLOW,
    ORGANISATION_WORKFLOW,
    ACCOUNT_WORKFLOW,
    DOCKING_WORKFLOW,
    TRIAL_WORKFLOW,
    CONTRACT_WORKFLOW,
    REGISTRATION_WORKFLOW,
    CONFLICT_WORKFLOW,
    DOCKING_DAY_WORKFLOW,
    BROKER_WORKFLOW,
    INSTITUTION_WORKFLOW,
)
# fmt: off
TITLES: dict[str, Text] = {
    "create":               Text("新建", "Create"),
    "edit":                 Text("修改", "Edit"),
    "delete":               Text("删除", "Delete"),
    "read":                 Text("查看", "Read"),
    "match":                Text("查看匹配推荐", "See matches"),
    "grant":                Text("授权查看", "Grant access"),
    "advance":              Text("自动流转", "Advance"),
    "publish":              Text("直接发布", "Publish"),
    "import-organisations": Text("导入单位", "Import organisations"),
    "import-needs":         Text("导入需求", "Import needs"),
    "import-offers":        Text("导入成果能力", "Import offers"),
    "edit-verified":        Text("修改已认证的信息", "Edit what was verified"),
    "rate":                 Text("评定信用", "Rate"),
    "read-contact":         Text("查看联系方式", "Read contact data"),
    "read-bank":            Text("查看银行账户", "Read the bank account"),
    "read-officials":       Text("查看经办人员", "Read who dealt with it"),
    "read-events":          Text("查看历史记录", "Read the history"),
    "read-members":         Text("查看成员", "Read the members"),
    "manage-members":       Text("管理成员", "Manage members"),
    "give-official-roles":  Text("授予管理角色", "Give official roles"),
    "manage-teams":         Text("管理团队", "Manage teams"),
    "open":                 Text("发起对接", "Open a docking"),
    "prepare":              Text("编制报表", "Prepare a report"),
    "issue":                Text("签发报表", "Issue a report"),
    "resume":               Text("恢复发布", "Bring back"),
    "pay":                  Text("登记收付款", "Record a payment"),
    "amend":                Text("提出变更", "Propose an amendment"),
    "sign-amendment":       Text("签署变更", "Sign an amendment"),
    "refuse-amendment":     Text("不同意变更", "Refuse an amendment"),
    "propose-trial":        Text("提出试用", "Propose a trial"),
    "create-own":           Text("登记本人经纪人信息", "Enter one's own record"),
    "rate-broker":          Text("评价技术经纪人", "Rate a broker"),
    "apply-for-record":     Text("申请机构备案", "Apply for the record"),
    "read-thresholds":      Text("查看备案条件测算", "Read the thresholds"),
    "read-contributions":   Text("查看贡献台账", "Read the contributions"),
    "read-shares":          Text("查看分成方案", "Read the shares"),
    "propose-shares":       Text("提出分成方案", "Propose shares"),
    "accept-shares":        Text("同意分成方案", "Accept shares"),
    "refuse-shares":        Text("不同意分成方案", "Refuse shares"),
    "pay-commission":       Text("登记中介报酬收款", "Record a commission"),
    "preview-group":        Text("预览群发收件人", "Preview a group"),
    "send-group":           Text("群发消息", "Send to a group"),
    "learn-score":          Text("训练匹配评分", "Fit the score"),
    "record-outcome":       Text("记录对接结果", "Record the outcome"),
    "use-score":            Text("切换匹配评分", "Change the score in use"),
}
# fmt: on
"""Actions that are no step of a life cycle, by their names in the rules."""


def action_title(action: str, kind: str = "") -> Text:
    """Return what an action is called; one that has no title keeps its name.

    Parameters
    ----------
    kind : str
        The life cycle whose button is meant, where several have one of this name.

    >>> action_title("submit", "offer").zh
    '提交单位审核'
    """
    if action in TITLES:
        return TITLES[action]
    for workflow in sorted(WORKFLOWS, key=lambda w: w.name != kind):
        title = workflow.titles.get(action)
        if title is not None:
            return title
    return Text(action, action)

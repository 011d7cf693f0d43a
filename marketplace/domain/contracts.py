"""Technology contracts 技术合同: states, sides, and the way of a registration.

Sources: Civil Code, chapter 20; domain reference, sections 9.1 to 9.9.
"""

from __future__ import annotations

from enum import StrEnum

from marketplace.domain.workflows import Transition, Workflow, table
from marketplace.errors import Text


class Side(StrEnum):
    """In which capacity a party stands in a contract."""

    BUYER = "buyer"  # 买方：委托方、受让方、被许可方
    SELLER = "seller"  # 卖方：研究开发方、让与方、许可方、受托方
    BROKER = "broker"  # 中介方


class ContractState(StrEnum):
    """How far a contract has been performed (codes list 24)."""

    DRAFT = "DRAFT"  # 草稿
    SIGNED = "SIGNED"  # 已签订
    EFFECTIVE = "EFFECTIVE"  # 生效
    PERFORMING = "PERFORMING"  # 履行
    COMPLETED = "COMPLETED"  # 完成
    RESCINDED = "RESCINDED"  # 解除
    VOID = "VOID"  # 无效


DRAFT, SIGNED, EFFECTIVE, PERFORMING, COMPLETED, RESCINDED, VOID = ContractState

DRAFTED = frozenset({DRAFT})
"""Nobody is bound yet."""
CONCLUDED = frozenset({SIGNED})
"""Signed by all; that it takes effect is still to be confirmed."""
UNTOUCHED = frozenset({EFFECTIVE})
"""In effect, and nothing has been paid."""
IN_FORCE = frozenset({EFFECTIVE, PERFORMING})
"""Owed and performed: payments come in, amendments are made."""
BOUND = frozenset({SIGNED}) | IN_FORCE
"""Signed by all and not yet over."""
REGISTRABLE = IN_FORCE | {COMPLETED}
"""What a registry takes: in effect, or performed."""
EXECUTED = BOUND | {COMPLETED}
"""What a docking or a report may count as a signed contract."""
OVER = frozenset({RESCINDED, VOID})
"""It was signed, and holds no more."""
ANNULLED = frozenset({VOID})
"""In law it never was."""

# fmt: off
CONTRACT_WORKFLOW = Workflow("contract", DRAFT, table([
    Transition("sign",        {DRAFT},            DRAFT,
               Text("签字盖章", "Record a signature"),
               fields=("signer", "signed_on", "attachment_id", "party")),
    Transition("withdraw-signature", {DRAFT},     DRAFT,
               Text("撤回签字", "Take a signature back"), needs_reason=True),
    Transition("conclude",    {DRAFT},            SIGNED,
               Text("各方已签", "All have signed"), system=True),
    Transition("take-effect", {SIGNED},           EFFECTIVE,
               Text("确认生效", "Confirm that it takes effect"),
               fields=("effective_on",)),
    Transition("perform",     {EFFECTIVE},        PERFORMING,
               Text("开始履行", "Performance begins"), system=True),
    Transition("complete",    IN_FORCE,           COMPLETED,
               Text("确认完成", "Confirm completion"), fields=("completed_on",)),
    Transition("rescind",     BOUND,              RESCINDED,
               Text("解除合同", "Rescind"), needs_reason=True,
               fields=("ground", "rescinded_on")),
    Transition("annul",       EXECUTED,           VOID,
               Text("确认无效", "Record that it is void"), needs_reason=True,
               fields=("document",)),
]))
# fmt: on


class RegistrationState(StrEnum):
    """How far the registration 认定登记 of a contract has come (codes list 24)."""

    NONE = "NONE"  # 未申请
    APPLIED = "APPLIED"  # 已申请
    CORRECTION = "CORRECTION"  # 补正
    ACCEPTED = "ACCEPTED"  # 受理
    FIRST_OK = "FIRST_OK"  # 初审
    EXPERT = "EXPERT"  # 专家审核
    REGISTERED = "REGISTERED"  # 已登记
    REFUSED = "REFUSED"  # 不予登记
    CHANGED = "CHANGED"  # 变更
    CANCELLED = "CANCELLED"  # 注销
    REVOKED = "REVOKED"  # 撤销


(
    NONE,
    APPLIED,
    CORRECTION,
    ACCEPTED,
    FIRST_OK,
    EXPERT,
    REGISTERED,
    REFUSED,
    CHANGED,
    CANCELLED,
    REVOKED,
) = RegistrationState

JUDGED = frozenset({ACCEPTED, FIRST_OK, EXPERT})
"""Accepted and not yet decided: the registry's clock runs."""
STANDING = frozenset({REGISTERED, CHANGED})
"""Registered and in force."""
CHECKED = frozenset({FIRST_OK})
"""Passed the first check."""
BEFORE_EXPERTS = frozenset({EXPERT})
TURNED_DOWN = frozenset({REFUSED})
APPEALABLE = frozenset({REFUSED, REVOKED})
HANDED_IN = frozenset(RegistrationState) - {NONE}
"""A registry has, or has had, the papers."""
OPEN_PAPERS = frozenset({NONE, CORRECTION, REFUSED})
"""The applicant has the papers in his hands."""


class ExpertState(StrEnum):
    """Where one expert's review 专家审核 of a registration stands."""

    ASKED = "ASKED"  # 待出具意见
    ANSWERED = "ANSWERED"  # 已出具意见
    RECUSED = "RECUSED"  # 已回避
    RELEASED = "RELEASED"  # 已解除


OWING = frozenset({ExpertState.ASKED})
"""Experts whose opinion is awaited."""
AT_WORK = OWING | {ExpertState.ANSWERED}
"""Experts whose opinion counts, now or once it is given."""
APPOINTED = AT_WORK | {ExpertState.RECUSED}
"""Experts who are not asked a second time."""


# fmt: off
REGISTRATION_WORKFLOW = Workflow("registration", NONE, table([
    Transition("apply",              {NONE, REFUSED},     APPLIED,
               Text("申请认定登记", "Apply"), fields=("registry_org_id", "truthful")),
    Transition("resubmit",           {CORRECTION},        APPLIED,
               Text("补正后重新提交", "Hand in the corrected papers")),
    Transition("withdraw",           {APPLIED, CORRECTION}, NONE,
               Text("撤回申请", "Withdraw the application"), needs_reason=True),
    Transition("accept",             {APPLIED},           ACCEPTED,
               Text("受理", "Accept")),
    Transition("request-correction", {APPLIED, ACCEPTED, FIRST_OK}, CORRECTION,
               Text("要求补正", "Ask for correction"), needs_reason=True,
               fields=("items",)),
    Transition("first-approve",      {ACCEPTED},          FIRST_OK,
               Text("初审通过", "Pass the first check")),
    Transition("return-to-check",    {FIRST_OK, EXPERT},  ACCEPTED,
               Text("退回初审", "Return to the first check"), needs_reason=True),
    Transition("send-to-experts",    {FIRST_OK},          EXPERT,
               Text("送专家审核", "Send to experts"), needs_reason=True),
    Transition("note-opinion",       {EXPERT},            EXPERT,
               Text("记录专家组意见", "Record the opinion of a panel"),
               needs_reason=True, fields=("supports",)),
    Transition("appoint-expert",     {EXPERT},            EXPERT,
               Text("选聘专家", "Appoint an expert"), fields=("user_id",)),
    Transition("release-expert",     {EXPERT},            EXPERT,
               Text("解除专家", "Release an expert"), needs_reason=True,
               fields=("user_id",)),
    Transition("give-opinion",       {EXPERT},            EXPERT,
               Text("出具专家意见", "Give an expert's opinion"), needs_reason=True,
               fields=("supports", "impartial")),
    Transition("recuse",             {EXPERT},            EXPERT,
               Text("申请回避", "Recuse oneself"), needs_reason=True),
    Transition("register",           {FIRST_OK, EXPERT},  REGISTERED,
               Text("予以登记", "Register")),
    Transition("refuse",             JUDGED,              REFUSED,
               Text("不予登记", "Refuse"), needs_reason=True, fields=("outcome",)),
    Transition("request-change",     STANDING,            REGISTERED,
               Text("申请变更或注销", "Apply for change or cancellation"),
               needs_reason=True, fields=("wanted",)),
    Transition("withdraw-request",   STANDING,            REGISTERED,
               Text("撤回变更或注销申请", "Take the request for a change back")),
    Transition("decline-change",     STANDING,            REGISTERED,
               Text("不予变更或注销", "Decline the change or cancellation"),
               needs_reason=True),
    Transition("change",             STANDING,            CHANGED,
               Text("变更登记", "Record the change")),
    Transition("cancel",             STANDING,            CANCELLED,
               Text("注销登记", "Cancel"), needs_reason=True),
    Transition("revoke",             STANDING,            REVOKED,
               Text("撤销登记", "Revoke"), needs_reason=True, fields=("document",)),
    Transition("appeal",             {REFUSED, REVOKED},  REFUSED,
               Text("提出异议", "Appeal"), needs_reason=True),
    Transition("uphold-appeal",      {REFUSED},           ACCEPTED,
               Text("异议成立，重新审核", "Uphold the appeal"), needs_reason=True),
    Transition("reinstate",          {REVOKED},           REGISTERED,
               Text("异议成立，恢复登记", "Uphold and restore"), needs_reason=True),
    Transition("dismiss-appeal",     {REFUSED, REVOKED},  REFUSED,
               Text("驳回异议", "Dismiss the appeal"), needs_reason=True),
]))
# fmt: on
CHECKING = frozenset({"accept", "first-approve", "note-opinion", "give-opinion"})
"""Steps after which the same person never decides."""
DECIDING = frozenset(
    {"register", "refuse", "change", "decline-change", "cancel", "revoke"}
)
OFFICIAL = CHECKING - {"give-opinion"} | DECIDING
"""Steps of the registry and the province; who takes one is no expert of it."""
OF_EXPERTS = frozenset({"appoint-expert", "release-expert", "give-opinion", "recuse"})
"""Steps that say who the experts are: parties cannot tell that they were taken."""
JUDGING = CHECKING | DECIDING
"""Steps after which the same person hears no appeal."""
APPLYING = frozenset(
    {"apply", "resubmit", "withdraw", "request-change", "withdraw-request", "appeal"}
)
"""Steps of the applicant; all others are officials' or the system's."""
STAYING = frozenset(
    {
        "request-change",
        "withdraw-request",
        "decline-change",
        "appeal",
        "dismiss-appeal",
    }
)
"""Steps that are written down and leave the registration where it stands."""


class VersionState(StrEnum):
    """Where a version of a contract stands."""

    DRAFT = "DRAFT"  # 草稿
    PROPOSED = "PROPOSED"  # 待签
    IN_FORCE = "IN_FORCE"  # 有效
    SUPERSEDED = "SUPERSEDED"  # 已被取代
    REFUSED = "REFUSED"  # 未获同意


TO_SIGN = frozenset({VersionState.PROPOSED})
"""An amendment that waits for signatures."""
HELD = frozenset({VersionState.DRAFT, VersionState.IN_FORCE, VersionState.SUPERSEDED})
"""What was at some time the content of the contract."""


class PaymentKind(StrEnum):
    """In which direction money went."""

    RECEIVED = "received"  # 收款
    RETURNED = "returned"  # 退款


CLASSES = {
    "D": Text("技术开发", "development"),
    "T": Text("技术转让", "transfer"),
    "L": Text("技术许可", "licence"),
    "C": Text("技术咨询", "consulting"),
    "S": Text("技术服务", "service"),
}
"""The five classes (Civil Code 843); the letter that every code of one begins with."""


def class_of(code: str | None) -> str:
    """Return the letter of a contract's class.

    >>> class_of("T1")
    'T'
    """
    return (code or "")[:1]

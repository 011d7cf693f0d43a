"""What the market tells people: topics, and their texts in both languages as data.

A message keeps the values of an occasion and the name of its template; the sentence is
made when somebody reads it, in his language. A text that is worded anew becomes a
further template of its topic, so that what was told before reads as it did.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from marketplace.errors import Text


class MailMode(StrEnum):
    """How a person wants to hear by mail."""

    IMMEDIATE = "immediate"  # 即时
    DIGEST = "digest"  # 每日摘要
    NONE = "none"  # 不发邮件


class MailState(StrEnum):
    """What has become of a message's mail."""

    WAITING = "WAITING"  # 待发送
    DIGEST = "DIGEST"  # 待汇入摘要
    SENT = "SENT"  # 已发送
    UNWANTED = "UNWANTED"  # 无需发送
    NO_SERVER = "NO_SERVER"  # 未配置邮件服务器，仅站内
    FAILED = "FAILED"  # 发送失败


class Reach(StrEnum):
    """Whether a person may close his ears to a topic."""

    MUTABLE = "mutable"
    MANDATORY = "mandatory"  # Only its mail can be muted: somebody's rights hang on it.
    MAIL_ONLY = "mail-only"  # A mail about messages, never a message itself.


FIRST_HOUR, LAST_HOUR, DEFAULT_HOUR = 0, 23, 8


def placeholders(text: str) -> frozenset[str]:
    """Return the names that a text leaves open.

    >>> sorted(placeholders("{party} 就“{subject}”提出对接"))
    ['party', 'subject']
    """
    return frozenset(name for _, name, _, _ in string.Formatter().parse(text) if name)


@dataclass(frozen=True, slots=True)
class Template:
    """The wording of one topic: a line, and what stands below it."""

    title: Text
    body: Text

    @property
    def names(self) -> frozenset[str]:
        """Everything that has to be known to fill it."""
        texts = (self.title.zh, self.title.en, self.body.zh, self.body.en)
        return frozenset().union(*map(placeholders, texts))


@dataclass(frozen=True, slots=True)
class Topic:
    """A kind of occasion.

    Parameters
    ----------
    title : Text
        What it is called where a person chooses what he wants to hear of.
    templates : tuple of Template
        Oldest first; the last one is written now. None is ever taken out or reworded
        in a way that needs other values.
    """

    name: str
    title: Text
    reach: Reach
    templates: tuple[Template, ...]

    @property
    def template(self) -> str:
        """The name of the wording in use."""
        return f"{self.name}/{len(self.templates)}"


def _topic(
    name: str, reach: Reach, called: Text, *templates: tuple[Text, Text]
) -> Topic:
    return Topic(name, called, reach, tuple(Template(*pair) for pair in templates))


_ROWS: tuple[Topic, ...] = (
    _topic(
        "docking.asked",
        Reach.MUTABLE,
        Text("收到对接请求", "Requests to dock"),
        (
            Text("{party}就“{subject}”提出对接", "{party} asks to talk on {subject}"),
            Text(
                "{party}希望就“{subject}”与贵方对接，请于{due}前答复。",
                "{party} would like to talk with you about {subject}."
                " Please answer by {due}.",
            ),
        ),
    ),
    _topic(
        "docking.answered",
        Reach.MUTABLE,
        Text("对接请求的答复", "Answers to a request to dock"),
        (
            Text(
                "{party}答复了“{subject}”的对接：{answer}",
                "{party} has answered on {subject}: {answer}",
            ),
            Text(
                "{party}就“{subject}”的对接答复：{answer}。",
                "{party} has answered the request on {subject}: {answer}.",
            ),
        ),
    ),
    _topic(
        "docking.proposal",
        Reach.MUTABLE,
        Text("对接方案", "Proposals within a docking"),
        (
            Text(
                "{party}就“{subject}”提出第{version}版方案",
                "{party} has made proposal {version} on {subject}",
            ),
            Text(
                "{party}就“{subject}”提出第{version}版方案，请查看后接受或另行提出。",
                "{party} has made proposal {version} on {subject}. Accept it or make"
                " another one.",
            ),
        ),
    ),
    _topic(
        "docking.meeting",
        Reach.MUTABLE,
        Text("对接会谈", "Meetings of a docking"),
        (
            Text(
                "{party}记录了“{subject}”的会谈",
                "{party} has logged a meeting on {subject}",
            ),
            Text(
                "{party}记录了“{subject}”的会谈（{starts}）。下一步：{next}。",
                "{party} has logged a meeting on {subject} ({starts})."
                " Next step: {next}.",
            ),
        ),
    ),
    _topic(
        "docking.nda",
        Reach.MUTABLE,
        Text("保密协议生效", "Agreements on secrecy"),
        (
            Text(
                "“{subject}”的保密协议已生效",
                "The agreement on secrecy about {subject} is in force",
            ),
            Text(
                "双方已接受“{subject}”的保密协议第{version}版；接受者可阅读对方的保密内容。",
                "Both sides have accepted version {version} of the agreement on secrecy"
                " about {subject}; who has accepted it reads the other's details.",
            ),
        ),
    ),
    _topic(
        "docking.ended",
        Reach.MUTABLE,
        Text("对接自动结束", "Dockings that ended by themselves"),
        (
            Text(
                "“{subject}”的对接已结束：{reason}",
                "The docking on {subject} has ended: {reason}",
            ),
            Text(
                "“{subject}”的对接已由系统结束，原因：{reason}。",
                "The system has ended the docking on {subject}. Reason: {reason}.",
            ),
        ),
    ),
    _topic(
        "docking.left",
        Reach.MUTABLE,
        Text("对接中的发布退出市场", "Listings that left the market while docking"),
        (
            Text(
                "对接中的“{subject}”已退出市场",
                "{subject}, which you talk about, has left the market",
            ),
            Text(
                "{party}的“{subject}”已退出市场（{state}）。对接未结束，双方可继续或终止。",
                "{subject} of {party} has left the market ({state}). The docking goes"
                " on until one of you gives it up.",
            ),
        ),
    ),
    _topic(
        "trial.moved",
        Reach.MUTABLE,
        Text("试用进展", "Trials within a docking"),
        (
            Text(
                "{party}就“{subject}”的试用：{step}",
                "{party} on the trial of {subject}: {step}",
            ),
            Text(
                "{party}就“{subject}”的试用（{starts}至{ends}）：{step}。",
                "{party} on the trial of {subject} ({starts} to {ends}): {step}.",
            ),
        ),
    ),
    _topic(
        "docking-day.deployed",
        Reach.MUTABLE,
        Text("对接活动日安排", "Schedules of docking days"),
        (
            Text("“{subject}”的洽谈安排已发布", "Your talks at {subject} are fixed"),
            Text(
                "“{subject}”于{day}举行，地点：{place}。贵单位有{count}场洽谈。",
                "{subject} is held on {day}, place: {place}. Your unit has {count}"
                " talks.",
            ),
        ),
    ),
    _topic(
        "docking-day.called-off",
        Reach.MANDATORY,
        Text("对接活动日取消", "Docking days that were called off"),
        (
            Text("“{subject}”已取消", "{subject} is called off"),
            Text(
                "原定{day}的“{subject}”已取消：{reason}",
                "{subject} on {day} is called off: {reason}",
            ),
        ),
    ),
    _topic(
        "contract.signed",
        Reach.MUTABLE,
        Text("合同签署", "Signatures of contracts"),
        (
            Text("{party}签署了合同“{subject}”", "{party} has signed {subject}"),
            Text(
                "{party}已签署合同“{subject}”。",
                "{party} has signed the contract {subject}.",
            ),
        ),
    ),
    _topic(
        "contract.ended",
        Reach.MANDATORY,
        Text("合同完成、解除或无效", "Ends of contracts"),
        (
            Text("合同“{subject}”{what}", "{subject}: {what}"),
            Text(
                "{party}办理：合同“{subject}”{what}。\n{reason}",
                "{party} has put on record that {subject} is {what}.\n{reason}",
            ),
        ),
    ),
    _topic(
        "registration.report",
        Reach.MANDATORY,
        Text("合同终止后的登记", "Registrations of contracts that have ended"),
        (
            Text(
                "请申请注销合同“{subject}”的登记",
                "Apply for the cancellation of {subject}",
            ),
            Text(
                "合同“{subject}”{what}，请于{due}前向原登记机构申请注销登记。",
                "{subject} is {what}: apply to its registry for the cancellation by"
                " {due}.",
            ),
        ),
    ),
    _topic(
        "registration.correction",
        Reach.MANDATORY,
        Text("登记补正", "Corrections asked for by the registry"),
        (
            Text(
                "合同“{subject}”的登记需要补正",
                "The registration of {subject} needs corrections",
            ),
            Text(
                "合同“{subject}”的登记需要补正，请于{due}前提交：\n{items}",
                "The registration of {subject} needs corrections by {due}:\n{items}",
            ),
        ),
    ),
    _topic(
        "registration.expert",
        Reach.MANDATORY,
        Text("专家审核邀请", "Requests for an expert's opinion"),
        (
            Text(
                "请对合同“{subject}”的登记出具专家意见",
                "Your opinion on the registration of {subject} is asked for",
            ),
            Text(
                "登记机构请您就合同“{subject}”出具意见，请于{due}前答复；"
                "与合同任何一方有利害关系的，请申请回避。",
                "The registry asks for your opinion on {subject} by {due}. Recuse"
                " yourself if you have a stake in any party.",
            ),
        ),
    ),
    _topic(
        "registration.decided",
        Reach.MANDATORY,
        Text("登记决定", "Decisions of the registry"),
        (
            Text(
                "合同“{subject}”的登记决定：{decision}",
                "Decision on the registration of {subject}: {decision}",
            ),
            Text(
                "登记机构对合同“{subject}”的决定：{decision}。\n{reason}",
                "The registry has decided on {subject}: {decision}.\n{reason}",
            ),
        ),
    ),
    _topic(
        "shares.proposed",
        Reach.MUTABLE,
        Text("分成方案", "Proposed shares of a commission"),
        (
            Text(
                "{party}提出第{version}版中介报酬分成方案",
                "{party} has made proposal {version} on the shares of a commission",
            ),
            Text(
                "{party}提出第{version}版中介报酬分成方案，请于{due}前同意或不同意。",
                "{party} has made proposal {version} on the shares of a commission."
                " Please accept or refuse it by {due}.",
            ),
        ),
    ),
    _topic(
        "duty.reminder",
        Reach.MUTABLE,
        Text("待办提醒", "Reminders of what is due"),
        (
            Text("请于{due}前办理：{step}", "Due by {due}: {step}"),
            Text(
                "“{subject}”待您办理：{step}，请于{due}前完成。",
                "{subject} waits for you: {step}, by {due}.",
            ),
        ),
    ),
    _topic(
        "duty.escalated",
        Reach.MANDATORY,
        Text("待办逾期升级", "What is late"),
        (
            Text("逾期：{step}（{party}）", "Late: {step} ({party})"),
            Text(
                "“{subject}”的“{step}”应由{party}于{due}前办理，已逾期，并已告知平台运营方。",
                "{step} on {subject} was due from {party} by {due}; it is late, and the"
                " operator has been told.",
            ),
        ),
    ),
    _topic(
        "group.notice",
        # The operator was shown exactly whom it reaches.
        Reach.MANDATORY,
        Text("平台通知", "Notices of the operator"),
        (
            Text("{subject}", "{subject}"),
            Text("{text}", "{text}"),
        ),
    ),
    _topic(
        "digest",
        Reach.MAIL_ONLY,
        Text("每日摘要", "Daily digest"),
        (
            Text("{count} 条未读消息", "{count} unread messages"),
            Text(
                "您有 {count} 条未读消息：\n\n{lines}",
                "You have {count} unread messages:\n\n{lines}",
            ),
        ),
    ),
)
TOPICS: dict[str, Topic] = {topic.name: topic for topic in _ROWS}
TEMPLATES: dict[str, Template] = {
    f"{topic.name}/{number}": template
    for topic in _ROWS
    for number, template in enumerate(topic.templates, start=1)
}
"""Every wording that a stored message may name."""

PLACES: dict[str, str] = {
    "need": "/needs/{id}",
    "offer": "/offers/{id}",
    "organisation": "/organisations/{id}",
    "docking": "/dockings/{id}",
    "contract": "/contracts/{id}",
    "registration": "/contracts/{id}/registration",
    "trial": "/trials/{id}",
    "conflict_check": "/conflict-checks/{id}",
    "broker": "/brokers/{id}",
    "institution": "/broker-institutions/{id}",
    "shares": "/contracts/{id}/shares",
    "conversion-report": "/reports?kind=conversion",
}
"""Where the object of a message is found, by its kind; a kind may have no place."""


def told_topics() -> Iterator[Topic]:
    """Yield the topics that become messages, in the order of the table."""
    return (topic for topic in _ROWS if topic.reach is not Reach.MAIL_ONLY)


def stored(topic: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of an occasion as they are kept.

    Parameters
    ----------
    values : mapping
        A value that differs by language is a ``Text``.

    Raises
    ------
    LookupError
        There is no such topic.
    ValueError
        A value that the wording needs is missing, or one that it does not know is
        there: the sentence could not be made when somebody reads it.
    """
    if topic not in TOPICS:
        raise LookupError(f"no topic {topic!r}")
    needed = TEMPLATES[TOPICS[topic].template].names
    if needed != values.keys():
        raise ValueError(
            f"{topic} needs {sorted(needed)} and was given {sorted(values)}"
        )
    return {
        name: {"zh": value.zh, "en": value.en} if isinstance(value, Text) else value
        for name, value in values.items()
    }


def rendered(template: str, values: Mapping[str, Any]) -> tuple[Text, Text]:
    """Return title and body of a stored message in both languages.

    The title is one line, whatever the values hold: it becomes a mail's subject.

    Raises
    ------
    LookupError
        There is no such template, or a value is missing.
    """
    found = TEMPLATES[template]
    zh, en = _spoken(values, "zh"), _spoken(values, "en")
    title = Text(
        one_line(found.title.zh.format(**zh)), one_line(found.title.en.format(**en))
    )
    return title, Text(found.body.zh.format(**zh), found.body.en.format(**en))


def _spoken(values: Mapping[str, Any], language: str) -> dict[str, Any]:
    return {
        name: value[language] if isinstance(value, Mapping) else value
        for name, value in values.items()
    }


def one_line(text: str) -> str:
    r"""Return a text without line breaks and other control characters.

    >>> one_line("a\r\nBcc: b")
    'a Bcc: b'
    """
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())

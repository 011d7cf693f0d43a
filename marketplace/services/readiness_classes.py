"""Checks of the class against the content (domain reference, sections 9.1 and 9.6).

Name and content disagree often; the content decides. Phrases are those of the rule
set, so that a registry's experience can change them without a release.
"""

from __future__ import annotations

from collections.abc import Iterator

from marketplace.domain.contracts import CLASSES, Side
from marketplace.errors import Text
from marketplace.services.contract_contents import parties_of
from marketplace.services.readiness_facts import (
    ASK,
    FIX,
    Fault,
    Picture,
    RuleRow,
    RuleSet,
    mentions,
    stated,
    substance,
)

Faults = Iterator[Fault]
_CLASS = ("/contract_class",)


def class_known(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """The class is one of those that the rule set has."""
    letter = picture.letter
    if not letter:
        yield Fault(
            FIX,
            Text("未选合同类别，请选定", "no class is given: choose one"),
            _CLASS,
        )
    elif letter not in rules.classes:
        bridge = rules.class_bridge.get(letter, "")
        have, instead = CLASSES.get(letter), CLASSES.get(bridge)
        if have and instead:
            text = Text(
                "没有单列“{zh}”，归入“{to_zh}”，请按“{to_zh}”（{code}）申报",
                "there is no class '{en}' of its own; it belongs to '{to_en}' ({code})",
            )
            values = {"zh": have.zh, "en": have.en, "code": bridge}
            values |= {"to_zh": instead.zh, "to_en": instead.en}
            yield Fault(FIX, text.format(**values), _CLASS)
        else:
            yield Fault(
                FIX,
                Text(
                    "没有类别 {code}，请另选",
                    "there is no class {code}: choose another",
                ).format(code=letter),
                _CLASS,
            )


def development_goal(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """Development has a goal that can be understood."""
    if picture.letter != "D":
        return
    said = substance(picture.values["goal"], rule.params["hollow"])
    if said < rule.params["least"]:
        yield Fault(
            FIX,
            Text(
                "研究开发目标未写明：写出要做成什么、达到什么指标",
                "the goal of the development is not stated: say what is to be made and"
                " which figures it must reach",
            ),
            ("/goal",),
        )


def development_mastered(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """What is mastered already at signing is not developed."""
    if picture.letter == "D":
        yield from _phrases(
            picture,
            rule,
            FIX,
            Text(
                "写有“{quote}”：签订时已掌握的技术不是研究开发的对象；改写尚待解决的问题，"
                "或按转让、许可、服务申报",
                "says '{quote}': what is mastered at signing is not developed; state"
                " what is still open, or register as transfer, licence or service",
            ),
        )


def development_novelty(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """Restyling, changed parameters or mere testing is not development."""
    if picture.letter == "D":
        yield from _phrases(
            picture,
            rule,
            ASK,
            Text(
                "写有“{quote}”：如无技术上的创新，不属于研究开发；写明新在何处，或改按"
                "技术服务",
                "says '{quote}': without technical novelty this is no development; say"
                " what is new, or register as service",
            ),
        )


def cooperation_both(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """Who only pays or lends means does not cooperate in the development."""
    if picture.class_code == "D2":
        yield from _phrases(
            picture,
            rule,
            FIX,
            Text(
                "写有“{quote}”：一方只出资金、设备或作辅助的，是委托开发；改选委托开发，"
                "或写明双方分工参与研究",
                "says '{quote}': a party that only gives money, equipment or help makes"
                " it commissioned development; choose that, or state what each does",
            ),
        )


def existing_technology(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """What is transferred or licensed exists already."""
    if picture.letter in {"T", "L"}:
        yield from _phrases(
            picture,
            rule,
            FIX,
            Text(
                "写有“{quote}”：转让、许可的对象应是现有、特定的成果；尚待研究开发的改按"
                "技术开发",
                "says '{quote}': what is assigned or licensed exists already; what is"
                " still to be developed is a development contract",
            ),
        )


def public_technology(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """Technology that is public is not transferred but taught: a service."""
    if picture.letter in {"T", "L"}:
        yield from _phrases(
            picture,
            rule,
            ASK,
            Text(
                "写有“{quote}”：已进入公有领域的技术按技术服务处理；请核对类别",
                "says '{quote}': technology in the public domain is treated as service;"
                " ask which class fits",
            ),
        )


def right_named(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """A transfer or licence names a right of the kind that its class says."""
    kinds = rule.params["kinds"].get(picture.class_code)
    if kinds is None and picture.letter in {"T", "L"}:
        kinds = rule.params["kinds"]["*"]
    if kinds is None:
        return
    have = {right["kind"] for right in picture.values["rights"]}
    if not have & set(kinds):
        yield Fault(
            FIX,
            Text(
                "知识产权清单中没有本类别对应的权利；列明所转让或许可的权利，"
                "或改选与之相符的类别",
                "no right of the kind that this class is about is listed: list what is"
                " assigned or licensed, or choose the class that fits",
            ),
            ("/rights",),
        )


def consulting_report(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """Consulting ends in a report or an opinion."""
    if picture.letter != "C":
        return
    if not stated(picture.values["deliverables"], rule.params["words"]):
        yield Fault(
            FIX,
            Text(
                "交付物中没有咨询报告或意见；写明报告的名称和内容",
                "the deliverables hold no report or opinion: name it and its content",
            ),
            ("/deliverables",),
        )


def consulting_subject(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """Consulting is about a technical project."""
    if picture.letter != "C":
        return
    means = any(mentions(picture, ("subject", "method"), rule.params["means"]))
    if means and rule.params["means_suffice"]:
        return
    yield from _phrases(
        picture,
        rule,
        FIX,
        Text(
            "写有“{quote}”：经济、法律、社会方面的咨询不是技术咨询；写明特定技术项目和"
            "所用的技术手段",
            "says '{quote}': economic, legal or social advice is no technical"
            " consulting; name the technical project and the technical means",
        ),
    )


def service_works(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """Contract work and construction are not technical service."""
    if picture.letter == "S":
        yield from _phrases(
            picture,
            rule,
            FIX,
            Text(
                "写有“{quote}”：承揽、建设工程不是技术服务；只就解决技术问题的部分订立和"
                "申报",
                "says '{quote}': contract work and construction are no technical"
                " service; register only what solves a technical problem",
            ),
        )


def service_rights(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """No right changes hands in a service."""
    if picture.letter == "S":
        yield from _phrases(
            picture,
            rule,
            FIX,
            Text(
                "写有“{quote}”：服务合同中不发生知识产权的转让或许可；改按转让或许可申报",
                "says '{quote}': in a service no right changes hands; register"
                " it as transfer or licence",
            ),
        )


def service_result(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """The result of a service has concrete quality and quantity."""
    if picture.class_code not in rule.params["classes"]:
        return
    texts = [picture.values[name] for name in ("goal", "deliverables", "acceptance")]
    if not any(stated(text, rule.params["figures"]) for text in texts):
        yield Fault(
            ASK,
            Text(
                "成果没有质量、数量指标；在交付物或验收标准中写出数值",
                "the result has no figures of quality or quantity: put them into the"
                " deliverables or the acceptance",
            ),
            ("/deliverables", "/acceptance"),
        )


def training_trainees(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """Training is for persons that the client names, on one technical subject."""
    if picture.class_code != "S2":
        return
    if not picture.values["trainees"]:
        yield Fault(
            FIX,
            Text(
                "未列培训对象；列明委托方指定的专业技术人员",
                "no trainees are named: list the technical staff whom the client sends",
            ),
            ("/trainees",),
        )
    yield from _phrases(
        picture,
        rule,
        ASK,
        Text(
            "写有“{quote}”：职工业务素质培训、产品销售使用培训不是技术培训；写明特定技术"
            "项目",
            "says '{quote}': schooling of staff or training for a sale is no technical"
            " training; name the technical subject",
        ),
    )


def mediation_third(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """Intermediation aims at a deal with a third party about something specific."""
    if picture.class_code != "S3":
        return
    said = substance(picture.values["mediation"], rule.params["hollow"])
    named = bool(parties_of(picture.values, Side.BROKER.value))
    third = stated(picture.values["mediation"], rule.params["third"])
    if said < rule.params["least"] or not (third or named):
        yield Fault(
            FIX,
            Text(
                "未写明促成与哪个第三方就哪项技术成果订立合同；补写中介事项",
                "does not say with which third party a deal is to be made about which"
                " result: state the matter of the intermediation",
            ),
            ("/mediation",),
        )


def _phrases(picture: Picture, rule: RuleRow, level: str, message: Text) -> Faults:
    """Report each text of the rule's fields that says one of its phrases.

    ``words`` are plain signs, ``weak`` ones such as a good contract may also hold: of
    those a person should judge.
    """
    fields = rule.params["fields"]
    plain_signs = dict(mentions(picture, fields, rule.params["words"]))
    for pointer, quote in plain_signs.items():
        yield Fault(level, message.format(quote=quote), (pointer,))
    weak = rule.params.get("weak")
    if weak is None:
        return
    for pointer, quote in mentions(picture, fields, weak):
        if pointer not in plain_signs:
            yield Fault(ASK, message.format(quote=quote), (pointer,))


CHECKS = {
    check.__name__: check
    for check in (
        class_known,
        development_goal,
        development_mastered,
        development_novelty,
        cooperation_both,
        existing_technology,
        public_technology,
        right_named,
        consulting_report,
        consulting_subject,
        service_works,
        service_rights,
        service_result,
        training_trainees,
        mediation_third,
    )
}

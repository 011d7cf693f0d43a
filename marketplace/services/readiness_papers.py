"""Checks of texts, rights, papers, dates and standing of a contract (9.2 to 9.6)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from marketplace.domain.contracts import ContractState
from marketplace.errors import Text
from marketplace.services import clause_lint
from marketplace.services.readiness_facts import (
    ASK,
    FIX,
    PASS,
    Fault,
    Picture,
    RuleRow,
    RuleSet,
    mentions,
    pattern,
    substance,
)
from matching.text import HAN, clean

Faults = Iterator[Fault]
_PATENTS = frozenset({"1", "11", "12", "13"})
"""Kinds of rights that are patents (codes list 3)."""
_KNOW_HOW = "2"
_LICENCE_OF_PATENT = "L1"
_OUTSIDE_PLANS = "9"
_PENDING, _DEAD = "PENDING", frozenset({"LAPSED", "INVALIDATED"})
_FIELDS = {
    "subject": ("标的内容", "the subject"),
    "method": ("实施方案", "the method"),
    "deliverables": ("交付物", "the deliverables"),
    "acceptance": ("验收标准", "the acceptance"),
}


def texts_specific(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """The technical content can be understood from the texts."""
    annexed = picture.documents & {"ANNEX", "TASK_BOOK"}
    for name, least in rule.params["least"].items():
        text = picture.values[name]
        if annexed and pattern(tuple(rule.params["in_annex"])).search(clean(text)):
            continue
        if substance(text, rule.params["hollow"]) < least:
            zh, en = _FIELDS[name]
            yield Fault(
                FIX,
                Text(
                    "{zh}过于空泛；写明技术对象、做法、数量和可检验的要求，或附上所指的附件",
                    "{en} says too little: name the technical object, what is done, how"
                    " much, and what can be checked, or attach the annex meant",
                ).format(zh=zh, en=en),
                (f"/{name}",),
            )


_SAID_BY = {
    "NAME": ("title",),
    "SUBJECT": ("subject",),
    "PLAN": ("place", "valid_from"),
    "RESULTS": ("results_ownership", "ip_owner"),
    "ACCEPTANCE": ("acceptance",),
    "PRICE": ("payment_method",),
}
"""Fields of the content that say what a clause would."""


def _said(picture: Picture, code: str) -> bool:
    return any(picture.values[name] for name in _SAID_BY.get(code, ()))


def clauses_usual(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """The clauses that a technology contract usually has are there."""
    for code, names in rule.params["clauses"].items():
        entry = picture.clause(code)
        state = entry.get("state")
        if state in {"PRESENT", "NOT_APPLICABLE"}:
            continue
        if state is None and _said(picture, code):
            continue
        yield Fault(
            ASK,
            Text(
                "没有“{zh}”条款；确认是否有意不约定",
                "there is no clause on {en}: ask whether it was left out on purpose",
            ).format(**names),
            ("/clauses",),
        )


def clauses_filled(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """A clause that is ticked as present says something."""
    for index, clause in enumerate(picture.values["clauses"]):
        ticked = clause["state"] == "PRESENT" and not clause["text"]
        if ticked and not _said(picture, clause["code"] or ""):
            yield Fault(
                FIX,
                Text(
                    "条款 {code} 标为已约定而没有内容；填写条款文字",
                    "clause {code} is marked as present and says nothing: fill it in",
                ).format(code=clause["code"]),
                (f"/clauses/{index}/text",),
            )


def ownership_stated(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """A transfer or licence says clearly whose the rights are."""
    if picture.letter not in {"T", "L"}:
        return
    said = substance(picture.values["results_ownership"], rule.params["hollow"])
    if said < rule.params["least"] and not picture.values["ip_owner"]:
        yield Fault(
            FIX,
            Text(
                "未写明知识产权的归属；写明转让或许可后权利归谁、后续成果归谁",
                "does not say whose the rights are: state who has them after the"
                " transfer or licence",
            ),
            ("/results_ownership",),
        )


def monopoly(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """No clause monopolises technology."""
    for pointer, text in picture.texts():
        for finding in clause_lint.monopolising(text):
            zh, en = rule.params["kinds"][finding.kind]
            yield Fault(
                FIX,
                Text(
                    "“{quote}”可能属于非法垄断技术（{zh}）；删去或改为对等、合理的约定",
                    "'{quote}' may monopolise technology ({en}): delete it, or agree on"
                    " equal and reasonable terms",
                ).format(quote=finding.quote, zh=zh, en=en),
                (pointer,),
            )


def patent_fields(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """A contract about a patent names all that identifies it."""
    for index, right in enumerate(picture.values["rights"]):
        if right["kind"] not in _PATENTS:
            continue
        names = dict(rule.params["fields"])
        if right["legal_status"] == _PENDING:
            names = {n: t for n, t in names.items() if n not in rule.params["granted"]}
        missing = [name for name in names if not right[name]]
        if missing:
            yield Fault(
                FIX,
                Text(
                    "专利缺：{zh}；按专利登记簿补填",
                    "the patent lacks: {en}; fill in from the patent register",
                ).format(
                    zh="、".join(names[name][0] for name in missing),
                    en=", ".join(names[name][1] for name in missing),
                ),
                tuple(f"/rights/{index}/{name}" for name in missing),
            )


Years = Mapping[str, Sequence[tuple[str, int]]]
"""By kind of patent the days of filing from which so many years hold."""


def _last_day(right: Mapping[str, Any], years: Years) -> date | None:
    """Return the day on which a patent ends: as stated, or by its kind from filing."""
    stated_end: date | None = right["valid_until"]
    by_law = _by_law(right, years)
    if stated_end and by_law:
        return min(stated_end, by_law)
    return stated_end or by_law


def _by_law(right: Mapping[str, Any], years: Years) -> date | None:
    filed: date | None = right["filed_on"]
    terms = years.get(right["kind"] or "", ())
    if filed is None or not terms:
        return None
    term = [n for day, n in terms if date.fromisoformat(day) <= filed][-1]
    leap = (filed.month, filed.day) == (2, 29)
    return filed.replace(year=filed.year + term, day=28 if leap else filed.day)


def patent_alive(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """A patent that is assigned or licensed lives, and through the licence's term."""
    if picture.letter not in {"T", "L"}:
        return
    licence = picture.values["licence"] or {}
    until = licence.get("until") if picture.class_code == _LICENCE_OF_PATENT else None
    for index, right in enumerate(picture.values["rights"]):
        if right["kind"] not in _PATENTS:
            continue
        end = _last_day(right, rule.params["years"])
        place = f"/rights/{index}"
        if right["legal_status"] in _DEAD or (end and end < picture.today):
            yield Fault(
                FIX,
                Text(
                    "“{name}”已失效、被宣告无效或期限届满，不能转让或许可；更换专利或改按"
                    "技术服务",
                    "'{name}' has lapsed, was invalidated or is at its end and cannot"
                    " be assigned or licensed: take another, or register as service",
                ).format(name=right["name"]),
                (f"{place}/legal_status", f"{place}/valid_until"),
            )
        elif end and until and until > end:
            yield Fault(
                FIX,
                Text(
                    "许可期限到 {until}，“{name}”的有效期只到 {end}；缩短许可期限",
                    "the licence runs to {until}, '{name}' ends on {end}: shorten the"
                    " licence",
                ).format(until=until, name=right["name"], end=end),
                ("/licence/until", f"{place}/valid_until"),
            )


def licence_terms(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """A licence says its mode, term and territory."""
    if picture.letter != "L":
        return
    licence = picture.values["licence"] or {}
    names = dict(rule.params["fields"])
    if picture.class_code != _LICENCE_OF_PATENT:
        names.pop("mode", None)
    missing = [name for name in names if not licence.get(name)]
    if missing:
        yield Fault(
            ASK,
            Text(
                "许可未约定：{zh}；未约定方式的为普通许可，未约定期限的不受期限限制，请确认或补写",
                "the licence is silent on: {en}; silent on mode it is an ordinary one,"
                " silent on term it is unlimited: confirm or state it",
            ).format(
                zh="、".join(names[name][0] for name in missing),
                en=", ".join(names[name][1] for name in missing),
            ),
            tuple(f"/licence/{name}" for name in missing),
        )


def knowhow_marks(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """Know-how is not public, of benefit, practical, and kept secret."""
    if picture.class_code not in rule.params["classes"]:
        return
    if "KNOWHOW" in picture.documents:
        return
    texts = [text for _, text in picture.texts()]
    missing = [
        (zh, en)
        for zh, en, words in rule.params["marks"]
        if not any(pattern(tuple(words)).search(clean(text)) for text in texts)
    ]
    if missing:
        yield Fault(
            FIX,
            Text(
                "技术秘密未说明：{zh}；在标的或保密条款中写明，或附技术秘密证明",
                "the know-how is not shown to be: {en}; say it in the subject or the"
                " clause on secrecy, or attach evidence",
            ).format(
                zh="、".join(zh for zh, _ in missing),
                en=", ".join(en for _, en in missing),
            ),
            ("/subject", "/documents"),
        )


def ip_proof(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """The right that is the subject is proved."""
    kinds = {right["kind"] for right in picture.values["rights"]} - {None, _KNOW_HOW}
    about_rights = picture.letter in {"T", "L"} and kinds
    if about_rights and "IP_PROOF" not in picture.documents:
        yield Fault(
            FIX,
            Text(
                "未附知识产权证明；附上权利证书或登记簿副本",
                "the proof of the right is not attached: attach the certificate or an"
                " extract of the register",
            ),
            ("/documents",),
        )


def contract_text(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """The complete contract is there in writing."""
    if "CONTRACT" not in picture.documents:
        yield Fault(
            FIX,
            Text(
                "未附合同文本；附上各方签字盖章的完整合同",
                "the contract is not attached: attach the whole signed text",
            ),
            ("/documents",),
        )


def electronic_text(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """Whether the registry takes an electronic text."""
    if "CONTRACT" not in picture.documents:
        return
    accepted = rule.params["accepted"]
    yield Fault(
        PASS if accepted else ASK,
        Text(
            "可以提交电子合同文本",
            "an electronic text may be handed in",
        )
        if accepted
        else Text(
            "只提到书面合同文本，未提电子文本；请向登记机构确认是否另交纸质原件",
            "only a written text is spoken of, not an electronic one: ask the registry"
            " whether it wants the paper original",
        ),
        ("/documents",),
    )


def foreign_text(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """A text in a foreign language comes with its Chinese copy."""
    body = "".join(text for _, text in picture.texts())
    han = len(re.findall(f"[{HAN}]", body))
    letters = len(re.findall(r"[^\W\d_]", body))
    foreign = picture.values["is_foreign_text"]
    looks = letters > rule.params["least"] and han * 100 < (
        letters * rule.params["han_percent"]
    )
    if (foreign or looks) and "TRANSLATION" not in picture.documents:
        yield Fault(
            FIX,
            Text(
                "合同为外文而未附中文译本和一致性声明；请补附",
                "the text is foreign and has no Chinese copy with a statement that both"
                " agree: attach it",
            ),
            ("/is_foreign_text", "/documents"),
        )


def plan_papers(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """A project of a plan has its number and its task book."""
    source = picture.values["plan_source"]
    if not source or source == _OUTSIDE_PLANS:
        return
    if not picture.values["project_no"]:
        yield Fault(
            FIX,
            Text(
                "列入计划而未填项目编号；请补填",
                "the project belongs to a plan and has no number: add it",
            ),
            ("/project_no",),
        )
    if "TASK_BOOK" not in picture.documents:
        yield Fault(
            FIX,
            Text(
                "列入计划而未附任务书；请补附",
                "the project belongs to a plan and its task book is not attached:"
                " attach it",
            ),
            ("/documents",),
        )


def form_codes(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """The classifications that the form asks for are given."""
    names = rule.params["fields"]
    missing = [name for name in names if not picture.values[name]]
    if missing:
        yield Fault(
            FIX,
            Text("登记表缺：{zh}；请选定", "the form lacks: {en}; choose them").format(
                zh="、".join(names[name][0] for name in missing),
                en=", ".join(names[name][1] for name in missing),
            ),
            tuple(f"/{name}" for name in missing),
        )


def expected_effect(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """A transfer states the expected input and output."""
    if picture.letter not in rule.params["classes"]:
        return
    names = ("expected_input_yuan", "expected_output_yuan")
    missing = [name for name in names if picture.values[name] is None]
    if missing:
        yield Fault(
            ASK,
            Text(
                "未填预计新增投入或产值；旧登记表对转让合同要求填写，请确认",
                "expected new input or output is not given: old forms ask for it in"
                " transfers; ask the registry",
            ),
            tuple(f"/{name}" for name in missing),
        )


def secret_matter(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """What is classified does not belong here."""
    names = ("title", "subject", "goal", "method", "deliverables", "remarks")
    for pointer, quote in mentions(picture, names, rule.params["words"]):
        yield Fault(
            ASK,
            Text(
                "写有“{quote}”：涉密内容不得在本平台流转；请停止上传并线下咨询",
                "says '{quote}': classified matter does not belong here; stop and ask"
                " outside the platform",
            ).format(quote=quote),
            (pointer,),
        )


def nested_training(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """Training that goes with a development or transfer is part of it."""
    if picture.class_code != "S2":
        return
    for pointer, quote in mentions(
        picture, ("title", "subject", "remarks"), rule.params["words"]
    ):
        yield Fault(
            ASK,
            Text(
                "写有“{quote}”：开发、转让、许可合同中的培训不单独登记；确认是否随主合同登记",
                "says '{quote}': training within a development, transfer or licence is"
                " not registered alone; ask whether it goes with the main contract",
            ).format(quote=quote),
            (pointer,),
        )


def signed(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """All parties have signed."""
    if not picture.all_signed:
        yield Fault(
            FIX,
            Text(
                "签字盖章不齐全；补齐各方签章",
                "not all parties have signed and sealed: have them sign",
            ),
        )


def in_force(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """The contract has come as far as the registration asks."""
    if picture.state.value in rule.params["states"]:
        return
    over = picture.state in {ContractState.RESCINDED, ContractState.VOID}
    yield Fault(
        FIX,
        Text("合同已解除或无效，不能登记", "the contract is rescinded or void")
        if over
        else Text(
            "合同尚未成立或生效；签订完成并确认生效后再申请",
            "the contract is not concluded or in force yet: apply once it is",
        ),
    )


def within_term(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """The application falls within the contract's term."""
    end = picture.values["valid_to"]
    if end is not None and picture.today > end:
        yield Fault(
            FIX,
            Text(
                "合同有效期至 {end}，已过；应在有效期内申请，确有延期的先办理变更",
                "the term ended on {end}: the application belongs within it; if the"
                " parties prolonged it, record the amendment first",
            ).format(end=end),
            ("/valid_to",),
        )


def dates_ordered(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """Signed, begun and ended in this order."""
    values = picture.values
    names = {"signed_on": "签订日期", "valid_from": "开始日期", "valid_to": "终止日期"}
    for name, zh in names.items():
        if values[name] is None:
            yield Fault(
                FIX,
                Text("未填{zh}，请补填", "{en} is missing: add it").format(
                    zh=zh, en=name
                ),
                (f"/{name}",),
            )
    signed_on, begin, end = (values[name] for name in names)
    if begin and end and end < begin:
        yield Fault(
            FIX,
            Text(
                "终止日期早于开始日期；请更正",
                "the term ends before it begins: correct",
            ),
            ("/valid_from", "/valid_to"),
        )
    if signed_on and begin and begin < signed_on:
        yield Fault(
            ASK,
            Text(
                "开始日期早于签订日期；确认是否补签",
                "the term begins before the signing: ask whether it was signed later",
            ),
            ("/signed_on", "/valid_from"),
        )
    if signed_on and signed_on > picture.today:
        yield Fault(
            FIX,
            Text(
                "签订日期在将来；请更正", "the day of signing is yet to come: correct"
            ),
            ("/signed_on",),
        )


def signed_when_said(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """The contract was signed on the day that it gives, which chooses the rules."""
    stated, known = picture.values["signed_on"], picture.concluded_on
    if stated and known and stated != known:
        yield Fault(
            ASK,
            Text(
                "合同写明{stated}签订，平台于{known}登记最后一方签字；请核对签订日期，"
                "适用哪套规则由它决定",
                "the contract says it was signed on {stated}, the last signature was"
                " put on record on {known}: check the day, it decides on the rules",
            ).format(stated=stated, known=known),
            ("/signed_on",),
        )


CHECKS = {
    check.__name__: check
    for check in (
        texts_specific,
        clauses_usual,
        clauses_filled,
        ownership_stated,
        monopoly,
        patent_fields,
        patent_alive,
        licence_terms,
        knowhow_marks,
        ip_proof,
        contract_text,
        electronic_text,
        foreign_text,
        plan_papers,
        form_codes,
        expected_effect,
        secret_matter,
        nested_training,
        signed,
        in_force,
        within_term,
        dates_ordered,
        signed_when_said,
    )
}

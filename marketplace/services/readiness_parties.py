"""Checks of the parties: who they are, may they sign, what else they have signed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rapidfuzz import fuzz

from marketplace.domain.contracts import JUDGED, STANDING, RegistrationState, Side
from marketplace.domain.organisations import OrganisationState
from marketplace.errors import Text
from marketplace.services.readiness_facts import (
    ASK,
    FIX,
    PASS,
    Earlier,
    Fault,
    PartyFacts,
    Picture,
    RuleRow,
    RuleSet,
    pattern,
    plain,
)

Faults = Iterator[Fault]
_HANDED_IN = (
    JUDGED | STANDING | {RegistrationState.APPLIED, RegistrationState.CORRECTION}
)
"""Registrations beside which a second one of the same contract is a double."""


def both_sides(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """There is a buyer and a seller."""
    for side, name in ((Side.BUYER, "买方"), (Side.SELLER, "卖方")):
        if not picture.of_side(side):
            yield Fault(
                FIX,
                Text("缺少{zh}，请补列", "there is no {en}: add it").format(
                    zh=name, en=side.value
                ),
                ("/parties",),
            )


def inner_body(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """A body without legal personality signs only with the authority of its unit."""
    if "AUTHORISATION" in picture.documents:
        return
    for party in picture.parties:
        told = picture.values["parties"][party.index]["is_inner_body"]
        looks = pattern(tuple(rule.params["names"])).search(plain(party.name))
        if not (told or party.is_inner or looks):
            continue
        yield Fault(
            FIX if told or party.is_inner else ASK,
            Text(
                "“{name}”是单位的内设机构：附上所属法人的授权，或改由法人签订",
                "'{name}' is an inner body of a unit: attach the unit's authorisation,"
                " or let the unit itself sign",
            ).format(name=party.name),
            (f"/parties/{party.index}/is_inner_body", "/documents"),
        )


_STANDING: dict[OrganisationState, tuple[str, Text]] = {
    OrganisationState.CLOSED: (
        FIX,
        Text(
            "“{name}”已注销，不能作为当事人；改列承继其权利义务的单位",
            "'{name}' is closed and cannot be a party: name the unit that succeeds it",
        ),
    ),
    OrganisationState.PENDING: (
        ASK,
        Text(
            "“{name}”尚未通过认证；请先完成认证",
            "'{name}' is not verified yet: have it verified first",
        ),
    ),
    OrganisationState.SUSPENDED: (
        ASK,
        Text(
            "“{name}”处于暂停状态；请向平台运营方核实",
            "'{name}' is suspended: ask the operator",
        ),
    ),
    OrganisationState.BLACKLISTED: (
        ASK,
        Text(
            "“{name}”被列入失信名单；请向平台运营方核实",
            "'{name}' is on the list of the dishonest: ask the operator",
        ),
    ),
}


def party_standing(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """The market knows the parties and holds nothing against them."""
    for party in picture.parties:
        if party.standing in _STANDING:
            level, text = _STANDING[party.standing]
            yield Fault(
                level, text.format(name=party.name), (f"/parties/{party.index}",)
            )


def seal_name(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """The seal bears the registered name."""
    words = pattern(tuple(rule.params["seal_words"]))
    for party in picture.parties:
        if party.is_person or party.is_foreign:
            continue
        seal = picture.values["parties"][party.index]["seal_name"]
        name = party.registered_name or party.name
        place = (f"/parties/{party.index}/seal_name",)
        if not seal:
            yield Fault(
                FIX,
                Text(
                    "未填“{name}”所盖印章的名称；按印章填写",
                    "the name on the seal of '{name}' is not given: copy it",
                ).format(name=name),
                place,
            )
        elif words.sub("", plain(seal)) != plain(name):
            yield Fault(
                FIX,
                Text(
                    "印章“{seal}”与单位名称“{name}”不一致；改用与登记名称一致的印章",
                    "the seal '{seal}' is not that of '{name}': use the seal that bears"
                    " the registered name",
                ).format(seal=seal, name=name),
                place,
            )


def party_identity(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """Name and credit code are those under which the party is registered."""
    for party in picture.parties:
        place = f"/parties/{party.index}"
        if party.registered_name and plain(party.name) != plain(party.registered_name):
            yield Fault(
                FIX,
                Text(
                    "合同写作“{name}”，登记名称为“{registered}”；改为登记名称",
                    "the contract says '{name}', registered is '{registered}': use the"
                    " registered name",
                ).format(name=party.name, registered=party.registered_name),
                (f"{place}/name",),
            )
        if party.registered_uscc and party.uscc != party.registered_uscc:
            yield Fault(
                FIX,
                Text(
                    "“{name}”的统一社会信用代码与登记的不同；请核对",
                    "the credit code of '{name}' is not the registered one: check it",
                ).format(name=party.name),
                (f"{place}/uscc",),
            )
        if not (party.uscc or party.is_foreign or party.is_person):
            yield Fault(
                FIX,
                Text(
                    "“{name}”缺统一社会信用代码；请补填",
                    "'{name}' has no credit code: add it",
                ).format(name=party.name),
                (f"{place}/uscc",),
            )


def party_fields(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """What the national form asks of the parties is filled in."""
    for party in picture.parties:
        missing = [name for name in _asked(party, rule) if not getattr(party, name, "")]
        if missing:
            yield Fault(
                FIX,
                Text(
                    "“{name}”缺：{fields}；请补填",
                    "'{name}' lacks: {fields}; fill them in",
                ).format(name=party.name, fields=", ".join(missing)),
                tuple(f"/parties/{party.index}/{name}" for name in missing),
            )


def _asked(party: PartyFacts, rule: RuleRow) -> list[str]:
    names = list(rule.params["sides"].get(party.side, ()))
    if party.side == Side.BUYER and party.is_enterprise:
        names += rule.params["enterprise"]
    if party.is_foreign:
        names = [n for n in names if n not in rule.params["not_abroad"]]
        names.append("country")
    if party.is_person:
        names = [n for n in names if n not in rule.params["not_of_persons"]]
    return names


def related_flag(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """A deal between related parties is marked as such."""
    values = picture.values
    flagged = any("RELATED_DEAL" in party["flags"] for party in values["parties"])
    if values["is_related"]:
        yield Fault(
            PASS,
            Text(
                "已标注关联交易；将按关联交易提高审核级别",
                "marked as a related-party deal; it will be reviewed as such",
            ),
            ("/is_related",),
        )
    elif picture.related or flagged:
        yield Fault(
            FIX,
            Text(
                "买卖双方存在关联关系而未标注；将“是否关联交易”改为是",
                "buyer and seller are related and the contract is not marked so: mark"
                " it as a related-party deal",
            ),
            ("/is_related",),
        )
    elif picture.related is None:
        yield Fault(
            PASS,
            Text(
                "无法核对全部当事人的关联关系；请自行确认",
                "not all ties of the parties could be looked up: confirm that there"
                " are none",
            ),
            ("/is_related",),
        )


def duplicate_registration(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """The same contract is not handed in twice."""
    buyers = _buyers(picture)
    doubles = [
        other
        for other in picture.earlier
        if other.registration in _HANDED_IN
        and other.buyers & buyers
        and _alike(picture, other, rule)
    ]
    same = [o for o in doubles if o.total_yuan == picture.values["total_yuan"]]
    if same:
        yield Fault(
            FIX,
            Text(
                "同一买方、同一标的、同一金额的合同已申请或已登记（{count} 份）；"
                "撤回其一，已登记的办理变更",
                "a contract with the same buyer, subject and amount has been handed in"
                " ({count}): withdraw one, or have the registered one changed",
            ).format(count=len(same)),
            ("/title", "/subject"),
            tuple(other.id for other in same),
        )
    elif doubles:
        yield Fault(
            ASK,
            Text(
                "与同一买方已有标的相近的合同申请登记（{count} 份）；说明是否后续阶段",
                "a contract with the same buyer on a like subject has been handed in"
                " ({count}): say whether this is a further stage or a change",
            ).format(count=len(doubles)),
            ("/title", "/subject"),
            tuple(other.id for other in doubles),
        )


def same_subject(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """One research subject is not sold to two clients."""
    if picture.letter not in rule.params["classes"]:
        return
    buyers = _buyers(picture)
    sold = [
        other
        for other in picture.earlier
        if other.contract_class[:1] == picture.letter
        and not other.buyers & buyers
        and _alike(picture, other, rule)
    ]
    if sold:
        yield Fault(
            ASK,
            Text(
                "卖方就相同或极为相近的标的与他人订有合同（{count} 份）；说明区别",
                "the seller has a contract on the same or a very like subject with"
                " somebody else ({count}): state how they differ",
            ).format(count=len(sold)),
            ("/subject",),
            tuple(other.id for other in sold),
        )


def _buyers(picture: Picture) -> frozenset[str]:
    return frozenset(party.key for party in picture.of_side(Side.BUYER))


def _alike(picture: Picture, other: Earlier, rule: RuleRow) -> bool:
    """Tell whether two contracts have the same subject, sign by sign."""
    mine, theirs = plain(picture.values["subject"]), plain(other.subject)
    if min(len(mine), len(theirs)) < rule.params["least"]:
        mine, theirs = plain(picture.values["title"]), plain(other.title)
    figures = re.findall(r"[0-9]+", mine) == re.findall(r"[0-9]+", theirs)
    alike: float = fuzz.ratio(mine, theirs)
    return bool(mine) and figures and alike >= rule.params["alike"]


def import_applicant(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """A contract with a seller abroad is an import, for which the buyer applies."""
    abroad = any(party.is_foreign for party in picture.of_side(Side.SELLER))
    home = any(not party.is_foreign for party in picture.of_side(Side.BUYER))
    is_import = picture.values["is_import"]
    if abroad and home and is_import:
        yield Fault(
            PASS,
            Text(
                "技术进口合同由境内买方申请登记",
                "for an import the domestic buyer applies",
            ),
            ("/is_import",),
        )
    elif abroad and home:
        yield Fault(
            FIX,
            Text(
                "卖方在境外而未标注技术进口；标注后由境内买方申请",
                "the seller is abroad and the contract is not marked as an import: mark"
                " it, and let the domestic buyer apply",
            ),
            ("/is_import",),
        )
    elif is_import:
        yield Fault(
            FIX,
            Text(
                "标注了技术进口，但不是境外卖方与境内买方；更正标注或补填国别",
                "marked as an import, but not between a seller abroad and a buyer at"
                " home: correct the mark, or give the country",
            ),
            ("/is_import", "/parties"),
        )


def broker_fee(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """What an intermediary in the contract gets, and from whom, is stated."""
    if not picture.of_side(Side.BROKER):
        return
    commission = picture.values["commission"] or {}
    if commission.get("amount_yuan") is None or not commission.get("paid_by"):
        yield Fault(
            ASK,
            Text(
                "合同有中介方而未约定报酬或由谁支付：未约定的由买卖双方平均承担；请确认或补写",
                "there is an intermediary and no sum or payer is agreed on: then buyer"
                " and seller pay half each; confirm or state it",
            ),
            ("/commission",),
        )


def approval(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """Technology that goes abroad may need an approval."""
    abroad = any(party.is_foreign for party in picture.of_side(Side.BUYER))
    home = any(not party.is_foreign for party in picture.of_side(Side.SELLER))
    if abroad and home and "APPROVAL" not in picture.documents:
        yield Fault(
            ASK,
            Text(
                "买方在境外：确认是否需要技术出口许可或登记，需要的附批准文件",
                "the buyer is abroad: ask whether an export approval is needed, and"
                " attach it if so",
            ),
            ("/documents",),
        )


def registry_seat(picture: Picture, rule: RuleRow, rules: RuleSet) -> Faults:  # noqa: ARG001
    """The registry is that of the place where the applicant has his seat."""
    side = Side(
        rules.who_applies["import" if picture.values["is_import"] else "normal"]
    )
    area = picture.registry_region.rstrip("0")
    regions = [party.region for party in picture.of_side(side) if party.region]
    if not area or any(region.startswith(area) for region in regions):
        return
    yield Fault(
        ASK,
        Text(
            "申请人所在地（{regions}）不在登记机构所在地（{place}）；请确认应由哪一登记机构登记",
            "the applicant sits in {regions}, the registry in {place}: ask which"
            " registry it is for",
        ).format(regions="、".join(regions) or "-", place=picture.registry_region),
        ("/parties",),
    )


CHECKS = {
    check.__name__: check
    for check in (
        both_sides,
        inner_body,
        party_standing,
        seal_name,
        party_identity,
        party_fields,
        related_flag,
        duplicate_registration,
        same_subject,
        import_applicant,
        broker_fee,
        approval,
        registry_seat,
    )
}

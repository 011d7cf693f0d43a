"""Offers: results 科技成果 and capabilities 科研能力 on their way to the market."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace import policies
from marketplace.domain import offers as domain
from marketplace.domain.actors import Actor
from marketplace.domain.offers import (
    OFFER_TIERS,
    OFFER_WORKFLOW,
    OfferKind,
    OfferState,
)
from marketplace.domain.roles import Role
from marketplace.errors import Conflict, FieldError, Invalid, Text
from marketplace.models.offers import (
    Offer,
    OfferAttachment,
    OfferIndicator,
    OfferRight,
    OfferVersion,
)
from marketplace.services import codes, contents, lifecycles, serials
from marketplace.services.contents import (
    Files,
    Indicators,
    Rights,
    TeamChoice,
    Values,
)
from marketplace.services.duties import Whom
from marketplace.services.fields import (
    Amount,
    Code,
    Codes,
    Custom,
    Day,
    Lines,
    Month,
    Openness,
    Reader,
    Whole,
    Words,
)
from marketplace.services.lifecycles import Aggregate
from marketplace.services.paging import Listing

SCALES = ("maturity_qd13", "maturity_trl9", "maturity_stage")
"""Code lists by which maturity 成熟度 may be stated; the first is the usual one."""


def _scale(reader: Reader, value: Any, pointer: str) -> str | None:
    word = reader.words(value, pointer, 40)
    if word and word not in SCALES:
        reader.wrong(
            pointer,
            "unknown_code",
            "成熟度标准只能是：{scales}",
            "must be one of {scales}",
            scales=", ".join(SCALES),
        )
    return word or None


def _five_values(reader: Reader, value: Any, pointer: str) -> Values:
    if value is None:
        return {}
    known = codes.offered(reader.session, "five_values", reader.on)
    found: Values = {}
    for name, item in reader.row(value, pointer, frozenset(known)).items():
        place = f"{pointer}/{name}"
        row = reader.row(item, place, frozenset({"text", "score"}))
        found[name] = {
            "text": reader.words(row.get("text"), f"{place}/text", 500),
            "score": reader.whole(row.get("score"), f"{place}/score", 0, 100),
        }
    return found


FIELDS: contents.Table = (
    Words("title", most=100),
    TeamChoice("team_id"),
    Words("abstract"),
    Lines("innovations", length=200, most=20, length_rule="innovation"),
    Code("category", list_id="achievement_category"),
    Code("nature", list_id="achievement_nature"),
    Code("form", list_id="achievement_form"),
    Month("period_from"),
    Month("period_to"),
    Code("source_plan", list_id="plan_source"),
    Words("project_no", most=60),
    Code("evaluation_mode"),
    Words("evaluation_body", most=120),
    Day("evaluated_on"),
    Code("level", list_id="achievement_level"),
    Code("secrecy"),
    Lines("keywords", length=40, most=20),
    Indicators("indicators", model=OfferIndicator),
    Custom("maturity_scale", reading=_scale),
    Whole("maturity_level", least=1, most=99),
    Words("maturity_evidence"),
    Code("stage", list_id="maturity_stage"),
    Codes("tech_field"),
    Code("industry_use", list_id="industry"),
    Code("chain", list_id="sd_chain"),
    Rights("ip", model=OfferRight),
    Code("application_state"),
    Codes("conversion_mode"),
    Codes("cooperation_mode"),
    Code("trial_mode"),
    Code("price_mode", list_id="pricing_mode"),
    Amount("price_expect_yuan"),
    Code("empowerment"),
    Whole("licence_years", least=1, most=99),
    Custom("five_values", reading=_five_values, initial=dict),
    Words("prospects"),
    Words("team_intro"),
    Lines("completers", length=60),
    Lines("co_owners", length=120),
    Lines("equipment"),
    Words("track_record"),
    Openness("disclosure"),
    Files("attachments", model=OfferAttachment),
)
_ALWAYS = (
    "title",
    "abstract",
    "secrecy",
    "tech_field",
    "industry_use",
    "cooperation_mode",
    "team_intro",
)
REQUIRED: Mapping[OfferKind, tuple[str, ...]] = {
    OfferKind.RESULT: (
        *_ALWAYS,
        "innovations",
        "completers",
        "category",
        "nature",
        "form",
        "period_from",
        "period_to",
        "level",
        "maturity_level",
        "maturity_evidence",
        "stage",
        "chain",
        "application_state",
        "conversion_mode",
        "prospects",
    ),
    OfferKind.CAPABILITY: _ALWAYS,
}
"""What the form asks for (domain reference, section 8), beside what is counted."""
MEANS = ("equipment", "track_record")
"""A capability shows by what it can do it: at least one of these."""


def _limits(session: so.Session, on: date, region: str) -> dict[str, int]:
    return lifecycles.text_limits(session, "offer.text_lengths", on, region)


def _check(reader: Reader, values: Values) -> None:
    """Note what contradicts itself, finished or not."""
    contents.in_order(reader, values, "period_from", "period_to")
    scale, level = values["maturity_scale"], values["maturity_level"]
    if level is None and scale is not None:
        reader.wrong(
            "/maturity_level",
            "required",
            "选择成熟度标准后须填写级别",
            "a scale needs a level",
        )
    if level is not None and scale is None:
        reader.wrong(
            "/maturity_scale",
            "required",
            "填写成熟度级别须说明所用标准",
            "a level needs its scale",
        )
    if level is not None and scale in SCALES:
        known = {entry.code for entry in codes.entries(reader.session, scale)}
        if str(level) not in known:
            reader.wrong(
                "/maturity_level",
                "unknown_code",
                "标准 {scale} 中没有第 {level} 级",
                "{scale} has no level {level}",
                scale=scale,
                level=level,
            )
    _check_secrecy(reader, values)
    _check_empowerment(reader, values)


def _check_secrecy(reader: Reader, values: Values) -> None:
    """Secrets never come onto the platform, not even as a draft."""
    secrecy = contents.attributes(reader.session, "secrecy", values["secrecy"])
    if secrecy.get("admissible") is False:
        reader.wrong(
            "/secrecy",
            "secret",
            "涉密成果不得上网，请勿在本平台填写",
            "classified results must stay off the platform",
        )


def _check_empowerment(reader: Reader, values: Values) -> None:
    years = values["licence_years"]
    needed = contents.attributes(
        reader.session, "empowerment", values["empowerment"]
    ).get("min_years")
    if needed is not None and years is not None and years < needed:
        reader.wrong(
            "/licence_years",
            "too_short",
            "赋予长期使用权不少于 {years} 年",
            "a long-term right of use runs for at least {years} years",
            years=needed,
        )


def _complete(offer: Offer, reader: Reader, values: Values) -> None:
    """Note every gap of an offer that is about to be submitted."""
    contents.require_filled(reader, values, REQUIRED[offer.kind])
    contents.require_count(reader, values, "keywords", 1)
    if offer.kind is OfferKind.RESULT:
        contents.require_count(reader, values, "indicators", 1)
    elif not any(values[name] for name in MEANS):
        reader.wrong(
            "/track_record",
            "one_of_required",
            "设备或业绩至少填写一项",
            "equipment or a track record is required",
        )
    contents.require_indicator_values(reader, values)
    secrecy = contents.attributes(reader.session, "secrecy", values["secrecy"])
    if values["secrecy"] and not secrecy.get("publishable"):
        reader.wrong(
            "/secrecy",
            "not_publishable",
            "只有公开的成果可以提交发布",
            "only public results can be submitted",
        )


def _take(
    session: so.Session,
    actor: Actor,
    offer: Offer,
    action: str,
    fields: Mapping[str, Any],
) -> None:
    """Keep the number under which the registry has the result."""
    given = fields.get("reg_no")
    if action != "register" or not given:
        return
    reader = Reader(session, actor.today)
    number = reader.words(given, "/reg_no", 32)
    reader.refuse()
    taken = sa.select(Offer.id).where(Offer.reg_no == number, Offer.id != offer.id)
    if session.scalar(taken) is not None:
        raise Conflict(
            errors=[
                FieldError(
                    "/reg_no",
                    "not_unique",
                    Text("登记号已被使用", "this number is taken"),
                )
            ]
        )
    offer.reg_no = number


def _row(shown: Any) -> tuple[Any, ...]:
    """Columns of a list."""
    return (
        Offer.kind,
        shown.stage,
        shown.maturity_scale,
        shown.maturity_level,
        shown.price_expect_yuan,
    )


def _operator(offer: Offer) -> Whom:  # noqa: ARG001 - whichever offer it is
    return Whom(role=Role.OPERATOR)


KIND: Aggregate[Offer] = Aggregate(
    name="offer",
    path="/api/v1/offers",
    model=Offer,
    version_model=OfferVersion,
    parent="offer_id",
    number="ach_no",
    heading=("ach_no", "reg_no", "kind", "published_at"),
    table=FIELDS,
    workflow=OFFER_WORKFLOW,
    rules=policies.OFFER_RULES,
    tiers=OFFER_TIERS,
    open_states=domain.EDITABLE,
    revisable=domain.REVISABLE,
    shown=domain.SHOWN,
    published=domain.PUBLISHED,
    gone=domain.GONE,
    between=domain.EDITABLE | domain.REVIEWING,
    listed=OfferState.LISTED,
    steps={OfferState.SUBMITTED: "unit", OfferState.UNIT_OK: "registration"},
    fixing=frozenset({"register", "list", "admit"}),
    publishing=frozenset({"list", "admit"}),
    releasing=frozenset({"unit-approve", "admit"}),
    private=frozenset({OfferState.DRAFT, OfferState.SUBMITTED}),
    visible=policies.visible_offers,
    docked=policies.docked_offers,
    size=policies.visible_offers_size,
    within=policies.own_offers,
    working=policies.working_offers,
    insider=policies.offer_insider,
    reads_working=policies.reads_working_offer,
    tier=policies.offer_tier,
    limits=_limits,
    row=_row,
    check=_check,
    complete=_complete,
    take=_take,
    owed={
        OfferState.SUBMITTED: (
            "unit",
            lambda offer: Whom(org_id=offer.owner_org_id, role=Role.UNIT_ADMIN),
        ),
        OfferState.UNIT_OK: ("registry", _operator),
        OfferState.REGISTERED: (
            "list-offer",
            lambda offer: Whom(org_id=offer.owner_org_id, role=Role.UNIT_ADMIN),
        ),
    },
)
_PREFIX = {OfferKind.RESULT: "R", OfferKind.CAPABILITY: "C"}


def kind_of(given: Any) -> OfferKind:
    """Read what kind of offer is meant; raises ``Invalid``."""
    if given not in list(OfferKind):
        raise Invalid.at(
            "/kind",
            "unknown_code",
            "类型只能是 result（成果）或 capability（能力）",
            "must be result or capability",
        )
    return OfferKind(given)


def numbers(
    session: so.Session, actor: Actor, kind: OfferKind, region: str, count: int
) -> list[str]:
    """Take the next human numbers of this year for offers of a kind at a seat."""
    year = actor.today.year
    first = serials.reserve(session, f"offer:{kind.value}:{year}:{region}", count)
    return [
        f"{_PREFIX[kind]}{year}-{region}-{n:04d}" for n in range(first, first + count)
    ]


def create(session: so.Session, actor: Actor, data: Mapping[str, Any]) -> Offer:
    """Draft an offer; only its kind and its title must be there.

    Parameters
    ----------
    data : mapping
        Fields by their names in the API; ``owner_org_id`` for who has several units.
        A maturity level without a scale is one of the usual scale.

    Raises
    ------
    Invalid
        Naming every value that is wrong. What is missing is asked for at submission.
    Forbidden, Unauthenticated
        The caller writes for no unit, or not for this one.
    """
    org = lifecycles.owner_of(session, actor, data.get("owner_org_id"))
    kind = kind_of(data.get("kind"))
    offer = Offer(
        owner_org_id=org.id,
        kind=kind,
        ach_no=numbers(session, actor, kind, org.region, 1)[0],
        reg_no=None,
        published_at=None,
    )
    apart = {"owner_org_id", "kind"}
    given = {name: value for name, value in data.items() if name not in apart}
    if given.get("maturity_level") is not None and not given.get("maturity_scale"):
        given["maturity_scale"] = SCALES[0]
    return lifecycles.create(session, actor, KIND, offer, org, given)


def unsaved(session: so.Session, actor: Actor, data: Mapping[str, Any]) -> Offer:
    """Make an offer that is not stored, for previews; raises as ``create``."""
    org = lifecycles.owner_of(session, actor, data.get("owner_org_id"))
    offer = Offer(owner_org_id=org.id, kind=kind_of(data.get("kind")), ach_no="")
    apart = {"owner_org_id", "kind"}
    given = {name: value for name, value in data.items() if name not in apart}
    return lifecycles.unsaved(session, actor, KIND, offer, org, given)


def edit(
    session: so.Session,
    actor: Actor,
    offer_id: UUID,
    data: Mapping[str, Any],
    *,
    expected: str | None = None,
) -> Offer:
    """Change a draft; of a registered, listed or delisted offer, begin a version.

    Raises
    ------
    Stale
        Somebody changed it since ``expected``, the tag that the caller has read.
    IllegalTransition
        Its text is locked.
    """
    return lifecycles.edit(session, actor, KIND, offer_id, data, expected=expected)


def delete_draft(
    session: so.Session, actor: Actor, offer_id: UUID, *, expected: str | None = None
) -> None:
    """Remove a draft that was never submitted."""
    lifecycles.delete_draft(session, actor, KIND, offer_id, expected=expected)


def act(
    session: so.Session,
    actor: Actor,
    offer_id: UUID,
    action: str,
    *,
    expected: str | None = None,
    comment: str = "",
    **fields: Any,
) -> Offer:
    """Move an offer along its workflow.

    Parameters
    ----------
    fields
        What the action takes beside a comment: ``field_comments`` for ``return``
        (a list of ``{"pointer", "comment"}``), ``reg_no`` for ``register``.
    """
    return lifecycles.act(
        session,
        actor,
        KIND,
        offer_id,
        action,
        expected=expected,
        comment=comment,
        fields=fields,
    )


def advance(
    session: so.Session, actor: Actor, offer_id: UUID, action: str, *, comment: str = ""
) -> Offer:
    """Make a move that only the system makes: try, end-trial, price, convert."""
    return lifecycles.advance(session, actor, KIND, offer_id, action, comment=comment)


def get(session: so.Session, actor: Actor, offer_id: UUID) -> Offer:
    """Return an offer with its unit, both versions and their child rows.

    Raises
    ------
    NotFound
        There is none, or the caller may not know of it.
    """
    return lifecycles.get(session, actor, KIND, offer_id)


def view(session: so.Session, actor: Actor, offer: Offer) -> Values:
    """Show an offer as the caller may see it, with what he may do now."""
    return lifecycles.view(session, actor, KIND, offer)


def tag(actor: Actor, offer: Offer) -> str:
    """Return what changes with the offer as the caller reads it."""
    return lifecycles.tag(actor, KIND, offer)


def confidential(actor: Actor, offer: Offer, shown: Mapping[str, Any]) -> list[str]:
    """Name the confidential fields that an outsider has been shown."""
    return lifecycles.confidential(actor, KIND, offer, shown)


def note_reading(
    session: so.Session, actor: Actor, offer_id: UUID, names: Collection[str]
) -> None:
    """Write the reading of confidential fields into the ledger."""
    lifecycles.note_reading(session, actor, KIND, offer_id, list(names))


def _of_kind(shown: Any, value: Any) -> sa.ColumnElement[bool]:
    found: sa.ColumnElement[bool] = shown.offer_id.in_(
        sa.select(Offer.id).where(Offer.kind == value)
    )
    return found


def _mature(session: so.Session, least: int) -> lifecycles.Filter:
    """Filter by maturity on the usual scale, read through the scales' own mapping."""
    lowest: dict[str, int] = {}
    for scale in SCALES:
        for entry in codes.entries(session, scale):
            own = [entry.code] if scale == SCALES[0] else []
            ranks = own or entry.attributes.get("maps_to", {}).get(SCALES[0], [])
            if any(int(rank) >= least for rank in ranks):
                lowest[scale] = min(int(entry.code), lowest.get(scale, 99))

    def mature(shown: Any, value: Any) -> sa.ColumnElement[bool]:  # noqa: ARG001
        return sa.or_(
            sa.false(),
            *(
                sa.and_(shown.maturity_scale == scale, shown.maturity_level >= level)
                for scale, level in lowest.items()
            ),
        )

    return mature


def search(session: so.Session, actor: Actor, **filters: Any) -> Listing[Values]:
    """List the offers that the caller may see.

    Parameters
    ----------
    filters
        ``q``, ``state``, ``kind``, ``owner_org_id``, ``chain``, ``tech_field``,
        ``industry_use``, ``region``, ``disclosure``, ``mine``, ``updated_after``, and
        ``maturity_min``, a level of the usual scale.
    """
    extra: dict[str, lifecycles.Filter] = {"kind": _of_kind}
    if filters.get("maturity_min") is not None:
        extra["maturity_min"] = _mature(session, int(filters["maturity_min"]))
    return lifecycles.search(session, actor, KIND, extra=extra, filters=filters)


def history(session: so.Session, actor: Actor, offer_id: UUID) -> Listing[Values]:
    """List what happened to an offer, oldest first."""
    return lifecycles.history(session, actor, KIND, offer_id)


def versions(session: so.Session, actor: Actor, offer_id: UUID) -> list[Values]:
    """List the versions of an offer that the caller may read."""
    return lifecycles.versions(session, actor, KIND, offer_id)


def version(session: so.Session, actor: Actor, offer: Offer, number: int) -> Values:
    """Show one version of an offer."""
    return lifecycles.version(session, actor, KIND, offer, number)


def compare(
    session: so.Session, actor: Actor, offer: Offer, older: int, newer: int
) -> Values:
    """List what differs between two versions of an offer."""
    return lifecycles.compare(session, actor, KIND, offer, older, newer)

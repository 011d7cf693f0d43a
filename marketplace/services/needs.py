"""Needs 技术需求: drafted by a unit, reviewed, kept in the library, matched."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace import policies
from marketplace.domain import needs as domain
from marketplace.domain.actors import Actor
from marketplace.domain.needs import NEED_TIERS, NEED_WORKFLOW, NeedState
from marketplace.domain.roles import Role
from marketplace.models.needs import (
    Need,
    NeedAttachment,
    NeedIndicator,
    NeedIntendedUnit,
    NeedVersion,
)
from marketplace.services import contents, lifecycles, rules, serials
from marketplace.services.contents import Files, Indicators, Units, Values
from marketplace.services.duties import Whom
from marketplace.services.fields import (
    Amount,
    Code,
    Codes,
    Day,
    Flag,
    Lines,
    Mark,
    Openness,
    Reader,
    Words,
)
from marketplace.services.lifecycles import Aggregate
from marketplace.services.paging import Listing

FIELDS: contents.Table = (
    Words("title", most=80),
    Words("problem"),
    Words("key_technology"),
    Words("expected_goal"),
    Words("research_content"),
    Words("background"),
    Indicators("indicators", model=NeedIndicator),
    Lines("keywords", length=40, most=20),
    Codes("tech_field"),
    Mark("discipline"),
    Code("activity_type"),
    Code("industry_use", list_id="industry"),
    Code("chain", list_id="sd_chain"),
    Code("ten_strong", list_id="sd_ten_strong"),
    Code("foundation"),
    Code("future_tag"),
    Code("solve_mode"),
    Codes("cooperation_mode"),
    Amount("budget_total_yuan"),
    Flag("budget_negotiable"),
    Amount("budget_to_bidder_yuan"),
    Day("period_start"),
    Day("period_end"),
    Code("ip_owner"),
    Words("ip_arrangement"),
    Words("bidder_conditions"),
    Units("intended_units", model=NeedIntendedUnit),
    Lines("intended_experts", length=60),
    Day("valid_until"),
    Openness("disclosure"),
    Code("source_channel"),
    Files("attachments", model=NeedAttachment),
)
REQUIRED = (
    "title",
    "problem",
    "key_technology",
    "expected_goal",
    "background",
    "tech_field",
    "activity_type",
    "industry_use",
    "solve_mode",
    "cooperation_mode",
    "period_start",
    "period_end",
    "ip_owner",
    "valid_until",
    "source_channel",
)
"""What the form asks for (domain reference, section 4), beside what is counted."""
DIRECTIONS = ("chain", "ten_strong", "foundation", "future_tag")
"""A need belongs to at least one of these 产业链、十强、六基、未来产业."""
PUBLISHING = frozenset({"pool", "admit"})
"""What brings a text into the library and fixes it."""
OWN_WORDS = "AGREED"
"""The arrangement of rights that has to be put into words 另约."""


def _limits(session: so.Session, on: date, region: str) -> dict[str, int]:
    lengths = lifecycles.text_limits(session, "need.text_lengths", on, region)
    keywords = rules.in_force(session, "need.keywords", on=on, region=region).value
    return {**lengths, "keywords": int(keywords["max"])}


def _check(reader: Reader, values: Values) -> None:
    """Note what contradicts itself, finished or not."""
    contents.in_order(reader, values, "period_start", "period_end")
    total, share = values["budget_total_yuan"], values["budget_to_bidder_yuan"]
    if total is not None and share is not None and share > total:
        reader.wrong(
            "/budget_to_bidder_yuan",
            "more_than_total",
            "支付揭榜方的金额不能超过拟投入总额",
            "must not exceed the total budget",
        )


def _complete(need: Need, reader: Reader, values: Values) -> None:
    """Note every gap of a need that is about to be submitted."""
    region, on = need.owner_org.region, reader.on

    def rule(key: str) -> Mapping[str, Any]:
        return rules.in_force(reader.session, key, on=on, region=region).value

    contents.require_filled(reader, values, REQUIRED)
    keywords = int(rule("need.keywords")["min"])
    contents.require_count(reader, values, "keywords", keywords)
    least = int(rule("need.minimum_indicators")["count"])
    contents.require_count(reader, values, "indicators", least)
    contents.require_indicator_values(reader, values)
    if not any(values[name] for name in DIRECTIONS):
        reader.wrong(
            "/chain",
            "one_of_required",
            "产业链、十强产业、工业基础、未来产业至少选一项",
            "one of chain, ten_strong, foundation and future_tag is required",
        )
    if values["budget_total_yuan"] is None and not values["budget_negotiable"]:
        reader.wrong(
            "/budget_total_yuan",
            "required",
            "请填写拟投入资金，或注明面议",
            "give the budget, or mark it as negotiable",
        )
    if values["ip_owner"] == OWN_WORDS and not values["ip_arrangement"]:
        reader.wrong(
            "/ip_arrangement",
            "required",
            "产权归属选择另约时须写明约定",
            "an arrangement of its own must be put into words",
        )
    if values["valid_until"] is not None:
        _check_validity(reader, values["valid_until"], region)


def _check_validity(reader: Reader, day: date, region: str) -> None:
    rule = rules.in_force(
        reader.session, "need.default_validity_days", on=reader.on, region=region
    )
    last = reader.on + timedelta(days=int(rule.value["max_days"]))
    if not reader.on <= day <= last:
        reader.wrong(
            "/valid_until",
            "out_of_range",
            "有效期应在 {first} 与 {last} 之间",
            "must lie between {first} and {last}",
            first=reader.on,
            last=last,
        )


def default_validity(session: so.Session, on: date, region: str) -> date:
    """Return the day until which a need stays that names none."""
    rule = rules.in_force(session, "need.default_validity_days", on=on, region=region)
    return on + timedelta(days=int(rule.value["days"]))


def _take(
    session: so.Session,
    actor: Actor,
    need: Need,
    action: str,
    fields: Mapping[str, Any],
) -> None:
    """Set how long the need stays in the library.

    A date that has passed while the need was under review gives way to the usual term.
    """
    if action in PUBLISHING:
        day = need.working.valid_until
        if day is None or day < actor.today:
            day = default_validity(session, actor.today, need.owner_org.region)
        need.valid_until = day
    elif action == "renew":
        region = need.owner_org.region
        reader = Reader(session, actor.today)
        day = reader.day(fields.get("valid_until"), "/valid_until")
        day = day or default_validity(session, actor.today, region)
        _check_validity(reader, day, region)
        reader.refuse()
        need.valid_until = day


def _row(shown: Any) -> tuple[Any, ...]:
    """Columns of a list; once published, the day until which it stays is the need's."""
    published = Need.published_version_id == shown.id
    valid_until = sa.case((published, Need.valid_until), else_=shown.valid_until)
    return (
        shown.budget_total_yuan,
        shown.budget_negotiable,
        valid_until.label("valid_until"),
    )


def _operator(need: Need) -> Whom:  # noqa: ARG001 - whichever need it is
    return Whom(role=Role.OPERATOR)


KIND: Aggregate[Need] = Aggregate(
    name="need",
    path="/api/v1/needs",
    model=Need,
    version_model=NeedVersion,
    parent="need_id",
    number="need_no",
    heading=("need_no", "valid_until", "published_at"),
    table=FIELDS,
    workflow=NEED_WORKFLOW,
    rules=policies.NEED_RULES,
    tiers=NEED_TIERS,
    open_states=domain.EDITABLE,
    revisable=domain.REVISABLE,
    shown=domain.SHOWN,
    published=domain.PUBLISHED,
    gone=domain.GONE,
    between=domain.EDITABLE | domain.REVIEWING,
    listed=NeedState.POOLED,
    steps={
        NeedState.SUBMITTED: "district",
        NeedState.DISTRICT_OK: "formal",
        NeedState.FORMAL_OK: "argument",
    },
    fixing=PUBLISHING,
    publishing=PUBLISHING,
    releasing=frozenset({"submit", "admit"}),
    private=frozenset({NeedState.DRAFT}),
    visible=policies.visible_needs,
    docked=policies.docked_needs,
    size=policies.visible_needs_size,
    within=policies.own_needs,
    working=policies.working_needs,
    insider=policies.need_insider,
    reads_working=policies.reads_working_need,
    tier=policies.need_tier,
    limits=_limits,
    row=_row,
    check=_check,
    complete=_complete,
    take=_take,
    owed={
        NeedState.SUBMITTED: (
            "district",
            lambda need: Whom(
                role=Role.DISTRICT_REVIEWER, region=need.owner_org.region
            ),
        ),
        NeedState.DISTRICT_OK: ("formal", _operator),
        NeedState.FORMAL_OK: ("argument", _operator),
        NeedState.ARGUED: ("pool", _operator),
        NeedState.RETURNED: (
            "revise-need",
            lambda need: Whom(org_id=need.owner_org_id),
        ),
    },
)


def numbers(session: so.Session, actor: Actor, region: str, count: int) -> list[str]:
    """Take the next human numbers of this year for needs of a seat."""
    year = actor.today.year
    first = serials.reserve(session, f"need:{year}:{region}", count)
    return [f"N{year}-{region}-{n:04d}" for n in range(first, first + count)]


def create(session: so.Session, actor: Actor, data: Mapping[str, Any]) -> Need:
    """Draft a need; only its title must be there.

    Parameters
    ----------
    data : mapping
        Fields by their names in the API; ``owner_org_id`` for who has several units.

    Raises
    ------
    Invalid
        Naming every value that is wrong. What is missing is asked for at submission.
    Forbidden, Unauthenticated
        The caller writes for no unit, or not for this one.
    """
    org = lifecycles.owner_of(session, actor, data.get("owner_org_id"))
    need = Need(
        owner_org_id=org.id,
        need_no=numbers(session, actor, org.region, 1)[0],
        valid_until=None,
        published_at=None,
    )
    given = {name: value for name, value in data.items() if name != "owner_org_id"}
    if not given.get("valid_until"):
        given["valid_until"] = default_validity(session, actor.today, org.region)
    return lifecycles.create(session, actor, KIND, need, org, given)


def unsaved(session: so.Session, actor: Actor, data: Mapping[str, Any]) -> Need:
    """Make a need that is not stored, for previews; raises as ``create``."""
    org = lifecycles.owner_of(session, actor, data.get("owner_org_id"))
    need = Need(owner_org_id=org.id, need_no="")
    given = {name: value for name, value in data.items() if name != "owner_org_id"}
    return lifecycles.unsaved(session, actor, KIND, need, org, given)


def edit(
    session: so.Session,
    actor: Actor,
    need_id: UUID,
    data: Mapping[str, Any],
    *,
    expected: str | None = None,
) -> Need:
    """Change a draft; of a need in the library or expired, begin the next version.

    Raises
    ------
    Stale
        Somebody changed it since ``expected``, the tag that the caller has read.
    IllegalTransition
        Its text is locked.
    """
    return lifecycles.edit(session, actor, KIND, need_id, data, expected=expected)


def delete_draft(
    session: so.Session, actor: Actor, need_id: UUID, *, expected: str | None = None
) -> None:
    """Remove a draft that was never submitted."""
    lifecycles.delete_draft(session, actor, KIND, need_id, expected=expected)


def act(
    session: so.Session,
    actor: Actor,
    need_id: UUID,
    action: str,
    *,
    expected: str | None = None,
    comment: str = "",
    **fields: Any,
) -> Need:
    """Move a need along its workflow.

    Parameters
    ----------
    fields
        What the action takes beside a comment: ``field_comments`` for ``return``
        (a list of ``{"pointer", "comment"}``), ``valid_until`` for ``renew``.
    """
    return lifecycles.act(
        session,
        actor,
        KIND,
        need_id,
        action,
        expected=expected,
        comment=comment,
        fields=fields,
    )


def advance(
    session: so.Session, actor: Actor, need_id: UUID, action: str, *, comment: str = ""
) -> Need:
    """Make a move that only the system makes: call, dock, contract, solve, expire."""
    return lifecycles.advance(session, actor, KIND, need_id, action, comment=comment)


def get(session: so.Session, actor: Actor, need_id: UUID) -> Need:
    """Return a need with its unit, both versions and their child rows.

    Raises
    ------
    NotFound
        There is none, or the caller may not know of it.
    """
    return lifecycles.get(session, actor, KIND, need_id)


def view(session: so.Session, actor: Actor, need: Need) -> Values:
    """Show a need as the caller may see it, with what he may do now."""
    return lifecycles.view(session, actor, KIND, need)


def tag(actor: Actor, need: Need) -> str:
    """Return what changes with the need as the caller reads it."""
    return lifecycles.tag(actor, KIND, need)


def confidential(actor: Actor, need: Need, shown: Mapping[str, Any]) -> list[str]:
    """Name the confidential fields that an outsider has been shown."""
    return lifecycles.confidential(actor, KIND, need, shown)


def note_reading(
    session: so.Session, actor: Actor, need_id: UUID, names: Collection[str]
) -> None:
    """Write the reading of confidential fields into the ledger."""
    lifecycles.note_reading(session, actor, KIND, need_id, list(names))


def search(session: so.Session, actor: Actor, **filters: Any) -> Listing[Values]:
    """List the needs that the caller may see.

    Parameters
    ----------
    filters
        ``q``, ``state``, ``owner_org_id``, ``chain``, ``tech_field``,
        ``industry_use``, ``region``, ``disclosure``, ``mine``, ``updated_after``. They
        hold for the version and the state that the caller sees.
    """
    return lifecycles.search(session, actor, KIND, extra={}, filters=filters)


def history(session: so.Session, actor: Actor, need_id: UUID) -> Listing[Values]:
    """List what happened to a need, oldest first."""
    return lifecycles.history(session, actor, KIND, need_id)


def versions(session: so.Session, actor: Actor, need_id: UUID) -> list[Values]:
    """List the versions of a need that the caller may read."""
    return lifecycles.versions(session, actor, KIND, need_id)


def version(session: so.Session, actor: Actor, need: Need, number: int) -> Values:
    """Show one version of a need."""
    return lifecycles.version(session, actor, KIND, need, number)


def compare(
    session: so.Session, actor: Actor, need: Need, older: int, newer: int
) -> Values:
    """List what differs between two versions of a need."""
    return lifecycles.compare(session, actor, KIND, need, older, newer)


def expire_due(session: so.Session, actor: Actor, *, batch: int = 200) -> int:
    """Expire what has passed its last day in the library; returns how many.

    Parameters
    ----------
    actor : Actor
        The system's.
    batch : int
        How many are read at a time.
    """
    statement = (
        sa.select(Need.id)
        .where(
            Need.state.in_([state for state in NeedState if _expires(state)]),
            Need.valid_until < actor.today,
        )
        .order_by(Need.id)
        .limit(batch)
        .with_for_update(skip_locked=True)
    )
    count = 0
    while due := session.scalars(statement).all():
        for need_id in due:
            advance(session, actor, need_id, "expire")
        count += len(due)
    return count


def _expires(state: NeedState) -> bool:
    rows = NEED_WORKFLOW.transitions
    return any(row.action == "expire" and state in row.sources for row in rows)

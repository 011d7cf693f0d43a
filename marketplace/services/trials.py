"""Trial licences 先用后转: used first on agreed terms, converted or dropped later."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace import policies
from marketplace import thread_policies as rights
from marketplace.domain import actors
from marketplace.domain.actors import Actor
from marketplace.domain.contracts import EXECUTED
from marketplace.domain.dockings import (
    TRIAL_WORKFLOW,
    TRYING,
    UNDECIDED,
    DockingSide,
    TrialState,
    TrialVerdict,
)
from marketplace.domain.offers import OfferState
from marketplace.domain.roles import Role
from marketplace.errors import Conflict, FieldError, Invalid, NotFound, Text
from marketplace.models.contracts import Contract
from marketplace.models.dockings import Docking, TrialLicence
from marketplace.models.duties import Duty
from marketplace.models.needs import NeedIndicator
from marketplace.models.offers import Offer
from marketplace.services import (
    duties,
    events,
    notices,
    offers,
    postings,
    rules,
    steps,
)
from marketplace.services.contents import Indicators
from marketplace.services.duties import Whom
from marketplace.services.fields import Amount, Day, Field, Reader, Row, Words
from marketplace.services.paging import Listing
from matching.indicators import Comparison, Indicator, VerdictKind, judge, parse

Values = dict[str, Any]
PATH = "/api/v1/trials"
MOST_MEASURED = 200
INDICATORS = Indicators("indicators", NeedIndicator)
TERMS: tuple[Field, ...] = (
    Day("starts_on"),
    Day("ends_on"),
    Words("site", most=200),
    INDICATORS,
    Amount("liability_cap_yuan"),
    Amount("price_yuan"),
)
"""What the two sides agree on before the trial begins."""
KIND: steps.Kind[TrialLicence] = steps.Kind(
    name="trial",
    path=f"{PATH}/{{id}}",
    model=TrialLicence,
    workflow=TRIAL_WORKFLOW,
    rules=rights.TRIAL_RULES,
    visible=rights.visible_trials,
    options=(
        so.joinedload(TrialLicence.docking)
        .joinedload(Docking.offer)
        .joinedload(Offer.published),
    ),
)


def _docking(
    session: so.Session, actor: Actor, docking_id: UUID, *, lock: bool = False
) -> Docking:
    """Return a docking that the caller may know of.

    Raises
    ------
    NotFound
    """
    statement = (
        sa.select(Docking)
        .where(Docking.id == docking_id, rights.visible_dockings(actor))
        .execution_options(populate_existing=True)
    )
    if lock:
        statement = statement.with_for_update(of=Docking)
    found = session.scalar(statement)
    if found is None:
        raise NotFound
    return found


def propose(
    session: so.Session,
    actor: Actor,
    docking_id: UUID,
    data: Mapping[str, Any],
    *,
    expected: str | None = None,
) -> TrialLicence:
    """Propose a trial within a docking; the other side has to agree.

    Parameters
    ----------
    data : mapping
        ``starts_on``, ``ends_on``, ``site``, ``indicators`` (rows as those of a need),
        ``liability_cap_yuan``, ``price_yuan``; amounts in 元.
    expected : str, optional
        The revision of the docking that the caller has read; a trial that is proposed
        moves it on, so that a second click proposes nothing.

    Raises
    ------
    NotFound, Unauthenticated, Forbidden, Stale, Invalid
    Conflict
        The docking has no agreement on secrecy yet, or is over.
    """
    docking = _docking(session, actor, docking_id, lock=True)
    grant = policies.require(actor, "propose-trial", docking, rights.TRIAL_OPENING)
    steps.require_revision(docking, expected)
    if docking.state not in TRYING or docking.nda_number is None:
        raise Conflict(
            Text(
                "须在签署保密协议之后、签约之前提出试用",
                "a trial is proposed after the agreement on secrecy and before the"
                " contract",
            )
        )
    values = _read(session, actor, data)
    side = rights.side_of(actor, docking)
    assert side is not None  # noqa: S101 - the rule asks for a side
    trial = TrialLicence(
        docking_id=docking.id,
        state=TrialState.PROPOSED,
        proposed_side=side,
        created_at=actor.now,
        updated_at=actor.now,
        **{**values, "indicators": events.plain(values["indicators"])},
    )
    session.add(trial)
    steps.touch(docking, actor)
    session.flush()
    events.record(
        session,
        actor,
        trial,
        "trial.propose",
        role=grant.role,
        org_id=grant.org_id,
        to_state=trial.state.value,
        changes=events.difference({}, {**values, "docking_id": docking.id}),
    )
    session.flush()
    trial = get(session, actor, trial.id)
    _owe(session, actor, trial)
    _tell(session, actor, trial, PROPOSED)
    return trial


def _read(session: so.Session, actor: Actor, data: Mapping[str, Any]) -> Values:
    """Read the terms, and tell all that is wrong with them at once."""
    reader = Reader(session, actor.today)
    values = {
        field.name: field.read(reader, data.get(field.name), None) for field in TERMS
    }
    for name in ("starts_on", "ends_on", "site"):
        if not values[name] and not any(e.pointer == f"/{name}" for e in reader.errors):
            reader.wrong(f"/{name}", "required", "必填", "is required")
    starts, ends = values["starts_on"], values["ends_on"]
    if starts is not None and starts < actor.today:
        reader.wrong("/starts_on", "in_the_past", "不能早于今天", "lies in the past")
    if starts is not None and ends is not None and ends <= starts:
        reader.wrong(
            "/ends_on",
            "dates_reversed",
            "结束日期应晚于开始日期",
            "must lie after the beginning",
        )
    _check_indicators(reader, values["indicators"])
    reader.refuse()
    return values


def _check_indicators(reader: Reader, rows: Sequence[Row]) -> None:
    """A trial shows something only if it is said before what it has to reach."""
    if not rows and not any(e.pointer.startswith("/indicators") for e in reader.errors):
        reader.wrong(
            "/indicators",
            "required",
            "至少填写一项需要达到的指标",
            "name at least one indicator to reach",
        )
    seen = set()
    for index, row in enumerate(rows):
        key = INDICATORS.key(row)
        if key in seen:
            reader.wrong(
                f"/indicators/{index}/name",
                "duplicate",
                "该指标已列出",
                "this indicator is listed already",
            )
        seen.add(key)


def get(session: so.Session, actor: Actor, trial_id: UUID) -> TrialLicence:
    """Return a trial of a docking that the caller may know of.

    Raises
    ------
    NotFound
    """
    return steps.get(session, actor, KIND, trial_id)


@dataclass(slots=True)
class _Move:
    """A step on its way."""

    session: so.Session
    actor: Actor
    trial: TrialLicence
    comment: str
    given: Mapping[str, Any]
    changes: dict[str, Any]


def act(
    session: so.Session,
    actor: Actor,
    trial_id: UUID,
    action: str,
    *,
    expected: str | None = None,
    comment: str = "",
    **given: Any,
) -> TrialLicence:
    """Take one step of a trial.

    Parameters
    ----------
    given
        ``results`` for ``report``: of each indicator ``name``, ``measured`` and, where
        the figures do not tell it, ``verdict``; ``contract_id`` for ``convert``.

    Raises
    ------
    NotFound, Unauthenticated, Forbidden, IllegalTransition, Stale, Invalid, Conflict
    """
    step = steps.begin(
        session,
        actor,
        KIND,
        trial_id,
        action,
        expected=expected,
        comment=comment,
        given=given,
    )
    move = _Move(session, actor, step.subject, step.comment, given, {})
    _DOING[action](move)
    trial = steps.finish(session, actor, KIND, step, changes=move.changes)
    _settle(session, actor, trial)
    _tell(session, actor, trial, TRIAL_WORKFLOW.titles[action])
    return trial


def _start(move: _Move) -> None:
    """Agree; a term that is over already cannot be agreed to."""
    if move.trial.ends_on <= move.actor.today:
        raise Conflict(
            Text(
                "拟定的试用期已过，请重新提出",
                "the term that was proposed is over; propose another one",
            )
        )


def _report(move: _Move) -> None:
    """Write down what was measured, each indicator once.

    Before its first day nothing has been tried.
    """
    trial = move.trial
    if move.actor.today < trial.starts_on:
        raise Conflict(
            Text(
                "试用期于 {day} 开始，此前不能报告结果",
                "the trial begins on {day}; there is no result before that",
            ).format(day=trial.starts_on.isoformat())
        )
    reader = Reader(move.session, move.actor.today)
    rows = {row["name"]: row for row in trial.indicators}
    told: dict[str, Row] = {}
    items = reader.items(move.given.get("results"), "/results", len(rows))
    for index, item in enumerate(items):
        place = f"/results/{index}"
        given = reader.row(item, place, frozenset({"name", "measured", "verdict"}))
        name = reader.words(given.get("name"), f"{place}/name", 100)
        if name not in rows:
            reader.wrong(
                f"{place}/name",
                "unknown_indicator",
                "试用约定中没有此指标",
                "the trial has no such indicator",
            )
        elif name in told:
            reader.wrong(f"{place}/name", "duplicate", "重复", "is told twice")
        else:
            told[name] = _result(reader, place, rows[name], given)
    missing = [name for name in rows if name not in told]
    if missing and not reader.errors:
        reader.wrong(
            "/results",
            "incomplete",
            "尚缺指标：{names}",
            "these indicators are missing: {names}",
            names="、".join(missing),
        )
    reader.refuse()
    trial.indicators = [{**row, **told[row["name"]]} for row in trial.indicators]
    trial.result = move.comment
    move.changes = events.difference(
        {}, {name: [row["measured"], row["verdict"]] for name, row in told.items()}
    )


def _result(reader: Reader, place: str, row: Row, given: Row) -> Row:
    """Read one result; where the figures speak, the verdict may not contradict them."""
    measured = reader.words(given.get("measured"), f"{place}/measured", MOST_MEASURED)
    verdict = given.get("verdict")
    if verdict is not None and verdict not in list(TrialVerdict):
        reader.wrong(f"{place}/verdict", "unknown_verdict", "没有此结论", "is unknown")
        return {}
    shown = compared(row, measured)
    if verdict is None and shown is None:
        reader.wrong(
            f"{place}/verdict",
            "required",
            "无法由数值判断，请给出结论",
            "the figures do not tell it: say what the verdict is",
        )
        return {}
    if verdict == TrialVerdict.UNSTATED:
        if measured:
            reader.wrong(
                f"{place}/verdict",
                "contradicts_measured",
                "已填写测得值，不能为“未测得”",
                "something was measured",
            )
    elif not measured:
        reader.wrong(f"{place}/measured", "required", "请填写测得值", "is required")
    elif verdict is not None and shown is not None and verdict not in _FITTING[shown]:
        reader.wrong(
            f"{place}/verdict",
            "contradicts_figures",
            "与数值不符：要求 {required}，测得 {measured}，应为 {shown}",
            "contradicts the figures: {required} is required, {measured} was measured,"
            " which is '{shown}'",
            required=_required(row).text,
            measured=measured,
            shown=shown.value,
        )
    return {
        "measured": measured,
        "verdict": verdict or (shown.value if shown else None),
        "compared": shown.value if shown else None,
    }


_FITTING: Mapping[TrialVerdict, frozenset[TrialVerdict]] = {
    TrialVerdict.MET: frozenset({TrialVerdict.MET}),
    # Whoever falls a little short has not reached what was agreed: both are true.
    TrialVerdict.NEAR: frozenset({TrialVerdict.NEAR, TrialVerdict.MISSED}),
    TrialVerdict.MISSED: frozenset({TrialVerdict.MISSED}),
}
_KNOWN = {
    VerdictKind.MET: TrialVerdict.MET,
    VerdictKind.NEAR: TrialVerdict.NEAR,
    VerdictKind.MISSED: TrialVerdict.MISSED,
}


def _required(row: Row) -> Indicator:
    """Return an agreed indicator as the engine reads it."""
    values = {name: row[name] for name in INDICATORS.columns}
    for name in ("value", "value2"):
        values[name] = None if row[name] is None else Decimal(row[name])
    return postings.indicator(NeedIndicator(**values))


def compared(row: Row, measured: str) -> TrialVerdict | None:
    """Compare what was measured with what was agreed, by their figures.

    Parameters
    ----------
    row : mapping
        An indicator of a trial as it is kept.
    measured : str
        For example ``372 MPa``; a figure without a unit is in the agreed one.

    Returns
    -------
    TrialVerdict or None
        None where one of the two is no figure, or they cannot be compared.
    """
    required = _required(row)
    found = parse(measured, name=required.name)
    if Comparison.QUALITATIVE in {required.comparison, found.comparison}:
        return None
    # What is reported for an indicator is about it, under the conditions agreed.
    claim = replace(found, name=required.name, condition=required.condition)
    if not claim.unit:
        claim = replace(claim, unit=required.unit, dimension=required.dimension)
    return _KNOWN.get(judge(required, [claim]).kind)


def _convert(move: _Move) -> None:
    """Link the signed contract of the same docking by which it was converted."""
    reader = Reader(move.session, move.actor.today)
    contract_id = reader.reference(move.given.get("contract_id"), "/contract_id")
    reader.refuse()
    found = move.session.scalar(
        sa.select(Contract)
        .where(
            Contract.id == contract_id,
            Contract.docking_id == move.trial.docking_id,
            Contract.state.in_(EXECUTED),
        )
        .options(so.selectinload(Contract.parties))
    )
    if found is None or not rights.between_both(found, move.trial.docking):
        raise Invalid(
            errors=[
                FieldError(
                    "/contract_id",
                    "unknown_contract",
                    Text(
                        "没有由本次对接产生且已签订的此合同",
                        "there is no signed contract of this docking with this id",
                    ),
                )
            ]
        )
    move.trial.contract_id = found.id
    move.changes = events.difference({}, {"contract_id": found.id})


_DOING: Mapping[str, Callable[[_Move], None]] = {
    "start": _start,
    "report": _report,
    "convert": _convert,
    "drop": lambda move: None,  # noqa: ARG005 - the reason is the comment
}


PROPOSED = Text("提出试用", "Propose a trial")


def _tell(session: so.Session, actor: Actor, trial: TrialLicence, step: Text) -> None:
    """Tell the other side, and the broker, of a step."""
    docking = trial.docking
    mine = rights.side_of(actor, docking)
    assert mine is not None  # noqa: S101 - the rules of every step ask for a side
    offer = docking.offer.published
    for side in DockingSide:
        if side is mine:
            continue
        broker = side is DockingSide.BROKER
        notices.tell_units(
            session,
            actor,
            [rights.org_of(docking, side)],
            "trial.moved",
            {
                "party": notices.name_of(session, rights.org_of(docking, mine)),
                "subject": offer.title if offer is not None else "",
                "step": step,
                "starts": trial.starts_on.isoformat(),
                "ends": trial.ends_on.isoformat(),
            },
            kind="docking",
            subject_id=docking.id,
            key=f"trial:{trial.id}:{trial.revision}:{side}",
            roles=frozenset({Role.BROKER} if broker else duties.UNIT_ROLES),
        )


def lapse(session: so.Session, actor: Actor, docking: Docking) -> int:
    """Drop the trials of a docking that has come to nothing; returns how many."""
    found = session.scalars(
        sa.select(TrialLicence)
        .where(TrialLicence.docking_id == docking.id, TrialLicence.state.in_(UNDECIDED))
        .order_by(TrialLicence.id)
        .options(*KIND.options)
        .with_for_update(of=TrialLicence)
        .execution_options(populate_existing=True)
    ).all()
    for trial in found:
        steps.advance(session, actor, KIND, trial, "lapse")
        _settle(session, actor, trial)
    return len(found)


def _settle(session: so.Session, actor: Actor, trial: TrialLicence) -> None:
    """Put what follows from a step into effect: the offer's state, who owes what."""
    machine = actors.system(actor.now, request_id=actor.request_id)
    _mark_offer(session, machine, trial.docking.offer_id)
    outcome = _OUTCOME.get(trial.state, duties.DONE)
    duties.close(session, actor, kind="trial", subject_id=trial.id, outcome=outcome)
    _owe(session, actor, trial)


_OUTCOME = {TrialState.DROPPED: duties.DROPPED}
_OWED = {
    TrialState.PROPOSED: "answer-trial",
    TrialState.RUNNING: "trial-result",
    TrialState.ENDED: "trial-decision",
}
_DAYS = {"answer-trial": "answer", "trial-decision": "decision"}
"""The names of their days in the rule ``trial.duties``; a result is due at the end."""


def _mark_offer(session: so.Session, machine: Actor, offer_id: UUID) -> None:
    """Have the offer say whether somebody tries it: from the first trial to the last.

    Whoever starts or ends a trial takes the offer's row first, so that of two at once
    the second one counts what the first one did.
    """
    state = session.scalar(
        sa.select(Offer.state).where(Offer.id == offer_id).with_for_update()
    )
    running = session.scalar(
        sa.select(sa.func.count())
        .select_from(TrialLicence)
        .join(Docking, Docking.id == TrialLicence.docking_id)
        .where(Docking.offer_id == offer_id, TrialLicence.state == TrialState.RUNNING)
    )
    step = _OFFER_STEPS.get((state, bool(running))) if state else None
    if step is not None:
        offers.advance(session, machine, offer_id, step)


_OFFER_STEPS = {
    (OfferState.LISTED, True): "try",
    (OfferState.TRIAL, False): "end-trial",
}


def _owe(session: so.Session, actor: Actor, trial: TrialLicence) -> None:
    """Ask for the answer, then for the result, and then for the decision.

    Who was proposed the trial answers; the side that tries owes the rest.
    """
    step = _OWED.get(trial.state)
    if step is None:
        return
    rule = rules.in_force(session, "trial.duties", on=actor.today).value
    due_on = trial.ends_on
    if step in _DAYS:
        due_on = duties.promise(session, actor, int(rule[_DAYS[step]]))
    side = DockingSide.NEED
    if trial.proposed_side is side and step == "answer-trial":
        side = DockingSide.OFFER
    docking = trial.docking
    title = docking.offer.published.title if docking.offer.published else ""
    duties.open_(
        session,
        actor,
        Whom(org_id=rights.org_of(docking, side)),
        step,
        kind="trial",
        subject_id=trial.id,
        title=title,
        number=docking.docking_no,
        due_on=due_on,
        remind_before=int(rule["remind_before"]),
    )


def search(session: so.Session, actor: Actor, docking_id: UUID) -> Listing[Values]:
    """List the trials of a docking, oldest first.

    Raises
    ------
    NotFound
    """
    docking = _docking(session, actor, docking_id)
    statement = (
        sa.select(TrialLicence)
        .where(TrialLicence.docking_id == docking.id)
        .options(*KIND.options)
    )

    def show(rows: Sequence[sa.Row[*tuple[Any, ...]]]) -> list[Values]:
        return [_brief(row[0]) for row in rows]

    return Listing(
        session,
        statement,
        key=TrialLicence.id,
        view=show,
        sorts={"starts": TrialLicence.starts_on},
        default_sort="starts",
    )


def _brief(trial: TrialLicence) -> Values:
    names = ("id", "docking_id", "state", "proposed_side", "starts_on", "ends_on")
    more = ("site", "liability_cap_yuan", "price_yuan", "result", "contract_id")
    return {
        **{name: getattr(trial, name) for name in (*names, *more)},
        "docking_no": trial.docking.docking_no,
        "created_at": trial.created_at,
        "updated_at": trial.updated_at,
    }


def view(session: so.Session, actor: Actor, trial: TrialLicence) -> Values:
    """Show a trial as a side, its broker or an operator sees it."""
    owed = session.scalars(
        sa.select(Duty)
        .where(
            Duty.subject_kind == "trial",
            Duty.subject_id == trial.id,
            Duty.closed_at.is_(None),
        )
        .order_by(Duty.due_on, Duty.id)
    ).all()
    return {
        **_brief(trial),
        "side": rights.side_of(actor, trial.docking),
        "indicators": [_show_indicator(row) for row in trial.indicators],
        "owed": [
            {
                "step": duty.step,
                "what": duties.STEPS[duty.step],
                "side": rights.side_of_org(trial.docking, duty.org_id),
                "due_on": duty.due_on,
                "late": duty.due_on < actor.today,
            }
            for duty in owed
        ],
        "actions": steps.links(actor, KIND, trial, trial.id),
    }


def _show_indicator(row: Row) -> Row:
    shown = {name: row[name] for name in INDICATORS.names}
    told = ("measured", "verdict", "compared")
    return {**shown, **{name: row.get(name) for name in told}}


def history(session: so.Session, actor: Actor, trial_id: UUID) -> Listing[Values]:
    """List what happened to a trial, oldest first."""
    trial = get(session, actor, trial_id)
    return steps.history(session, "trial", trial.id)

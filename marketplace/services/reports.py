"""Statistical reports: prepared from figures, issued with a digest, never changed.

What is found out after an issue, an entry made late, stands in the next issue of that
kind and place, as a list of what was reported and what holds now. What is changed,
cancelled or revoked counts on the day on which that is done: the report of that day's
period names each such contract with the period in which it was registered.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace import policies
from marketplace.domain import periods
from marketplace.domain.actors import Actor
from marketplace.domain.indicators import AXES, INDICATORS, percent
from marketplace.domain.periods import Period
from marketplace.domain.reports import FORMS, ReportKind
from marketplace.errors import Conflict, FieldError, Invalid, NotFound, Text
from marketplace.models.organisations import Organisation
from marketplace.models.registrations import RegistrationFact
from marketplace.models.reports import IssuedReport
from marketplace.models.rules import Rule
from marketplace.policies import REPORT_RULES, FigureScope, ReportPlace
from marketplace.services import (
    codes,
    conversion_duties,
    conversions,
    events,
    indicators,
    report_changes,
    serials,
)
from marketplace.services.events import plain
from marketplace.services.figures import Question
from marketplace.services.paging import Listing

HEADLINE = (
    "CT_N",
    "CT_AMT",
    "CT_TECH",
    "CT_AVG",
    "IN",
    "LOCAL",
    "IP_SHARE",
    "PLAN_SHARE",
    "NEED_N",
    "NEED_RATE",
    "DOCK_N",
    "DOCK_OK",
)
_MEASURES = ("CT_N", "CT_AMT", "CT_TECH")
"""What the tables of a report show of every part."""
_SHORT = ("class", "tech_field")
_LONG = (*_SHORT, "seller_nature", "buyer_nature", "ip", "plan", "flow")
MOST_EARLIER = 24
"""How many issues back corrections are looked for."""


@dataclass(frozen=True)
class Prepared:
    """A report as it would be issued now."""

    kind: ReportKind
    period: Period
    place: ReportPlace
    content: dict[str, Any]
    digest: str
    note: str


def digest_of(content: Mapping[str, Any]) -> str:
    """SHA-256 over the content as canonical JSON: sorted names, no blanks, UTF-8."""
    body = json.dumps(
        content, ensure_ascii=False, sort_keys=True, separators=(",", ":")
    )
    return hashlib.sha256(body.encode("utf-8")).hexdigest()


def prepare(
    session: so.Session,
    actor: Actor,
    *,
    kind: str,
    period: str,
    region: str = "",
    organisation_id: UUID | None = None,
) -> Prepared:
    """Compute a report as it stands now; nothing is stored.

    Parameters
    ----------
    region : str
        GB/T 2260 code; of a city for a rank of districts.
    organisation_id : UUID, optional
        The university of a conversion report, instead of a region.

    Raises
    ------
    Unauthenticated, Forbidden, NotFound, Invalid
    """
    form, span, place = _asked(session, actor, kind, period, region, organisation_id)
    policies.require(actor, "prepare", place, REPORT_RULES)
    return _prepared(session, actor, form, span, place)


def _asked(
    session: so.Session,
    actor: Actor,
    kind: str,
    period: str,
    region: str,
    organisation_id: UUID | None,
) -> tuple[ReportKind, Period, ReportPlace]:
    found = ReportKind(kind)
    form = FORMS[found]
    errors: list[FieldError] = []

    def wrong(name: str, code: str, zh: str, en: str) -> None:
        errors.append(FieldError(f"/{name}", code, Text(zh, en)))

    span = periods.parse("2000")
    try:
        span = periods.parse(period)
    except ValueError:
        wrong("period", "bad_period", "期间写法有误", "is written in no known way")
    if not errors and span.kind != form.period:
        wrong(
            "period",
            "bad_period",
            f"{form.title.zh}的期间须为 {form.period}",
            f"a {form.title.en} goes over a {form.period}",
        )
    of_unit = found is ReportKind.CONVERSION
    if of_unit != (organisation_id is not None):
        wrong(
            "organisation_id",
            "wrong_place",
            "仅成果转化年度报告须指定单位",
            "is for conversion reports, which need it",
        )
    if of_unit == bool(region):
        wrong("region", "wrong_place", "须为行政区划代码", "is needed for this kind")
    elif region:
        known = codes.names(session, "region", only=[region])
        is_city = region.endswith("00") and not region.endswith("0000")
        if not known or (found is ReportKind.QUARTERLY_RANK and not is_city):
            wrong("region", "unknown_code", "没有此市（区县）", "is no such place")
    if errors:
        raise Invalid(errors=errors)
    if organisation_id is not None:
        _unit(session, actor, organisation_id)
    return found, span, ReportPlace(region, organisation_id)


def _unit(session: so.Session, actor: Actor, organisation_id: UUID) -> Organisation:
    org = session.get(Organisation, organisation_id)
    if org is None or not policies.sees_organisation(actor, org):
        raise NotFound
    return org


def _prepared(
    session: so.Session,
    actor: Actor,
    kind: ReportKind,
    span: Period,
    place: ReportPlace,
) -> Prepared:
    made = _figures(session, actor, kind, span, place)
    corrections = _corrections(session, actor, kind, span, place)
    changes: list[dict[str, Any]] = []
    if place.region:
        changes = report_changes.of_earlier(session, actor, span, place.region)
    content = {
        "kind": kind.value,
        "title": _both(FORMS[kind].title),
        "period": span.label,
        "region": place.region,
        "organisation_id": plain(place.org_id),
        "as_of": plain(actor.now),
        "figures": made,
        "corrections": corrections,
        "changes": changes,
    }
    note = "\n".join([*_lines(corrections), *report_changes.lines(changes)])
    return Prepared(kind, span, place, content, digest_of(content), note)


def _both(text: Text) -> dict[str, str]:
    return {"zh": text.zh, "en": text.en}


def _figures(
    session: so.Session,
    actor: Actor,
    kind: ReportKind,
    span: Period,
    place: ReportPlace,
) -> dict[str, Any]:
    if place.org_id is not None:
        return conversions.pack(session, actor, place.org_id, span)
    ask = _Asker(session, actor, span, place.region)
    if kind is ReportKind.QUARTERLY_RANK:
        headline_ = ask.headline((*_MEASURES, "OUT"))
        return {"headline": headline_, "sections": [ask.rank()]}
    is_long = kind in {ReportKind.HALF_YEAR, ReportKind.YEAR}
    headline: tuple[str, ...] = HEADLINE
    if kind is ReportKind.YEAR:
        headline = (*HEADLINE, "GDP_SHARE")
    sections = [ask.section(axis) for axis in (_LONG if is_long else _SHORT)]
    level = "city" if place.region.endswith("0000") else "district"
    sections.append(ask.section(f"seller_{level}"))
    sections.append(ask.section(f"buyer_{level}", "IN"))
    return {"headline": ask.headline(headline), "sections": sections}


@dataclass(frozen=True)
class _Asker:
    """Asks for figures of one place and period, whoever prepares the report."""

    session: so.Session
    actor: Actor
    period: Period
    region: str

    def figure(self, code: str, *by: str, measure: str = "") -> indicators.Figure:
        question = Question(
            indicator=INDICATORS[code],
            period=self.period,
            as_of=self.actor.now,
            axes=tuple(AXES[name] for name in by),
            filters={},
            scope=FigureScope(regions=(self.region,)),
            actor=self.actor,
            measure=measure,
        )
        if code == "GDP_SHARE":
            question = replace(question, filters={"seller_city": (self.region,)})
        return indicators.answer(self.session, question)

    def headline(self, codes_: Sequence[str]) -> list[dict[str, Any]]:
        """Return the totals, each with its growth."""
        found = []
        for code in codes_:
            figure = self.figure(code)
            cell = figure.total
            found.append(
                {
                    "code": code,
                    "title": _both(figure.indicator.title),
                    "unit": _both(figure.indicator.unit),
                    "value": plain(cell.value),
                    "reason": _both(cell.reason) if cell.reason else None,
                    "yoy": plain(cell.yoy),
                }
            )
        return found

    def section(self, axis: str, code: str = "CT_AMT") -> dict[str, Any]:
        """Return a table: number, value and technical amount, each with growth.

        Parameters
        ----------
        code : str
            ``IN`` for what is bought.
        """
        found = [self.figure(code, axis, measure=measure) for measure in _MEASURES]
        rows = []
        for place, cell in enumerate(found[0].cells):
            growths = [plain(f.cells[place].yoy) for f in found]
            rows.append(
                {
                    "key": cell.key[axis],
                    "name": _both(cell.names[axis]),
                    "rank": None,
                    "count": cell.count,
                    "count_yoy": growths[0],
                    "total_yuan": plain(cell.total_yuan),
                    "total_yoy": growths[1],
                    "technical_yuan": plain(cell.technical_yuan),
                    "technical_yoy": growths[2],
                }
            )
        notes = {note.zh: _both(note) for f in found for note in f.notes}
        return {
            "axis": axis,
            "title": _both(AXES[axis].title),
            "rows": rows,
            "notes": list(notes.values()),
        }

    def rank(self) -> dict[str, Any]:
        """Rank the districts of a city by value; those without contracts come last.

        Equal values share a rank and stand in the order of their codes.
        """
        section = self.section("seller_district")
        rows = {row["key"]: row for row in section["rows"]}
        for entry in codes.entries(self.session, "region", on=self.period.end):
            if entry.parent == self.region and entry.code not in rows:
                rows[entry.code] = {
                    "key": entry.code,
                    "name": {"zh": entry.zh, "en": entry.en},
                    "rank": None,
                    "count": 0,
                    "count_yoy": None,
                    "total_yuan": "0.00",
                    "total_yoy": None,
                    "technical_yuan": "0.00",
                    "technical_yoy": None,
                }
        order = sorted(
            rows.values(), key=lambda r: (-Decimal(r["total_yuan"]), r["key"])
        )
        for place, row in enumerate(order):
            before = order[place - 1] if place else None
            same = before is not None and before["total_yuan"] == row["total_yuan"]
            row["rank"] = before["rank"] if same and before else place + 1
        return {**section, "rows": order}


def flattened(made: Mapping[str, Any]) -> dict[str, str]:
    """Return the numbers of a report by where they stand, for comparing two."""
    found = {
        f"{entry['code']}": str(entry["value"])
        for entry in made["headline"]
        if entry["value"] is not None and entry["code"] not in _STILL_MOVING
    }
    for section in made["sections"]:
        for row in section["rows"]:
            for name in ("count", "total_yuan", "technical_yuan"):
                if row[name] is not None:
                    found[f"{section['axis']}/{row['key']}/{name}"] = str(row[name])
    return found


_STILL_MOVING = frozenset({"NEED_RATE"})
"""What goes on growing after the period is over, and is no correction."""


def _issues(
    session: so.Session, kind: ReportKind, place: ReportPlace
) -> Sequence[IssuedReport]:
    """Return the last issues of a kind and place, oldest first."""
    found = session.scalars(
        sa.select(IssuedReport)
        .where(
            IssuedReport.kind == kind.value,
            IssuedReport.region == place.region,
            IssuedReport.org_key == str(place.org_id or ""),
        )
        .order_by(IssuedReport.issued_at.desc(), IssuedReport.id.desc())
        .limit(MOST_EARLIER)
    ).all()
    return found[::-1]


def _corrections(
    session: so.Session,
    actor: Actor,
    kind: ReportKind,
    span: Period,
    place: ReportPlace,
) -> list[dict[str, Any]]:
    """List what was reported of this and earlier periods and no longer holds.

    A correction that an issue has already told is not told again.
    """
    told: dict[str, dict[str, str]] = {}
    since: dict[str, datetime] = {}
    for issue in _issues(session, kind, place):
        told[issue.period] = flattened(issue.content["figures"])
        since[issue.period] = issue.as_of
        for known in issue.content["corrections"]:
            told.setdefault(known["period"], {})[known["where"]] = known["now"]
    found = []
    for label in sorted(since):
        earlier = periods.parse(label)
        if earlier.start > span.start or not (
            kind is ReportKind.CONVERSION
            or _has_late_entries(session, earlier, since[label])
        ):
            continue
        now = flattened(_figures(session, actor, kind, earlier, place))
        for where in sorted(told[label].keys() | now.keys()):
            was, holds = told[label].get(where), now.get(where)
            if Decimal(was or 0) != Decimal(holds or 0):
                found.append(_difference(label, where, was, holds))
    return found


def _has_late_entries(session: so.Session, period: Period, since: datetime) -> bool:
    """Tell whether anything was entered for a period after its issue."""
    late = sa.exists().where(
        RegistrationFact.on_day.between(period.start, period.end),
        RegistrationFact.at > since,
    )
    return bool(session.scalar(sa.select(late)))


def _difference(
    label: str, where: str, was: str | None, holds: str | None
) -> dict[str, Any]:
    change = Decimal(holds or 0) - Decimal(was or 0)
    return {
        "period": label,
        "where": where,
        "reported": was,
        "now": holds or "0",
        "difference": str(change),
    }


def _lines(corrections: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        f"{c['period']} {c['where']}：原报 {c['reported'] or '—'}，现为 {c['now']}"
        f"（{Decimal(c['difference']):+}）"
        for c in corrections
    ]


def issue(
    session: so.Session,
    actor: Actor,
    *,
    kind: str,
    period: str,
    region: str = "",
    organisation_id: UUID | None = None,
) -> IssuedReport:
    """Freeze a report with its digest.

    Raises
    ------
    Unauthenticated, Forbidden, NotFound, Invalid
    Conflict
        The period is not over, or nothing has changed since its last issue.
    """
    form, span, place = _asked(session, actor, kind, period, region, organisation_id)
    grant = policies.require(actor, "issue", place, REPORT_RULES)
    if span.is_over(actor.zone) > actor.now:
        raise Conflict(Text("期间尚未结束", "the period is not over"))
    # Whoever issues the same report at this moment waits here for his turn.
    owner = place.org_id.hex if place.org_id else place.region
    series = f"R{FORMS[form].letter}{owner}"
    serial = serials.next_number(session, series)
    made = _prepared(session, actor, form, span, place)
    same = [i for i in _issues(session, form, place) if i.period == span.label]
    if same and same[-1].content["figures"] == made.content["figures"]:
        raise Conflict(
            Text(
                "与第 {n} 版相比没有变化，不再签发",
                "nothing has changed since revision {n}",
            ).format(n=same[-1].revision)
        )
    report = IssuedReport(
        kind=form.value,
        period=span.label,
        region=place.region,
        org_id=place.org_id,
        org_key=str(place.org_id or ""),
        number=f"{FORMS[form].letter}-{owner}-{serial:04d}",
        as_of=actor.now,
        issued_at=actor.now,
        issued_by=actor.user_id,
        revision=same[-1].revision + 1 if same else 1,
        content=made.content,
        digest=made.digest,
        note=made.note,
    )
    session.add(report)
    session.flush()
    events.record(
        session,
        actor,
        report,
        "report.issue",
        role=grant.role,
        org_id=grant.org_id,
        changes=events.difference({}, {"number": report.number, "digest": made.digest}),
    )
    if place.org_id is not None:
        conversion_duties.done(session, actor, place.org_id, span.label)
    session.flush()
    return report


def get(session: so.Session, actor: Actor, report_id: UUID) -> IssuedReport:
    """Return an issued report.

    Raises
    ------
    NotFound
    """
    found = session.scalar(
        sa.select(IssuedReport).where(
            IssuedReport.id == report_id, policies.visible_reports(actor)
        )
    )
    if found is None:
        raise NotFound
    return found


def search(
    session: so.Session,
    actor: Actor,
    *,
    kind: str | None = None,
    period: str | None = None,
    region: str | None = None,
) -> Listing[dict[str, Any]]:
    """List the issued reports that the caller may read; the public has none."""
    policies.require_signed_in(actor)
    statement = sa.select(IssuedReport).where(policies.visible_reports(actor))
    for column, value in (
        (IssuedReport.kind, kind),
        (IssuedReport.period, period),
        (IssuedReport.region, region),
    ):
        if value is not None:
            statement = statement.where(column == value)
    return Listing(
        session,
        statement,
        key=IssuedReport.id,
        view=lambda rows: [brief(row[0]) for row in rows],
        sorts={"issued_at": IssuedReport.issued_at, "period": IssuedReport.period},
    )


def brief(report: IssuedReport) -> dict[str, Any]:
    """Show an issued report without its content."""
    return {
        "id": report.id,
        "number": report.number,
        "kind": report.kind,
        "period": report.period,
        "region": report.region,
        "organisation_id": report.org_id,
        "as_of": report.as_of,
        "issued_at": report.issued_at,
        "issued_by": report.issued_by,
        "revision": report.revision,
        "digest": report.digest,
        "note": report.note,
    }


def view(report: IssuedReport) -> dict[str, Any]:
    """Show an issued report, and whether it still is what was issued."""
    sound = digest_of(report.content) == report.digest
    return {**brief(report), "content": report.content, "sound": sound}


def targets(
    session: so.Session, actor: Actor, *, region: str | None = None
) -> list[dict[str, Any]]:
    """List the targets in force today, with how far they are reached.

    A figure of the present year is given to who may have it; what was reported
    elsewhere stands beside it with its source.
    """
    today = actor.today
    found = session.scalars(
        sa.select(Rule)
        .where(
            Rule.key.like("target.%"),
            Rule.valid_from <= today,
            sa.or_(Rule.valid_to.is_(None), Rule.valid_to >= today),
        )
        .order_by(Rule.region, Rule.key, Rule.valid_from)
    )
    return [
        _target(session, actor, rule)
        for rule in found
        if region is None or rule.region == region
    ]


def _target(session: so.Session, actor: Actor, rule: Rule) -> dict[str, Any]:
    value, target = None, Decimal(rule.value["target"])
    code = rule.value["indicator"]
    allowed = policies.may(
        actor, "prepare", ReportPlace(region=rule.region), REPORT_RULES
    )
    if code is not None and allowed:
        span = periods.containing("year", actor.today)
        found = _Asker(session, actor, span, rule.region).figure(code)
        value = found.total.value
    return {
        "key": rule.key,
        "region": rule.region,
        "title": Text(rule.value["zh"], rule.value["en"]),
        "relation": rule.value["relation"],
        "target": target,
        "unit": rule.value["unit"],
        "by": rule.value["by"],
        "indicator": code,
        "value": value,
        "progress": None if value is None else percent(value, target),
        "reported": rule.value.get("reported", []),
        "valid_from": rule.valid_from,
        "valid_to": rule.valid_to,
        "mark": rule.mark,
        "source": rule.source,
    }

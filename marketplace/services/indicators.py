"""Figures of the market, as of any moment, each of them open down to its rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so

from marketplace import policies
from marketplace.domain import periods
from marketplace.domain.actors import Actor
from marketplace.domain.indicators import (
    AXES,
    BASE_IS_ZERO,
    BUYER_AXES,
    FLOW,
    INDICATORS,
    MOST_AXES,
    NO_DATA,
    SELLER_AXES,
    Axis,
    Family,
    Indicator,
    growth,
    percent,
    quotient,
    rounded,
)
from marketplace.domain.periods import Period
from marketplace.errors import (
    FieldError,
    Forbidden,
    Invalid,
    NotFound,
    Text,
    Unauthenticated,
)
from marketplace.models.brokers import Broker
from marketplace.models.contracts import Contract
from marketplace.models.dockings import Docking
from marketplace.models.needs import Need, NeedVersion
from marketplace.models.organisations import Organisation
from marketplace.models.registrations import RegistrationFact
from marketplace.services import codes, figures, rules
from marketplace.services.figures import Key, Parts, Question
from marketplace.services.paging import Listing

UNSTATED = Text("未填", "not stated")
HIDDEN = Text("数量过少，不予公开", "too few to be made public")
_NO_MODIFIER = Text(
    "同比随各指标给出，不单独查询", "growth is given with every indicator, not alone"
)
_NO_GDP = Text(
    "未录入该地该年有来源的地区生产总值",
    "no GDP with a source is known for this place and year",
)
_WHOLE_YEAR = Text("只按整年计算", "is computed for whole years only")
_NOT_APART = Text(
    "上年同期许可计在转让内，不单独比较",
    "licences were counted inside transfer in the base period",
)
_BRIDGE = Text(
    "上年同期按四类统计，许可计在技术转让内：转让的同比按转让与许可合计计算",
    "the base period counted four classes with licences inside transfer: the growth of"
    " transfer compares transfer and licence together",
)
_TO_DATE = Text(
    "期间未结束：同比按上年同样的起止日计算",
    "the period is not over: growth compares with the same days of the year before",
)
_PART_OF_MARKET = Text(
    "仅含您负责的地区或登记机构的数据",
    "only what your region or registry answers for",
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One value, with the contracts beside it, or the reason why there is none."""

    key: Mapping[str, str]
    names: Mapping[str, Text]
    value: Decimal | None
    reason: Text | None
    yoy: Decimal | None
    yoy_reason: Text | None
    count: int | None
    total_yuan: Decimal | None
    technical_yuan: Decimal | None


@dataclass(frozen=True, slots=True)
class Figure:
    """An indicator over a period, as it stood at a moment."""

    indicator: Indicator
    period: Period
    as_of: datetime
    by: tuple[str, ...]
    total: Cell
    cells: tuple[Cell, ...]
    notes: tuple[Text, ...]


def get(code: str) -> Indicator:
    """Return a definition.

    Raises
    ------
    NotFound
    """
    if code not in INDICATORS:
        raise NotFound(Text("没有指标 {c}", "no indicator {c}").format(c=code[:40]))
    return INDICATORS[code]


def figure(
    session: so.Session,
    actor: Actor,
    code: str,
    *,
    period: str = "",
    as_of: datetime | None = None,
    by: Sequence[str] = (),
    filters: Mapping[str, Sequence[str]] | None = None,
) -> Figure:
    """Compute an indicator.

    Parameters
    ----------
    period : str
        ``2026``, ``2026H1``, ``2026Q3``, ``2026-09`` or ``2026-01-05..2026-02-11``;
        by default the present year, for the public the last quarter that is settled.
    as_of : datetime, optional
        Only what was known then; by default now.
    by : sequence of str
        At most two axes.
    filters : mapping of axis to codes

    Raises
    ------
    NotFound
        No such indicator.
    Invalid
        No such period, axis or code, or not for the public.
    """
    question = ask(
        session, actor, code, period=period, as_of=as_of, by=by, filters=filters or {}
    )
    return answer(session, question)


def ask(
    session: so.Session,
    actor: Actor,
    code: str,
    *,
    period: str = "",
    as_of: datetime | None = None,
    by: Sequence[str] = (),
    filters: Mapping[str, Sequence[str]] | None = None,
) -> Question:
    """Check what is asked for and by whom; see ``figure``."""
    indicator, filters = get(code), filters or {}
    errors: list[FieldError] = []
    if indicator.modifier:
        errors.append(FieldError("/query/code", "modifier", _NO_MODIFIER))
    scope = policies.figure_scope(actor, contracts=indicator.family is Family.CONTRACT)
    if scope.public:
        public = _public_rule(session, actor)
        found = _public_period(actor, public, period, errors)
        allowed = set(public["axes"])
        errors += _refused_publicly(as_of, by, filters, public)
        moment = _settled(found, public, actor)
    else:
        found = _period(period or str(actor.today.year), errors)
        allowed, moment = set(AXES), as_of or actor.now
        if moment > actor.now:
            errors.append(_wrong("as_of", "future", "不能晚于现在", "is in the future"))
    errors += _axes_errors(indicator, [*by, *filters], allowed)
    if len(by) > MOST_AXES or len(set(by)) < len(by):
        errors.append(
            _wrong("by", "too_many", "最多两个互异的维度", "at most two different axes")
        )
    if not errors:
        errors += _filter_errors(session, filters)
    if errors:
        raise Invalid(errors=errors)
    return Question(
        indicator=indicator,
        period=found,
        as_of=moment,
        axes=tuple(AXES[name] for name in by),
        filters={name: tuple(values) for name, values in filters.items()},
        scope=scope,
        actor=actor,
    )


def _wrong(name: str, code: str, zh: str, en: str) -> FieldError:
    return FieldError(f"/query/{name}", code, Text(zh, en))


def _period(text: str, errors: list[FieldError]) -> Period:
    try:
        return periods.parse(text)
    except ValueError:
        errors.append(
            _wrong(
                "period",
                "bad_period",
                "须为 2026、2026H1、2026Q3、2026-09 或 2026-01-05..2026-02-11",
                "must be like 2026, 2026H1, 2026Q3, 2026-09 or 2026-01-05..2026-02-11",
            )
        )
        return periods.parse("2000")


def _public_rule(session: so.Session, actor: Actor) -> dict[str, Any]:
    return rules.in_force(session, "indicator.public", on=actor.today).value


def _settled(period: Period, public: Mapping[str, Any], actor: Actor) -> datetime:
    return period.is_over(actor.zone) + timedelta(days=public["settled_days"])


def _public_period(
    actor: Actor, public: Mapping[str, Any], text: str, errors: list[FieldError]
) -> Period:
    if text:
        found = _period(text, errors)
    else:
        found = periods.containing(public["period"], actor.today).before()
        while _settled(found, public, actor) > actor.now:
            found = found.before()
    ready = _settled(found, public, actor) <= actor.now
    if not errors and (found.kind != public["period"] or not ready):
        errors.append(
            _wrong(
                "period",
                "not_public",
                "公开数据只按季度、于季度结束并经核定后提供",
                "public figures are given by quarter, once it has ended and is settled",
            )
        )
    return found


def _refused_publicly(
    as_of: datetime | None,
    by: Sequence[str],
    filters: Mapping[str, Any],
    public: Mapping[str, Any],
) -> Iterable[FieldError]:
    zh, en = "公开数据不支持此项", "is not offered for public figures"
    if as_of is not None:
        yield _wrong("as_of", "not_public", zh, en)
    if len(by) > 1 or not set(by) <= set(public["axes"]) | (set(by) - AXES.keys()):
        yield _wrong("by", "not_public", zh, en)
    for name in filters:
        yield _wrong(name, "not_public", zh, en)


def _axes_errors(
    indicator: Indicator, named: Sequence[str], allowed: set[str]
) -> Iterable[FieldError]:
    for name in named:
        if name not in indicator.axes:
            offered = ", ".join(a for a in indicator.axes if a in allowed) or "-"
            yield _wrong(
                "by",
                "unknown_axis",
                f"指标 {indicator.code} 没有此维度；可用：{offered}",
                f"is no axis of {indicator.code}; one of {offered}",
            )


def _filter_errors(
    session: so.Session, filters: Mapping[str, Sequence[str]]
) -> Iterable[FieldError]:
    for name, values in filters.items():
        axis = AXES[name]
        if axis is FLOW:
            yield _wrong(name, "no_filter", "不能用于筛选", "cannot be filtered by")
            continue
        known = codes.names(session, axis.list_id) if axis.list_id else None
        for value in values:
            good = _is_uuid(value) if known is None else not value or value in known
            if not good:
                yield _wrong(
                    name, "unknown_code", "代码不在代码表中", "is no code of its list"
                )


def _is_uuid(value: str) -> bool:
    try:
        UUID(value)
    except ValueError:
        return False
    return True


def answer(session: so.Session, question: Question) -> Figure:
    """Compute the figure that is asked for, with the year before beside it."""
    now = figures.table(session, question)
    before = _base(question)
    base = figures.table(session, before)
    hidden, hidden_base = _hidden(session, question), _hidden(session, before)
    bridge = _Bridge.of(session, question)
    made = _Maker(session, question, bridge, hidden, hidden_base)
    keys = sorted(now.keys() | base.keys())
    total = made.cell((), sum(now.values(), Parts()), sum(base.values(), Parts()))
    if bridge.partial:
        total = bridge.total(session, question, before, total)
    cells = []
    for key in keys if question.axes else ():
        compared = bridge.pair(key, now, base)
        pair = (now.get(key, Parts()), base.get(key, Parts()))
        cells.append(made.cell(key, *pair, compared=compared))
    return Figure(
        indicator=question.indicator,
        period=question.period,
        as_of=question.as_of,
        by=tuple(a.code for a in question.axes),
        total=total,
        cells=tuple(cells),
        notes=tuple(_notes(question, bridge.applies(keys), hidden)),
    )


def _base(question: Question) -> Question:
    """Return the same question about the year before, of the same days.

    The public's figures of a period stay as they were when it was settled, also where
    they are the base of a growth.
    """
    zone = question.actor.zone
    last = question.as_of.astimezone(zone).date()
    before = question.period.until(last).year_before()
    if not question.scope.public:
        return replace(question, period=before)
    settled = question.as_of - question.period.is_over(zone)
    return replace(question, period=before, as_of=before.is_over(zone) + settled)


def _is_to_date(question: Question) -> bool:
    last = question.as_of.astimezone(question.actor.zone).date()
    return last < question.period.end


def _notes(
    question: Question, is_bridged: bool, hidden: frozenset[Key]
) -> Iterable[Text]:
    if is_bridged:
        yield _BRIDGE
    if _is_to_date(question):
        yield _TO_DATE
    if not question.scope.everything:
        yield _PART_OF_MARKET
    if hidden:
        yield HIDDEN


_CLASSES = "contract_class"


@dataclass(frozen=True)
class _Bridge:
    """The comparison of five classes with a base period that counted four.

    Parameters
    ----------
    holds : bool
        The base period begins while four classes were counted.
    whole, split : str
        Transfer, which held the licences, and licence.
    place, detail : int or None
        Where the class and its kind stand in a key.
    partial : bool
        Filters choose a part of what was one class, so that it has no base.
    filtered : bool
        The part is transfer as a whole, so that licences can be fetched.
    tops : dict of str to str
        The class of every kind.
    """

    holds: bool
    whole: str
    split: str
    place: int | None
    detail: int | None
    partial: bool
    filtered: bool
    tops: Mapping[str, str]

    @classmethod
    def of(cls, session: so.Session, question: Question) -> _Bridge:
        """Find out whether the figure compares across the change."""
        rule = rules.in_force(
            session, "indicator.classes", on=question.actor.today
        ).value
        whole, split = rule["whole"], rule["split"]
        contracts = question.indicator.family is Family.CONTRACT
        since = date.fromisoformat(rule["five_from"])
        holds = contracts and _base(question).period.start < since
        axes = [a.code for a in question.axes]
        place, detail = (
            axes.index(name) if name in axes else None for name in _CLASS_AXES
        )
        tops = figures.tops_of(session, _CLASSES) if holds else {}
        classes, kinds = (question.filters.get(name, ()) for name in _CLASS_AXES)
        touched = {tops.get(v) for v in (*classes, *kinds)} & {whole, split}
        all_of_it = {whole, split} <= set(classes) and not kinds
        partial = bool(touched) and not all_of_it
        filtered = partial and set(classes) == {whole} and not kinds
        return cls(holds, whole, split, place, detail, partial, filtered, tops)

    def applies(self, keys: Collection[Key]) -> bool:
        """Tell whether any growth compares the two classes together."""
        if self.filtered:
            return True
        if not self.holds or self.partial or self.place is None:
            return False
        if self.detail is not None:
            return False
        return any(key[self.place] == self.whole for key in keys)

    def pair(
        self, key: Key, now: Mapping[Key, Parts], base: Mapping[Key, Parts]
    ) -> tuple[Parts, Parts] | Text | None:
        """Return what to compare instead of the cells themselves, or why nothing."""
        if not self.holds:
            return None
        split_up = {self.whole, self.split}
        place = self.place if self.detail is None else self.detail
        inside = place is None or self.tops.get(key[place]) in split_up
        if inside and (self.partial or self.detail is not None):
            return _NOT_APART
        if self.place is None:
            return None
        if key[self.place] == self.split:
            return _NOT_APART
        if key[self.place] != self.whole:
            return None
        other = (*key[: self.place], self.split, *key[self.place + 1 :])
        none = Parts()
        return (
            now.get(key, none) + now.get(other, none),
            base.get(key, none) + base.get(other, none),
        )

    def total(
        self, session: so.Session, question: Question, before: Question, total: Cell
    ) -> Cell:
        """Return the total of a part with its growth: of transfer with licence."""
        if not self.filtered:
            return replace(total, yoy=None, yoy_reason=_NOT_APART)
        both = {**question.filters, "class": (self.whole, self.split)}
        pair = [
            sum(
                figures.table(session, replace(q, filters=both, axes=())).values(),
                Parts(),
            )
            for q in (question, before)
        ]
        yoy, reason = _growth(question, *pair)
        return replace(total, yoy=yoy, yoy_reason=reason)


_CLASS_AXES = ("class", "class_detail")


@dataclass(frozen=True)
class _Maker:
    """Makes cells: values, growth, and what may not be told."""

    session: so.Session
    question: Question
    bridge: _Bridge
    hidden: frozenset[Key]
    hidden_base: frozenset[Key]

    def cell(
        self,
        key: Key,
        now: Parts,
        base: Parts,
        *,
        compared: tuple[Parts, Parts] | Text | None = None,
    ) -> Cell:
        question = self.question
        places = dict(zip((a.code for a in question.axes), key, strict=False))
        named = {
            axis.code: self._name(axis, code)
            for axis, code in zip(question.axes, key, strict=False)
        }
        if {key, ()} & self.hidden or self._gives_away(now):
            return Cell(places, named, None, HIDDEN, None, HIDDEN, None, None, None)
        value, reason = _value(self.session, question, now, places)
        yoy, yoy_reason = self._growth(key, now, base, compared)
        contracts = question.indicator.family is Family.CONTRACT
        return Cell(
            places,
            named,
            value,
            reason,
            yoy,
            yoy_reason,
            now.count,
            now.total if contracts else None,
            now.technical if contracts else None,
        )

    def _growth(
        self,
        key: Key,
        now: Parts,
        base: Parts,
        compared: tuple[Parts, Parts] | Text | None,
    ) -> tuple[Decimal | None, Text | None]:
        """Return the growth, unless what it is made of may not be told."""
        if isinstance(compared, Text):
            return None, compared
        joined = compared is not None and (self.hidden or self.hidden_base)
        if joined or key in self.hidden_base or self._gives_away(base):
            return None, HIDDEN
        return _growth(self.question, *(compared or (now, base)))

    def _gives_away(self, parts: Parts) -> bool:
        """Tell whether a share tells the public of too few, within or without."""
        question = self.question
        if not question.scope.public:
            return False
        fewest: int = _public_rule(self.session, question.actor)["fewest"]
        part = {
            "IP_SHARE": parts.ip,
            "PLAN_SHARE": parts.plan,
            "LOCAL": parts.local_count,
            "NEED_RATE": parts.part,
        }.get(question.indicator.code, 0)
        rest = parts.count - part if part else 0
        return 0 < part < fewest or 0 < rest < fewest

    def _name(self, axis: Axis, code: str) -> Text:
        if axis is FLOW:
            ends = [self._word("region", end) for end in code.split(">")]
            return Text("→".join(e.zh for e in ends), " to ".join(e.en for e in ends))
        if axis.list_id:
            return self._word(axis.list_id, code)
        org = self.session.get(Organisation, UUID(code)) if code else None
        return Text(org.name, org.name) if org else UNSTATED

    def _word(self, list_id: str, code: str) -> Text:
        if not code:
            return UNSTATED
        known = self.question.names.setdefault(list_id, {})
        if not known:
            known.update(codes.names(self.session, list_id))
        return Text(*known.get(code, (code, code)))


def _hidden(session: so.Session, question: Question) -> frozenset[Key]:
    """Return the cells that the public is not shown; ``()`` is the total.

    A cell that fewer than so many make is hidden, and with it the next smallest ones
    until what is left of the total, when the shown cells are taken off, is of enough
    and of more than one cell.
    """
    if not question.scope.public:
        return frozenset()
    fewest = _public_rule(session, question.actor)["fewest"]
    family = question.indicator.family
    if family is Family.CONTRACT:
        return frozenset(_hidden_contracts(session, question, fewest))
    if family not in _DRILLED:
        return frozenset()
    return frozenset(_pattern(session, question, fewest))


def _pattern(
    session: so.Session,
    question: Question,
    fewest: int,
    known: Collection[Key] = (),
) -> set[Key]:
    """Return what one table hides; ``known`` are cells that another one tells."""
    if 0 < _makers(session, question) < fewest:
        return {(), *figures.table(session, question)}
    if not question.axes:
        return set()
    made = figures.contributors(session, question)
    order = sorted(made, key=lambda key: (made[key], key))
    hidden = {key for key in order if made[key] < fewest}
    for key in order:
        rest = sum(made[k] for k in hidden)
        if not hidden or (rest >= fewest and len(hidden) > 1):
            break
        if key not in known:
            hidden.add(key)
    return hidden


def _makers(session: so.Session, question: Question) -> int:
    return sum(figures.contributors(session, replace(question, axes=())).values())


def _hidden_contracts(session: so.Session, question: Question, fewest: int) -> set[Key]:
    """Return the cells that no figure of contracts shows the public.

    What is sold and what is bought leave out contracts without a place, which the
    other figures count: the difference of two figures is these contracts, as if they
    were a cell of the total. Where they are too few, what is sold or bought is not
    told at all; where they are enough, all figures hide the same cells, so that the
    differences of cells tell of as many.
    """
    everything = replace(question, indicator=INDICATORS["CT_N"])
    hidden: set[Key] = set()
    known: set[Key] = set()
    for codes_, end, axes in _SIDES:
        unplaced = replace(everything, filters={end: ("",)})
        left_out = _makers(session, unplaced)
        placed = replace(question, indicator=INDICATORS[codes_[0]])
        too_few = 0 < left_out < fewest or 0 < _makers(session, placed) < fewest
        if too_few and question.indicator.code in codes_:
            return {(), *figures.table(session, question)}
        if too_few or not left_out or not _is_asked_by(placed):
            continue
        by_place = {a.code for a in question.axes} & axes
        if by_place:
            known.add(("",))
            continue
        hidden |= _pattern(session, placed, fewest)
        hidden |= _pattern(session, unplaced, fewest)
    return hidden | _pattern(session, everything, fewest, known)


_SIDES: tuple[tuple[tuple[str, ...], str, frozenset[str]], ...] = (
    (("OUT", "LOCAL", "GDP_SHARE"), "seller_district", SELLER_AXES),
    (("IN",), "buyer_district", BUYER_AXES),
)
"""Figures that leave out contracts with no place of one side, and that side's axes."""


def _is_asked_by(question: Question) -> bool:
    """Tell whether the public can have an indicator by the axes of a question."""
    return all(axis.code in question.indicator.axes for axis in question.axes)


_DRILLED = frozenset({Family.CONTRACT, Family.NEED, Family.DOCKING})


def _growth(
    question: Question, now: Parts, base: Parts
) -> tuple[Decimal | None, Text | None]:
    value, base_value = _measure(question, now), _measure(question, base)
    if value is None or base_value is None:
        return None, BASE_IS_ZERO
    found = growth(value, base_value)
    return found, None if found is not None else BASE_IS_ZERO


def _measure(question: Question, parts: Parts) -> Decimal | None:
    """Return the value of a cell that needs nothing but its parts."""
    indicator, whole = question.indicator, Decimal(parts.count)
    if question.measure:
        indicator = INDICATORS[question.measure]
    decimals = indicator.decimals
    simple = {
        "CT_N": whole,
        "CT_AMT": parts.total,
        "CT_TECH": parts.technical,
        "OUT": parts.total,
        "IN": parts.total,
        "NEED_N": whole,
        "DOCK_N": whole,
        "DOCK_OK": whole,
        "BRK_N": whole,
    }
    if indicator.code in simple:
        return simple[indicator.code]
    if indicator.code == "CT_AVG":
        return quotient(parts.total, whole, decimals)
    if indicator.code == "LOCAL":
        return percent(parts.local, parts.total, decimals)
    part = {"IP_SHARE": parts.ip, "PLAN_SHARE": parts.plan}.get(
        indicator.code, parts.part
    )
    if indicator.code in {"BID_PER_ITEM", "LEVER"}:
        return quotient(Decimal(part), whole, decimals)
    return percent(Decimal(part), whole, decimals)


def _value(
    session: so.Session, question: Question, parts: Parts, places: Mapping[str, str]
) -> tuple[Decimal | None, Text | None]:
    indicator = question.indicator
    if indicator.code == "GDP_SHARE":
        return _gdp_share(session, question, parts, places)
    if indicator.family in _UNSTARTED and not (parts.count or parts.part):
        return None, NO_DATA
    found = _measure(question, parts)
    if found is None:
        return None, BASE_IS_ZERO if parts != Parts() else NO_DATA
    return rounded(found, indicator.decimals), None


_UNSTARTED = frozenset({Family.CALL, Family.MILESTONE})


def _gdp_share(
    session: so.Session, question: Question, parts: Parts, places: Mapping[str, str]
) -> tuple[Decimal | None, Text | None]:
    """Take the contract value as a share of what a place produced in the year."""
    if question.period.kind != "year":
        return None, _WHOLE_YEAR
    chosen = figures.places_asked(question) or (figures.PROVINCE,)
    region = places.get("seller_city", chosen[0])
    several = len(chosen) > 1 and "seller_city" not in places
    if several or question.scope.registries:
        return None, _NO_GDP
    try:
        rule = rules.in_force(
            session, "region.gdp", on=question.period.end, region=region
        )
    except rules.NoRule:
        return None, _NO_GDP
    year = str(rule.value["year"])
    if rule.region != region or year != question.period.label:
        return None, _NO_GDP
    whole = Decimal(rule.value["gdp_yuan"])
    return percent(parts.total, whole, question.indicator.decimals), None


def rows(
    session: so.Session,
    actor: Actor,
    code: str,
    *,
    period: str = "",
    as_of: datetime | None = None,
    filters: Mapping[str, Sequence[str]] | None = None,
) -> Listing[dict[str, Any]]:
    """List the contracts or objects that make a figure; their sums equal it.

    Parameters
    ----------
    filters : mapping of axis to codes
        The key of a cell opens that cell.

    Raises
    ------
    Unauthenticated, Forbidden
        Firms, universities and the public have totals only.
    NotFound, Invalid
        As ``figure``.
    """
    indicator = get(code)
    contracts = indicator.family is Family.CONTRACT
    if policies.figure_scope(actor, contracts=contracts).public:
        if actor.is_public:
            raise Unauthenticated
        raise Forbidden(Text("您只能查看汇总数", "only totals are open to your roles"))
    question = ask(session, actor, code, period=period, as_of=as_of, filters=filters)
    if contracts:
        return _contract_rows(session, question)
    if indicator.family is Family.NEED:
        return _need_rows(session, question)
    if indicator.family is Family.DOCKING:
        return _docking_rows(session, question)
    return _event_rows(session, question)


def _contract_rows(session: so.Session, question: Question) -> Listing[dict[str, Any]]:
    fact = RegistrationFact
    summed = figures.sum_statement(session, question, [fact.contract_id])
    # What was registered and taken off again within the period adds nothing.
    made = summed.having(figures.adds_something(question)).subquery()
    statement = sa.select(
        made.c.contract_id.label("id"),
        Contract.contract_no.label("number"),
        Contract.title,
        Contract.contract_class,
        made.c.contracts,
        made.c.total_yuan,
        made.c.technical_yuan,
        made.c.ip_count,
        made.c.plan_count,
        made.c.local_count,
        made.c.local_total_yuan,
    ).join(Contract, Contract.id == made.c.contract_id)

    def view(found: Sequence[sa.Row[*tuple[Any, ...]]]) -> list[dict[str, Any]]:
        return [
            {
                "id": row.id,
                "kind": "contract",
                "number": row.number,
                "title": row.title,
                "contract_class": row.contract_class,
                "at": None,
                "count": row.contracts,
                "part": 0,
                "total_yuan": row.total_yuan or Decimal("0.00"),
                "technical_yuan": row.technical_yuan or Decimal("0.00"),
                "ip_count": row.ip_count or 0,
                "plan_count": row.plan_count or 0,
                "local_count": row.local_count or 0,
                "local_total_yuan": row.local_total_yuan or Decimal("0.00"),
            }
            for row in found
        ]

    return Listing(
        session,
        statement,
        key=made.c.contract_id,
        view=view,
        sorts={"number": Contract.contract_no, "total_yuan": made.c.total_yuan},
        default_sort="created",
    )


def _object_view(kind: str, found: Sequence[Any]) -> list[dict[str, Any]]:
    return [
        {
            "id": row.id,
            "kind": kind or row.kind,
            "number": row.number,
            "title": row.title,
            "contract_class": None,
            "at": row.at,
            "count": row.whole,
            "part": row.part,
            "total_yuan": None,
            "technical_yuan": None,
            "ip_count": None,
            "plan_count": None,
            "local_count": None,
            "local_total_yuan": None,
        }
        for row in found
    ]


def _need_rows(session: so.Session, question: Question) -> Listing[dict[str, Any]]:
    found = figures.objects(session, question)
    statement = (
        sa.select(
            found.c.id,
            Need.need_no.label("number"),
            NeedVersion.title,
            found.c.at,
            sa.literal(1).label("whole"),
            found.c.part,
        )
        .join(Need, Need.id == found.c.need_id)
        .join(NeedVersion, NeedVersion.id == Need.published_version_id)
    )
    return Listing(
        session,
        statement,
        key=found.c.id,
        view=lambda batch: _object_view("need", batch),
        default_sort="created",
    )


def _docking_rows(session: so.Session, question: Question) -> Listing[dict[str, Any]]:
    found = figures.objects(session, question)
    statement = (
        sa.select(
            found.c.id,
            Need.need_no.label("number"),
            NeedVersion.title,
            found.c.at,
            sa.literal(1).label("whole"),
            found.c.part,
        )
        .join(Docking, Docking.id == found.c.id)
        .join(Need, Need.id == Docking.need_id)
        .join(NeedVersion, NeedVersion.id == Need.published_version_id)
    )
    return Listing(
        session,
        statement,
        key=found.c.id,
        view=lambda batch: _object_view("docking", batch),
        default_sort="created",
    )


def _event_rows(session: so.Session, question: Question) -> Listing[dict[str, Any]]:
    found = figures.event_objects(question)
    brokers = question.indicator.family is Family.BROKER
    statement = sa.select(
        found.c.id,
        found.c.kind,
        (Broker.certificate_no if brokers else sa.literal("")).label("number"),
        (Broker.name if brokers else sa.literal("")).label("title"),
        found.c.at,
        found.c.whole,
        found.c.part,
    )
    if brokers:
        statement = statement.join(Broker, Broker.id == found.c.id)
    elif not question.scope.everything:
        statement = statement.where(sa.false())
    return Listing(
        session,
        statement,
        key=found.c.id,
        view=lambda batch: _object_view("", batch),
        default_sort="created",
    )

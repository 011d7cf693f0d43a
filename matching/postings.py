"""What goes into the engine and what comes out of it. Plain values, no behaviour."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal, InvalidOperation
from operator import attrgetter
from sys import float_info
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple, Self, TypeGuard

from matching.errors import InvalidPosting
from matching.indicators import Comparison, Indicator, Verdict, parse

AXES = ("field", "chain", "industry", "region")
"""The code axes of a posting: 技术领域, 产业链, 应用行业, 所在地区."""

Kind = Literal["", "need", "result", "capability"]
SUPPLY = frozenset({"result", "capability"})
_KINDS = frozenset({"", "need", "result", "capability"})
_NO_CODES: Mapping[str, frozenset[str]] = MappingProxyType({})


_STRINGS = {
    **dict.fromkeys(("title", "text", "hidden_text"), (str,)),
    **dict.fromkeys(("org", "team"), (str, type(None))),
}


def _strings(values: object, what: str) -> tuple[str, ...]:
    if isinstance(values, str):
        return (values,)
    if not isinstance(values, Iterable):
        raise InvalidPosting(f"{what} must be a list of strings, not {values!r}")
    strings = tuple(values)
    if not all(isinstance(value, str) for value in strings):
        raise InvalidPosting(f"{what} must hold strings only")
    return strings


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """A need, a result or a capability, as far as matching is concerned.

    Attributes
    ----------
    id : str
        Not empty; unique in an index. Ties in a ranking go to the lesser id.
    title, text : str
        Any Unicode text; spans in explanations count in these very strings.
    keywords : tuple of str
    indicators : tuple of Indicator
        Rows of the form (指标). Their names and conditions are matched as words, their
        values only as values. Where a posting has no rows, indicators are read out
        of `text`.
    codes : mapping of str to frozenset of str
        Codes by axis: ``field``, ``chain``, ``industry``, ``region``.
    maturity : float, optional
        Readiness (成熟度) from 0, an idea, to 1, in full use: for an offer what is
        reached, for a need what is wanted. The caller maps its own scales to it.
    budget_yuan : Decimal, optional
        For a need the money there is, for an offer the price asked.
    org : str, optional
        Id of the owning organisation; for filters only.
    team : str, optional
        Id of the team behind it; see `matching.teams`.
    kind : str
        ``need``, ``result``, ``capability``, or empty where it does not matter.
    tier : int
        Least tier of a reader who may meet this posting; for filters only.
    names : tuple of str
        Names of organisations, products or equipment, compared fuzzily.
    hidden_text : str
        Moves score and band and is never quoted.
    hidden_indicators : tuple of Indicator
        Likewise.
    hidden_parts : frozenset of str
        Parts (such as ``budget``) that rest on a hidden field: they move the score,
        and an explanation names neither their value nor a reason from them.

    Raises
    ------
    InvalidPosting
        When a value is of the wrong kind or out of range.

    Examples
    --------
    >>> Posting(id="n1", title="铝合金", codes={"chain": "SD-C04"}).codes["chain"]
    frozenset({'SD-C04'})
    """

    id: str
    title: str = ""
    text: str = ""
    keywords: tuple[str, ...] = ()
    indicators: tuple[Indicator, ...] = ()
    codes: Mapping[str, Collection[str]] = field(default_factory=lambda: _NO_CODES)
    maturity: float | None = None
    budget_yuan: Decimal | None = None
    org: str | None = None
    team: str | None = None
    kind: str = ""
    tier: int = 0
    names: tuple[str, ...] = ()
    hidden_text: str = ""
    hidden_indicators: tuple[Indicator, ...] = ()
    hidden_parts: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Bring collections into one form and refuse what cannot be matched."""
        if not isinstance(self.id, str) or not self.id:
            raise InvalidPosting("a posting needs an id that is a string, not empty")
        for name, kinds in _STRINGS.items():
            if not isinstance(getattr(self, name), kinds):
                raise InvalidPosting(f"{name} of {self.id!r} must be a string")
        if not isinstance(self.kind, str) or self.kind not in _KINDS:
            raise InvalidPosting(f"kind of {self.id!r} is unknown: {self.kind!r}")
        if not _is_whole(self.tier):
            raise InvalidPosting(f"tier of {self.id!r} must be a whole number")
        if not isinstance(self.codes, Mapping):
            raise InvalidPosting(f"codes of {self.id!r} must be an object of lists")
        if set(self.codes) - set(AXES):
            unknown = ", ".join(sorted(map(str, set(self.codes) - set(AXES))))
            raise InvalidPosting(f"codes of {self.id!r} have unknown axes: {unknown}")
        put = object.__setattr__
        put(self, "org", self.org or None)
        put(self, "team", self.team or None)
        put(self, "keywords", _strings(self.keywords, "keywords"))
        put(self, "names", _strings(self.names, "names"))
        for name in ("indicators", "hidden_indicators"):
            put(self, name, _indicators(getattr(self, name), f"{name} of {self.id!r}"))
        put(self, "hidden_parts", frozenset(_strings(self.hidden_parts, "parts")))
        codes = {a: frozenset(_strings(self.codes[a], a)) for a in sorted(self.codes)}
        put(self, "codes", MappingProxyType({a: v for a, v in codes.items() if v}))
        if self.maturity is not None and not (
            _is_number(self.maturity) and 0 <= self.maturity <= 1
        ):
            raise InvalidPosting(f"maturity of {self.id!r} must lie between 0 and 1")
        if self.budget_yuan is not None:
            put(self, "budget_yuan", _money(self.budget_yuan, self.id))

    def field_text(self, name: str) -> str:
        """Return the text in which spans of that field count.

        Parameters
        ----------
        name : str
            ``title``, ``text`` or ``keywords/0``, ``keywords/1``, …
        """
        if name.startswith("keywords/"):
            return self.keywords[int(name.removeprefix("keywords/"))]
        if name not in ("title", "text"):
            raise KeyError(name)
        return self.title if name == "title" else self.text

    def visible_fields(self) -> list[tuple[str, str]]:
        """List the fields that may be quoted, with the names that spans use."""
        keywords = [(f"keywords/{i}", word) for i, word in enumerate(self.keywords)]
        return [("title", self.title), *keywords, ("text", self.text)]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read a posting from parsed JSON.

        The id stands under ``id`` or ``_id``. Indicators are objects with the fields
        of `Indicator`, or strings as a firm would write them. Keys that a posting does
        not have are left aside, so that corpora with further columns can be read.
        """
        if not isinstance(data, Mapping):
            raise InvalidPosting(f"a posting is a JSON object, not {data!r:.80}")
        known = {name: data[name] for name in _FIELDS if data.get(name) is not None}
        known.setdefault("id", data.get("_id", ""))
        for name in ("indicators", "hidden_indicators"):
            rows = known.get(name, ())
            if not isinstance(rows, list | tuple):
                raise InvalidPosting(f"{name} must be a list, not {rows!r:.80}")
            known[name] = tuple(map(_indicator, rows))
        return cls(**known)

    def to_dict(self) -> dict[str, Any]:
        """Return the posting as JSON values; empty fields are left out."""
        data: dict[str, Any] = {}
        for name, value in zip(_FIELDS, _VALUES(self), strict=True):
            if not value and value != 0:
                continue
            as_json = _AS_JSON.get(name)
            data[name] = as_json(value) if as_json else value
        return data


_LARGEST = float_info.max
_FIELDS = tuple(Posting.__dataclass_fields__)
_VALUES = attrgetter(*_FIELDS)


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: object) -> bool:
    """Say whether a value is a whole number that 32 bits can hold."""
    if not isinstance(value, int) or isinstance(value, bool):
        return False
    return -(2**31) <= value < 2**31


def _indicators(values: object, what: str) -> tuple[Indicator, ...]:
    if not isinstance(values, Iterable):
        raise InvalidPosting(f"{what} must be a list of indicators, not {values!r:.80}")
    rows = tuple(values)
    if not all(isinstance(row, Indicator) for row in rows):
        raise InvalidPosting(f"{what} must hold indicators only")
    return rows


def _money(value: object, posting_id: str) -> Decimal:
    try:
        amount = Decimal(str(value))
    except (InvalidOperation, ValueError) as error:
        raise InvalidPosting(f"budget of {posting_id!r} is not a number") from error
    if not amount.is_finite() or amount < 0:
        raise InvalidPosting(f"budget of {posting_id!r} must be finite and not below 0")
    return amount


_INDICATOR_FIELDS = tuple(Indicator.__dataclass_fields__)
_INDICATOR_VALUES = attrgetter(*_INDICATOR_FIELDS)


def indicator_to_dict(indicator: Indicator) -> dict[str, Any]:
    """Return an indicator as JSON values."""
    values = zip(_INDICATOR_FIELDS, _INDICATOR_VALUES(indicator), strict=True)
    # Nought is a value: 0.0 equals False, and is not left out with it.
    return {k: v for k, v in values if not (v is None or v is False or v == "")}


def _indicators_to_dicts(indicators: Iterable[Indicator]) -> list[dict[str, Any]]:
    return [indicator_to_dict(indicator) for indicator in indicators]


def _sorted_codes(codes: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    return {axis: sorted(values) for axis, values in codes.items()}


_AS_JSON: Final[Mapping[str, Callable[[Any], Any]]] = {
    "codes": _sorted_codes,
    "indicators": _indicators_to_dicts,
    "hidden_indicators": _indicators_to_dicts,
    "budget_yuan": str,
    "keywords": list,
    "names": list,
    "hidden_parts": sorted,
}
"""How the fields of a posting are written that JSON has no like of."""


def indicator_from_dict(data: Mapping[str, Any]) -> Indicator:
    """Read an indicator back from what `indicator_to_dict` returned.

    Raises
    ------
    InvalidPosting
        When a field is of the wrong kind, or a figure is not finite.
    """
    span = data.get("span")
    if span is not None and not (
        isinstance(span, list | tuple) and len(span) == 2 and all(map(_is_whole, span))
    ):
        raise InvalidPosting(f"an indicator's span is two places, not {span!r:.80}")
    try:
        comparison = Comparison(data["comparison"])
    except ValueError as error:
        raise InvalidPosting(f"of an indicator: {error}") from error
    return Indicator(
        name=_words(data, "name"),
        comparison=comparison,
        value=_finite(data, "value"),
        value2=_finite(data, "value2"),
        unit=_words(data, "unit"),
        dimension=_words(data, "dimension"),
        text=_words(data, "text"),
        condition=_words(data, "condition"),
        is_core=_flag(data, "is_core"),
        span=None if span is None else (span[0], span[1]),
    )


def _words(data: Mapping[str, Any], name: str) -> str:
    words = data.get(name, "")
    if not isinstance(words, str):
        raise InvalidPosting(f"an indicator's {name} is a string, not {words!r:.80}")
    return words


def _flag(data: Mapping[str, Any], name: str) -> bool:
    flag = data.get(name, False)
    if not isinstance(flag, bool):
        raise InvalidPosting(
            f"an indicator's {name} is true or false, not {flag!r:.80}"
        )
    return flag


def _finite(data: Mapping[str, Any], name: str) -> float | None:
    figure = data.get(name)
    if figure is None:
        return None
    # Compared with the bounds, since a whole number may be too large to convert.
    if not _is_number(figure) or not -_LARGEST <= figure <= _LARGEST:
        raise InvalidPosting(f"an indicator's {name} must be a finite number")
    return figure


def _indicator(item: object) -> Indicator:
    if isinstance(item, Indicator):
        return item
    if isinstance(item, str):
        return parse(item)
    if not isinstance(item, Mapping):
        raise InvalidPosting(f"an indicator is a string or an object, not {item!r:.80}")
    if "comparison" in item:
        return indicator_from_dict(item)
    return parse(
        _words(item, "text"),
        name=_words(item, "name"),
        condition=_words(item, "condition"),
        is_core=_flag(item, "is_core"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which postings may be returned at all. Conditions that are None do not bind.

    Attributes
    ----------
    kind, chain, field : collection of str, optional
        At least one value must agree.
    region : collection of str, optional
        GB/T 2260 codes; ``370700`` admits every county of that city.
    ids : collection of str, optional
        Only these postings.
    exclude_org, exclude_ids : collection of str
        None of these.
    max_tier : int, optional
        The reader's tier; postings above it are left out.
    """

    kind: Collection[str] | None = None
    chain: Collection[str] | None = None
    field: Collection[str] | None = None
    region: Collection[str] | None = None
    ids: Collection[str] | None = None
    exclude_org: Collection[str] = ()
    exclude_ids: Collection[str] = ()
    max_tier: int | None = None

    def __post_init__(self) -> None:
        """Let a single string stand for a collection of one."""
        for name in ("kind", "chain", "field", "region", "ids"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, frozenset(_strings(value, name)))
        for name in ("exclude_org", "exclude_ids"):
            value = frozenset(_strings(getattr(self, name), name))
            object.__setattr__(self, name, value)


class Span(NamedTuple):
    """A place in one field of a posting, in characters of the original text."""

    field: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Term:
    """A word that both sides share.

    Attributes
    ----------
    text : str
        As the query writes it.
    weight : float
        Its share of the visible text score, between 0 and 1.
    query_spans, document_spans : tuple of Span
        Where it stands in the original texts.
    """

    text: str
    weight: float
    query_spans: tuple[Span, ...]
    document_spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a match is where it is: a stable code, and the values a sentence needs."""

    code: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EngineStamp:
    """What one must have to replay a ranking."""

    version: str
    index: str
    weights: str


@dataclass(frozen=True, slots=True)
class Pair:
    """A pair with its parts as they count. Weights are fitted to such pairs.

    Attributes
    ----------
    id : str
        Of the posting that was found.
    score : float
        Between 0 and 1.
    parts : mapping of str to float or None
        Each part between 0 and 1, also where it rests on a hidden field; None where it
        could not be computed.
    blocked : bool
        Whether a core indicator is missed.
    """

    id: str
    score: float
    parts: Mapping[str, float | None]
    blocked: bool


@dataclass(frozen=True, slots=True)
class Match:
    """One posting in a ranking.

    Attributes
    ----------
    id : str
    score : float
        Between 0 and 1. It orders; it is not a probability.
    band : str
        ``strong``, ``good`` or ``possible``.
    parts : mapping of str to float or None
        Each part of the score between 0 and 1; None where it could not be computed or
        may not be shown.
    terms : tuple of Term
        Heaviest first.
    indicators : tuple of Verdict
        One for each required indicator that both readers may see.
    reasons : tuple of Reason
    blockers : tuple of Verdict
        Core indicators (核心指标) that are missed.
    blocked : bool
        Whether a core indicator is missed, seen or hidden; such a match is ``possible``
        at most.
    engine : EngineStamp
    """

    id: str
    score: float
    band: str
    parts: Mapping[str, float | None]
    terms: tuple[Term, ...]
    indicators: tuple[Verdict, ...]
    reasons: tuple[Reason, ...]
    blockers: tuple[Verdict, ...]
    blocked: bool
    engine: EngineStamp

    def to_dict(self) -> dict[str, Any]:
        """Return the match as JSON values."""
        return {
            "id": self.id,
            "score": self.score,
            "band": self.band,
            "parts": dict(self.parts),
            "terms": [
                {
                    "text": term.text,
                    "weight": term.weight,
                    "query_spans": [list(span) for span in term.query_spans],
                    "document_spans": [list(span) for span in term.document_spans],
                }
                for term in self.terms
            ],
            "indicators": [_verdict_to_dict(verdict) for verdict in self.indicators],
            "reasons": [
                {"code": reason.code, "values": dict(reason.values)}
                for reason in self.reasons
            ],
            "blockers": [verdict.required.name for verdict in self.blockers],
            "engine": asdict(self.engine),
        }


@dataclass(frozen=True, slots=True)
class Worth:
    """Which matches are worth a look; the others are left out.

    Attributes
    ----------
    score : float
        Least score.
    text : float
        Least text part of a match that nothing else speaks for.
    evidence : frozenset of str
        Codes of reasons that speak for a match, as a shared word does.
    """

    score: float
    text: float
    evidence: frozenset[str]

    def admits(self, match: Match) -> bool:
        """Tell whether an explained match is worth a look."""
        if match.score < self.score:
            return False
        return (
            bool(match.terms)
            or (match.parts["text"] or 0.0) >= self.text
            or any(reason.code in self.evidence for reason in match.reasons)
        )

    def doubts(self, match: Match) -> bool:
        """Tell whether a match has to be explained before one can say."""
        return match.score >= self.score and (match.parts["text"] or 0.0) < self.text


def _verdict_to_dict(verdict: Verdict) -> dict[str, Any]:
    claimed = verdict.claimed
    return {
        "name": verdict.required.name,
        "required": verdict.required.text,
        "claimed": None if claimed is None else claimed.text,
        "verdict": verdict.kind.value,
        "margin": verdict.margin,
        "is_core": verdict.required.is_core,
    }

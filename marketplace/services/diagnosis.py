"""The need doctor 需求诊断: advice on a draft before anybody else reads it.

Firms write needs badly at first, and operators used to tell them so by telephone. Each
rule of the table below looks for one flaw, says where it is and what to write instead.
Nothing is stored and nothing is refused: the firm decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import sqlalchemy.orm as so
from rapidfuzz import fuzz

from marketplace import policies
from marketplace.domain import needs as need_states
from marketplace.domain.actors import Actor
from marketplace.domain.needs import Disclosure
from marketplace.errors import Text
from marketplace.models.needs import Need, NeedVersion
from marketplace.services import diagnosis_drafts as drafts
from marketplace.services import diagnosis_figures as figures
from marketplace.services import diagnosis_history as history
from marketplace.services import diagnosis_terms as terms
from marketplace.services import diagnosis_words as words
from marketplace.services.diagnosis_drafts import IMPORTANT, USEFUL, Draft, Finding
from marketplace.services.indexes import MatchIndex
from marketplace.services.postings import NEED_TEXTS
from matching import Filter, Posting
from matching.text import clean

DRAFT_ID = "draft"
BANDS = ("identical", "very_similar", "similar", "same_title")
"""How near a duplicate is; ``same_title`` is a draft of the own unit."""
MOST_ADVICE = 8
"""Findings of one rule that are told; more of the same teaches nothing."""
_OWN_TITLES = 500


@dataclass(frozen=True, slots=True)
class Rule:
    """One flaw that the doctor knows.

    Attributes
    ----------
    code : str
        Stable; clients and tests rely on it.
    severity : str
        ``important``: an outsider cannot judge the need, it will be refused, or it
        may not stand there. ``useful``: it would find better answers.
    title : Text
    source : str
        Why it is a flaw: section of the domain reference and its certainty.
    find : callable
        Yields every place of the draft that has the flaw.
    """

    code: str
    severity: str
    title: Text
    source: str
    find: Callable[[Draft], Iterable[Finding]]


# fmt: off
RULES: tuple[Rule, ...] = (
    Rule("refused_value", IMPORTANT, Text("填写有误", "Value not accepted"),
         "the form's own checks", terms.refused_value),
    Rule("secret_words", IMPORTANT, Text("疑似涉密", "Possibly classified"),
         "13.1 secrecy [L]", words.secret_matter),
    Rule("personal_data", IMPORTANT, Text("含个人信息", "Personal data"),
         "13.2 personal data [L]", words.personal_data),
    Rule("purchase_in_disguise", IMPORTANT, Text("疑似采购", "Purchase in disguise"),
         "4 definition: a problem the firm cannot solve itself [L]", words.purchase),
    Rule("already_solved", IMPORTANT, Text("疑似已解决", "Solved already"),
         "4 experts reject what is solved [P]", words.solved_already),
    Rule("missing_title", IMPORTANT, Text("缺少名称", "No title"),
         "4 title [P]", words.missing_title),
    Rule("poor_title", IMPORTANT, Text("名称不明确", "Title says too little"),
         "14 titles: object and what is to be done [P]", words.poor_title),
    Rule("long_title", USEFUL, Text("名称过长", "Title too long"),
         "14 titles: 12 to 30 characters [P]", words.long_title),
    Rule("missing_text", IMPORTANT, Text("缺少内容", "Empty box"),
         "4 what a need must say [P]", words.missing_text),
    Rule("short_text", USEFUL, Text("内容过短", "Text too short"),
         "14 need form texts [P]", words.short_text),
    Rule("repeated_text", USEFUL, Text("内容重复", "Repeated text"),
         "14 need form texts [P]", words.repeated_text),
    Rule("boilerplate", IMPORTANT, Text("套话代替问题", "Boilerplate, no problem"),
         "4 the technical problem [P]", words.boilerplate),
    Rule("no_indicators", IMPORTANT, Text("没有指标", "No indicators"),
         "4 indicators: at least one [P]", figures.no_indicators),
    Rule("few_indicators", USEFUL, Text("指标偏少", "Few indicators"),
         "4 calls may ask for five [P]", figures.few_indicators),
    Rule("missing_metric", USEFUL, Text("指标没有数值", "No figure"),
         "4 core indicators with parameters [P]", figures.missing_metric),
    Rule("missing_unit", IMPORTANT, Text("数值没有单位", "No unit"),
         "14 indicators with units [P]", figures.missing_unit),
    Rule("missing_test_condition", USEFUL, Text("没有测试条件", "No test condition"),
         "4 indicator row: 测试条件, 检测方法 [P]", figures.missing_condition),
    Rule("missing_baseline", USEFUL, Text("没有现有水平", "No present level"),
         "4 indicator row: 现有水平 [P]", figures.missing_baseline),
    Rule("missing_benchmark", USEFUL, Text("没有对标水平", "No benchmark"),
         "4 Chongqing and Chengdu ask for the benchmarked level [P]",
         figures.missing_benchmark),
    Rule("no_core_indicator", IMPORTANT, Text("没有核心指标", "No core indicator"),
         "4 indicator row: 核心指标", figures.no_core_indicator),
    Rule("many_core_indicators", USEFUL, Text("核心指标过多", "Too many are core"),
         "own [X]", figures.many_core_indicators),
    Rule("words_differ", IMPORTANT, Text("原文与数值不一致", "Words and fields differ"),
         "4 the text the firm wrote stays beside the parsed value",
         figures.words_differ),
    Rule("contradictory_indicators", IMPORTANT, Text("指标矛盾", "Contradiction"),
         "own [X]", figures.contradictory_indicators),
    Rule("figure_without_row", USEFUL, Text("正文数值未列入指标", "Not in a row"),
         "14 core figures in running text [P]", figures.figure_without_row),
    Rule("vague_word", USEFUL, Text("用词含糊", "Vague words"),
         "14 exact wording, complete numbers [P]", words.vague_word),
    Rule("named_partner", USEFUL, Text("指定单位或个人", "Named partner"),
         "13.4 fair competition [L]", words.named_partner),
    Rule("local_condition", USEFUL, Text("限制所在地", "Condition of locality"),
         "13.4 fair competition [L]", words.local_condition),
    Rule("fixed_solution", USEFUL, Text("方案已定死", "Solution fixed"),
         "own [X]", words.fixed_solution),
    Rule("no_budget", IMPORTANT, Text("没有资金", "No budget"),
         "4 own money put in [P]", terms.no_budget),
    Rule("open_budget", USEFUL, Text("资金面议", "Budget open"),
         "4 negotiable only as a flag [P]", terms.open_budget),
    Rule("missing_bidder_share", USEFUL, Text("没有支付揭榜方金额", "Bidder's share"),
         "4 其中支付揭榜方 [P]", terms.missing_bidder_share),
    Rule("implausible_budget", IMPORTANT, Text("金额可疑", "Implausible sum"),
         "13.7 money in 元, 万元 only for display", terms.implausible_budget),
    Rule("no_period", IMPORTANT, Text("没有时限", "No period"),
         "4 time limit [P]", terms.no_period),
    Rule("implausible_period", USEFUL, Text("时限可疑", "Implausible period"),
         "4 project period 2-3 years; 13.8 task at most 3 [P]",
         terms.implausible_period),
    Rule("period_over", IMPORTANT, Text("时限已过", "Period is over"),
         "4 time limit [P]", terms.period_over),
    Rule("implausible_validity", IMPORTANT, Text("有效期不当", "Validity"),
         "4 portals expire needs [P]", terms.implausible_validity),
    Rule("no_rights_wish", IMPORTANT, Text("没有产权归属", "No wish on rights"),
         "4 ownership of results [P]; 9.3", terms.no_rights_wish),
    Rule("unexplained_rights", USEFUL, Text("产权约定不清", "Rights not explained"),
         "9.3 the default surprises both sides [L]", terms.unexplained_rights),
    Rule("no_keywords", IMPORTANT, Text("没有关键字", "No keywords"),
         "4 keywords: 1 to 5 [P]", terms.no_keywords),
    Rule("general_keyword", USEFUL, Text("关键字宽泛", "General keyword"),
         "own [X]", terms.general_keyword),
    Rule("missing_field", USEFUL, Text("必填项未填", "Required field"),
         "4 required fields [P]", terms.missing_field),
)
HISTORY: tuple[Rule, ...] = (
    Rule("declined_often", USEFUL, Text("对接多次未成", "Dockings came to nothing"),
         "coded reasons of declined dockings [X]", history.declined_often),
)
# fmt: on
"""Rules of the text, and of what became of the need that it is the text of."""


def diagnose(
    session: so.Session,
    actor: Actor,
    index: MatchIndex,
    data: Mapping[str, Any],
    *,
    need_id: UUID | None = None,
    language: str = "zh-CN",
) -> dict[str, Any]:
    """Advise on a draft; nothing is stored.

    Parameters
    ----------
    data : mapping
        The draft by the names of the API; anything may be missing.
    need_id : UUID, optional
        The stored need whose text this is; it is no duplicate of itself.

    Returns
    -------
    dict
        ``advice`` with pointers and spans into ``data``, important first;
        ``duplicates`` that the caller may see, likest first; ``summary`` with counts.

    Raises
    ------
    Unauthenticated
        The public asked.
    """
    policies.require_signed_in(actor)
    draft = drafts.read(session, actor, data, need_id)
    advice = [_shown(rule, found, language) for rule, found in examine(draft)]
    advice.sort(key=lambda each: each["severity"] != IMPORTANT)
    duplicates = _duplicates(session, actor, index, draft, need_id)
    counts = {
        severity: sum(each["severity"] == severity for each in advice)
        for severity in (IMPORTANT, USEFUL)
    }
    return {
        "advice": advice,
        "duplicates": duplicates,
        "summary": {
            **counts,
            "duplicates": len(duplicates),
            "rules": len(RULES + HISTORY),
        },
    }


def examine(draft: Draft) -> list[tuple[Rule, Finding]]:
    """Apply every rule, in the order of the table."""
    found: list[tuple[Rule, Finding]] = []
    for rule in (*RULES, *HISTORY):
        for count, finding in enumerate(rule.find(draft)):
            if count >= MOST_ADVICE:
                break
            found.append((rule, finding))
    return found


def _shown(rule: Rule, finding: Finding, language: str) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "field": finding.pointer,
        "code": rule.code,
        "severity": finding.severity or rule.severity,
        "title": rule.title.get(language),
        "message": finding.message.get(language),
        "suggestion": finding.suggestion.get(language),
        "quote": finding.quote,
        "span": None if finding.span is None else list(finding.span),
    }
    if finding.row is not None:
        shown["row"] = dict(finding.row)
    return shown


def _duplicates(
    session: so.Session,
    actor: Actor,
    index: MatchIndex,
    draft: Draft,
    need_id: UUID | None,
) -> list[dict[str, Any]]:
    """Find needs like this one: in the library, and among the unit's own drafts."""
    rule = draft.lexicon("doctor.duplicates")
    most = int(rule["most"])
    bands = _near(session, actor, index, draft, need_id, rule)
    for own in _own_titles(session, actor, draft, float(rule["title_percent"])):
        if own != need_id:
            bands.setdefault(own, "same_title")
    wanted = list(bands)[:most]
    statement = (
        sa.select(Need)
        .where(Need.id.in_(wanted), policies.visible_needs(actor))
        .options(so.joinedload(Need.working), so.joinedload(Need.published))
    )
    rows = {need.id: need for need in session.scalars(statement)}
    return [
        {
            "id": need.id,
            "need_no": need.need_no,
            "title": _title(actor, need),
            "similarity_band": bands[need.id],
        }
        for need in (rows[i] for i in wanted if i in rows)
    ]


def _title(actor: Actor, need: Need) -> str:
    """Return the title that this caller reads."""
    if need.published is None or policies.reads_working_need(actor, need):
        return need.working.title
    return need.published.title


def _near(
    session: so.Session,
    actor: Actor,
    index: MatchIndex,
    draft: Draft,
    need_id: UUID | None,
    rule: Mapping[str, Any],
) -> dict[UUID, str]:
    """Ask the engine; needs that the caller may not know of are left out.

    So are those of which he does not read every field: how like a draft is to hidden
    words would tell what the words are.
    """
    texts = draft.texts(*NEED_TEXTS)
    title = draft.passages.get("title")
    if not texts and title is None:
        return {}
    posting = Posting(
        id=DRAFT_ID,
        kind="need",
        title=title.text if title else "",
        text="\n".join(passage.text for passage in texts),
        keywords=tuple(keyword.text for keyword in draft.keywords),
        indicators=tuple(row.indicator for row in draft.rows),
    )
    hidden = session.scalars(
        sa.select(Need.id).where(
            Need.published_version_id.is_not(None),
            Need.state.in_(need_states.SHOWN),
            ~policies.visible_needs(actor),
        )
    )
    guarded = session.scalars(
        sa.select(Need.id)
        .join(NeedVersion, NeedVersion.id == Need.published_version_id)
        .where(
            NeedVersion.disclosure != Disclosure.FULL,
            ~policies.working_needs(actor),
            Need.id.not_in(policies.granted_subjects(actor, "need")),
        )
    )
    left_out = {str(i) for i in (*hidden, *guarded, *([need_id] if need_id else []))}
    found = index.fresh(session).similar(
        posting,
        k=int(rule["most"]),
        where=Filter(kind={"need"}, exclude_ids=left_out),
        threshold=float(rule["similar"]),
    )
    bands = ("identical", "very_similar", "similar")
    return {
        UUID(posting_id): next(b for b in bands if likeness >= float(rule[b]))
        for posting_id, likeness in found
    }


def _own_titles(
    session: so.Session, actor: Actor, draft: Draft, least: float
) -> list[UUID]:
    """Find the own unit's latest needs whose titles are the same but for a little."""
    passage = draft.passages.get("title")
    if passage is None or not actor.org_ids:
        return []
    key = clean(passage.text).casefold()
    rows = session.execute(
        sa.select(Need.id, NeedVersion.title)
        .join(NeedVersion, NeedVersion.id == Need.working_version_id)
        .where(
            Need.owner_org_id.in_(actor.org_ids),
            Need.state.in_(need_states.OPEN),
            policies.working_needs(actor),
        )
        .order_by(Need.id.desc())
        .limit(_OWN_TITLES)
    )
    return [
        row.id for row in rows if fuzz.ratio(key, clean(row.title).casefold()) >= least
    ]

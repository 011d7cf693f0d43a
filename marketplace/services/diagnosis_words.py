"""What the need doctor says about words: title, texts, vagueness, what may not stand.

Word lists are rules with dates, so that an operator's experience can change them
without a release; the functions here only say how the lists are used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import combinations
from typing import Any

from rapidfuzz import fuzz
from stdnum.cn import ric

from marketplace.errors import Text
from marketplace.services.diagnosis_drafts import (
    GOALS,
    IMPORTANT,
    LABELS,
    USEFUL,
    Draft,
    Finding,
    Hit,
    any_pattern,
    outside,
    words_pattern,
)
from matching.text import HAN, clean

_BODY = ("problem", *GOALS)
_MOST_A_PASSAGE = 5
_NEGATION_WINDOW = 6
_CONTACT = {
    "mobile": r"(?<![0-9.])1[3-9][0-9][ \-]?[0-9]{4}[ \-]?[0-9]{4}"
    r"(?![0-9.]| ?[件台套只个次吨元%a-z])",
    "landline": r"(?<![0-9.a-z/])(?:\(0[1-9][0-9]{1,2}\) ?|0[1-9][0-9]{1,2}[ \-])"
    r"[2-9][0-9]{6,7}(?![0-9.])",
    "service": r"(?<![0-9.a-z\-])[48]00[ \-][0-9]{3,4}[ \-][0-9]{3,4}(?![0-9.])",
    "mail": r"[a-z0-9._%+\-]{1,64}@[a-z0-9\-]{1,63}(?:\.[a-z0-9\-]{1,63}){0,3}"
    r"\.[a-z]{2,24}(?![a-z0-9])",
    "chat": r"(?:qq|微信号?|wechat|weixin)群?(?:号码?)?[ :为是]{1,3}[a-z0-9_\-]{5,20}",
    "identity": r"(?<![0-9a-z])[1-9][0-9]{16}[0-9x](?![0-9a-z])",
    "person": rf"(?:联系人|联络人|(?:技术|项目)负责人|经办人)[ :]{{1,2}}[{HAN}]{{2,4}}",
}
_CONTACTS = re.compile("|".join(f"(?P<{k}>{v})" for k, v in _CONTACT.items()))
_SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋"
    "蔡贾丁魏薛叶阎余潘杜戴夏钟汪田姜范石姚谭廖邹熊陆郝孔崔康毛邱秦江史顾侯邵孟龙万段雷钱汤"
)


def missing_title(draft: Draft) -> Iterator[Finding]:
    """The title is what everybody sees first."""
    if "title" not in draft.passages:
        yield Finding(
            "/title",
            Text("没有需求名称", "there is no title"),
            _TITLE,
        )


_TITLE = Text(
    "写成“对象+要做的事”，12至30字，如“薄壁压铸铝合金热裂控制关键技术研究”。",
    "Name the object and what is to be done, in 12 to 30 characters.",
)


def poor_title(draft: Draft) -> Iterator[Finding]:
    """A title that is too short, or names no object (对象)."""
    passage = draft.passages.get("title")
    if passage is None:
        return
    rule = draft.lexicon("doctor.lengths")["title"]
    words = clean(passage.text).casefold()
    generic = words_pattern(tuple(draft.lexicon("doctor.generic_words")["title"]))
    left = re.sub(rf"[^{HAN}a-z0-9]", "", generic.sub("", words))
    whole = (0, len(passage.text))
    if len(left) < int(rule["object"]):
        yield Finding(
            "/title",
            Text("名称没有写明对象", "the title names no object"),
            _TITLE,
            whole,
            passage.text,
        )
    elif len(words) < int(rule["least"]):
        yield Finding(
            "/title",
            Text("名称过短", "the title is too short"),
            _TITLE,
            whole,
            passage.text,
        )


def long_title(draft: Draft) -> Iterator[Finding]:
    """A title that tells the whole story is read by nobody."""
    passage = draft.passages.get("title")
    advised = int(draft.lexicon("doctor.lengths")["title"]["advised"])
    if passage is not None and len(clean(passage.text)) > advised:
        yield Finding(
            "/title",
            Text(
                "名称超过{advised}字", "the title exceeds {advised} characters"
            ).format(advised=advised),
            Text(
                "只留对象和技术，指标和背景写到正文。",
                "Keep object and technology; figures and background go into the text.",
            ),
        )


def missing_text(draft: Draft) -> Iterator[Finding]:
    """A box of the form that is empty."""
    for name in ("problem", "key_technology", "expected_goal", "background"):
        if name not in draft.passages:
            label = LABELS[name]
            yield Finding(
                f"/{name}",
                Text("“{zh}”没有填写", "'{en}' is empty").format(
                    zh=label.zh, en=label.en
                ),
                _WHAT_TO_WRITE[name],
                severity=None if name != "background" else USEFUL,
            )


_WHAT_TO_WRITE = {
    "problem": Text(
        "写清在什么产品、工序或工况下，出现什么现象，现在做到多少，试过什么，为什么没解决。",
        "Say in which product, step or state what happens, what you reach today, what "
        "you tried and why it did not help.",
    ),
    "key_technology": Text(
        "逐条写需要突破的技术点和对应的指标。",
        "List the points of technology to be solved, each with its figure.",
    ),
    "expected_goal": Text(
        "写验收时要看到的结果：样机、工艺、达到的指标、应用规模。",
        "Say what acceptance will look at: prototypes, processes, figures, scale.",
    ),
    "background": Text(
        "写现有的设备、数据、样品和已做的工作，便于对方判断起点。",
        "Say which equipment, data, samples and results you have, so that a team can "
        "see where it would start.",
    ),
}


def short_text(draft: Draft) -> Iterator[Finding]:
    """A box that says too little for an outsider to judge by."""
    for name, least in draft.lexicon("doctor.lengths")["least"].items():
        passage = draft.passages.get(name)
        if passage is None or len(clean(passage.text)) >= int(least):
            continue
        label = LABELS[name]
        yield Finding(
            passage.pointer,
            Text(
                "“{zh}”只有{count}字，外人难以判断",
                "'{en}' has {count} characters; an outsider cannot judge by it",
            ).format(zh=label.zh, en=label.en, count=len(clean(passage.text))),
            _WHAT_TO_WRITE[name],
            (0, len(passage.text)),
            passage.text,
            IMPORTANT if name == "problem" else None,
        )


def repeated_text(draft: Draft) -> Iterator[Finding]:
    """The same words in two boxes."""
    least = float(draft.lexicon("doctor.lengths")["alike_percent"])
    boxes = draft.texts("problem", "key_technology", "expected_goal", "background")
    for one, other in combinations(boxes, 2):
        likeness = fuzz.ratio(
            one.folded[:2000], other.folded[:2000], score_cutoff=least
        )
        if likeness:
            first, second = LABELS[one.name], LABELS[other.name]
            yield Finding(
                other.pointer,
                Text(
                    "“{zh}”与“{zh_first}”内容几乎相同",
                    "'{en}' says nearly the same as '{en_first}'",
                ).format(
                    zh=second.zh,
                    zh_first=first.zh,
                    en=second.en,
                    en_first=first.en,
                ),
                _WHAT_TO_WRITE[other.name],
            )


def vague_word(draft: Draft) -> Iterator[Finding]:
    """Praise and degree where a figure should be; beside one they are left alone."""
    for group in draft.lexicon("doctor.vague_words")["groups"]:
        pattern = words_pattern(tuple(group["words"]))
        proper = words_pattern(tuple(group.get("proper", ())))
        suggestion = Text(group["zh"], group["en"])
        for passage in draft.texts(*group["fields"]):
            found: set[str] = set()
            for hit in outside(passage.find(pattern), passage.find(proper)):
                if hit.word in found or passage.states_a_figure(
                    *passage.reach(*hit.span)
                ):
                    continue
                found.add(hit.word)
                yield hit.finding(_VAGUE, suggestion)
        for row in draft.rows:
            passage_ = row.passage("text") or row.passage("name")
            if row.quantified or passage_ is None:
                continue
            for hit in outside(passage_.find(pattern), passage_.find(proper)):
                yield hit.finding(_VAGUE, suggestion, IMPORTANT)
                break


_VAGUE = Text("“{quote}”无法检验", "'{quote}' cannot be checked")


def purchase(draft: Draft) -> Iterator[Finding]:
    """Equipment or goods to be bought: not a technical problem."""
    rule = draft.lexicon("doctor.purchase")
    phrases: Mapping[str, int] = rule["phrases"]
    counted = _counted_purchase(tuple(rule["quantities"]))
    pattern = words_pattern(tuple(phrases))
    weights = _folded(tuple(phrases.items()))
    texts = draft.texts("title", *_BODY)
    research = words_pattern(tuple(rule["research"]))
    least = int(rule["least"])
    hits: dict[str, tuple[int, Hit]] = {}
    for passage in texts:
        for hit in passage.find(counted):
            hits.setdefault("", (least, hit))
        for hit in passage.find(pattern):
            weight = weights[hit.word] * (3 if passage.name == "title" else 1)
            if weight > hits.get(hit.word, (0, hit))[0]:
                hits[hit.word] = (weight, hit)
    if not hits:
        return
    weight, heaviest = max(hits.values(), key=lambda each: each[0])
    score = sum(weight for weight, _ in hits.values())
    found = {hit.word for passage in texts for hit in passage.find(research)}
    if weight < least or score <= len(found) * int(rule["research_credit"]):
        return
    yield heaviest.finding(
        Text(
            "读起来像设备或货物采购（“{quote}”）",
            "this reads like a purchase of equipment or goods ('{quote}')",
        ),
        Text(
            "采购请走采购渠道；若确有技术问题，写清现有设备为什么达不到、要突破什么。",
            "Buy through purchasing channels. If there is a technical problem, say why "
            "existing equipment fails and what has to be found out.",
        ),
    )


@lru_cache(maxsize=16)
def _folded(weights: tuple[tuple[str, int], ...]) -> dict[str, int]:
    """Return weights by the spelling in which words are found."""
    return {clean(word).casefold(): int(weight) for word, weight in weights}


@lru_cache(maxsize=16)
def _counted_purchase(quantities: tuple[str, ...]) -> re.Pattern[str]:
    """Return the pattern of "buy n pieces of something".

    Bringing in, adding or ordering pieces (引进、添置、定制) is buying when it is meant
    for the future and no technology or method is what comes.
    """
    kinds = "|".join(map(re.escape, quantities))
    number = rf"(?:[0-9]{{1,6}}|[一二两三四五六七八九十]{{1,4}}) ?(?:{kinds})"
    return re.compile(
        rf"(?<![已曾前年月])(?:求购|采购|购置|购买|订购|选购)[^,。;]{{0,24}}{number}"
        rf"|(?:拟|需要?|计划|希望|准备|打算|急需|欲)(?:新?引进|添置|增购|定制(?!化)|订制)"
        rf"(?:(?!技术|工艺|方案|方法|算法|模型|人才|团队)[^,。;]){{0,24}}{number}"
    )


def boilerplate(draft: Draft) -> Iterator[Finding]:
    """A company profile or promised benefit where the problem should stand."""
    rule = draft.lexicon("doctor.boilerplate")
    technical = words_pattern(tuple(rule["technical"]))
    for kind, message, suggestion in _BOILERPLATE:
        pattern = any_pattern(tuple(rule[kind]))
        for passage in draft.texts("problem", "key_technology"):
            hits = list(passage.find(pattern))
            if len({hit.word for hit in hits}) < int(rule["mentions"]):
                continue
            sentences = {
                place
                for hit in hits
                for place in (passage.sentence(hit.span[0]),)
                if not technical.search(clean(passage.text[slice(*place)]).casefold())
            }
            length = sum(end - start for start, end in sentences)
            if length * 100 < int(rule["share_percent"]) * len(passage.text):
                continue
            yield hits[0].finding(message, suggestion)


_BOILERPLATE = (
    (
        "profile",
        Text(
            "这里写的主要是单位简介（“{quote}”等）",
            "this is mainly a profile of the company ('{quote}' and others)",
        ),
        Text(
            "单位简介放到单位信息；这里只写技术问题：现象、现有水平、试过什么。",
            "The profile belongs to the organisation; write the technical problem "
            "here: what happens, what you reach today, what you tried.",
        ),
    ),
    (
        "benefit",
        Text(
            "这里写的主要是效益和意义（“{quote}”等）",
            "this is mainly about benefit and significance ('{quote}' and others)",
        ),
        Text(
            "效益写到预期目标；这里只写技术问题和要突破的技术点。",
            "Benefit belongs to the expected goal; write the technical problem here.",
        ),
    ),
)


def secret_matter(draft: Draft) -> Iterator[Finding]:
    """No state secrets and nothing classified on the platform."""
    rule = draft.lexicon("doctor.secrets")
    pattern = words_pattern(tuple(rule["words"]))
    harmless = words_pattern(tuple(rule["harmless"]))
    denied = words_pattern(tuple(rule["negations"]))
    for passage in draft.everything():
        for hit in outside(passage.find(pattern), passage.find(harmless)):
            at = hit.match.start()
            if denied.search(passage.folded, max(0, at - _NEGATION_WINDOW), at):
                continue
            yield hit.finding(
                Text(
                    "出现“{quote}”：平台不受理涉密内容",
                    "'{quote}': the platform takes no classified matter",
                ),
                Text(
                    "涉密内容不得上传；只有脱密并经保密审查的内容才可填报。",
                    "Do not upload classified matter; only what has passed a secrecy "
                    "review may stand here.",
                ),
            )
            break


def personal_data(draft: Draft) -> Iterator[Finding]:
    """Telephone, mail, identity numbers in a text that strangers will read."""
    for passage in draft.everything():
        count = 0
        for hit in passage.find(_CONTACTS):
            kind = hit.match.lastgroup
            if kind == "identity" and not ric.is_valid(hit.word.upper()):
                continue
            count += 1
            if count > _MOST_A_PASSAGE:
                break
            yield hit.finding(
                Text(
                    "公开文字中含个人信息或联系方式（“{quote}”）",
                    "personal or contact data in a text for the public ('{quote}')",
                ),
                Text(
                    "删去；联系人在单位信息中填写，平台默认隐去。",
                    "Remove it; contacts belong to the organisation, where they are "
                    "masked.",
                ),
            )


def named_partner(draft: Draft) -> Iterator[Finding]:
    """A text that admits one named unit or person only."""
    rule = draft.lexicon("doctor.single_source")
    pattern = _partner_pattern(
        tuple(rule["binding"]), tuple(rule["bodies"]), tuple(rule["persons"])
    )
    generic = tuple(rule["generic"])
    for passage in draft.texts("title", *_BODY, "bidder_conditions"):
        for hit in passage.find(pattern):
            name = hit.match["name"] or hit.match["person"] or ""
            if len(name) < 2 or any(word in name for word in generic):
                continue
            yield hit.finding(
                Text(
                    "只认一家单位或一个人（“{quote}”）",
                    "this admits one named unit or person only ('{quote}')",
                ),
                Text(
                    "改写成能力条件；已有意向的，填到“意向合作单位、专家”。",
                    "Ask for an ability instead; name whom you have in mind under "
                    "intended units and experts.",
                ),
            )


@lru_cache(maxsize=16)
def _partner_pattern(
    binding: tuple[str, ...], bodies: tuple[str, ...], persons: tuple[str, ...]
) -> re.Pattern[str]:
    binds = words_pattern(binding).pattern
    return re.compile(
        rf"(?:{binds})(?:由|与|和|为|给|于|从|向)?"
        rf"(?:(?P<name>[{HAN}a-z]{{2,20}}?)(?:{words_pattern(bodies).pattern})"
        rf"|(?P<person>[{_SURNAMES}][{HAN}]{{1,2}}?)"
        rf"(?:{words_pattern(persons).pattern}))"
    )


def local_condition(draft: Draft) -> Iterator[Finding]:
    """A condition that shuts out bidders by their seat."""
    pattern = any_pattern(tuple(draft.lexicon("doctor.single_source")["locality"]))
    for passage in draft.texts("bidder_conditions", *_BODY):
        for hit in passage.find(pattern):
            yield hit.finding(
                Text(
                    "按所在地限制揭榜方（“{quote}”）",
                    "this limits bidders by their seat ('{quote}')",
                ),
                Text(
                    "公平竞争审查不允许按所在地排斥；改写成驻场、响应时间等条件。",
                    "Fair competition does not allow it; ask for presence on site or "
                    "response time instead.",
                ),
            )


def fixed_solution(draft: Draft) -> Iterator[Finding]:
    """A text that prescribes the solution leaves nothing to be found."""
    rule = draft.lexicon("doctor.fixed_solutions")
    yield from _listed(
        draft,
        rule,
        "fixed",
        Text("方案已经定死（“{quote}”）", "the solution is fixed already ('{quote}')"),
        Text(
            "写要达到的效果和限制条件，把做法留给对方；只是加工的不属于技术需求。",
            "State the effect and the limits and leave the way to the other side; "
            "mere processing is not a technical need.",
        ),
    )


def solved_already(draft: Draft) -> Iterator[Finding]:
    """Experts reject what the firm has solved itself."""
    yield from _listed(
        draft,
        draft.lexicon("doctor.fixed_solutions"),
        "solved",
        Text(
            "读起来问题已经解决（“{quote}”）",
            "this reads as if it were solved ('{quote}')",
        ),
        Text("写清还没有解决的部分。", "Say which part is not yet solved."),
    )


def _listed(
    draft: Draft, rule: Mapping[str, Any], key: str, message: Text, suggestion: Text
) -> Iterator[Finding]:
    pattern = words_pattern(tuple(rule[key]))
    harmless = words_pattern(tuple(rule["harmless"]))
    for passage in draft.texts("title", *_BODY):
        for hit in outside(passage.find(pattern), passage.find(harmless)):
            yield hit.finding(message, suggestion)

"""Scores agree with formulas written out a second time, and with scikit-learn."""

from collections import Counter
from dataclasses import replace
from math import exp, log, sqrt

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from matching import Filter, Matcher, Posting, engine
from matching.lexicon.background import informativeness
from matching.lexicon.thesaurus import related
from matching.segments import GRAM_KINDS, SCORED_KINDS, TOKEN_KINDS
from matching.tokens import Kind, fold, tokenise
from matching.weights import load

TEXTS = {
    "a": "高强铝合金板材热处理工艺，铝合金板材",
    "b": "碳纤维 carbon fibre coatings",
    "c": "铝合金焊接 soldering of aluminium alloys",
    "d": "牡蛎苗种繁育技术",
}
QUERY = "铝合金板材 welding 热处理 热处理 carbon fibres 钪"


def bag(text, kinds):
    tokens = tokenise([fold(text)])
    kept = (int(f) for f in tokens.features if int(f) >> 60 in set(kinds))
    return Counter(kept)


def frequency(bags, feature):
    return sum(feature in other for other in bags.values())


def saturated(count):
    return 2 * count / (1 + count)


def sublinear(count):
    return 1 + log(count)


def bm25(query, bags, lengths, posting_id):
    n, mine = len(bags), bags[posting_id]
    average = sum(lengths.values()) / n
    norm = 1.2 * (0.25 + 0.75 * lengths[posting_id] / average)
    score = most = 0.0
    for feature, count in query.items():
        df = frequency(bags, feature)
        weight = saturated(count) * log(1 + (n - df + 0.5) / (df + 0.5)) ** 1.5
        most += weight
        score += weight * mine[feature] / (mine[feature] + norm)
    return score / most


def language_norm(counts):
    weights = informativeness(np.array(list(counts), np.uint64)).tolist()
    pairs = zip(counts.values(), weights, strict=True)
    return sqrt(sum((sublinear(c) * w) ** 2 for c, w in pairs))


def plain_norm(counts):
    return sqrt(sum(sublinear(c) ** 2 for c in counts.values())) or 1.0


def likeness(query, bags, posting_id, norm):
    n, mine = len(bags), bags[posting_id]
    score = itself = 0.0
    for feature, count in query.items():
        idf = log((1 + n) / (1 + frequency(bags, feature))) + 1
        weight = saturated(count) * idf**2
        itself += weight * sublinear(count)
        if mine[feature]:
            score += weight * sublinear(mine[feature])
    return score / norm(mine) * norm(query) / itself


def nearness(stem, other):
    features, near = related(stem)
    known = dict(zip(features.tolist(), near, strict=True)) | {stem: 1.0}
    return known.get(other, 0.0)


def like_meaning(query, bags, posting_id):
    n, mine = len(bags), bags[posting_id]

    def idf(feature):
        return log((1 + n) / (1 + frequency(bags, feature))) + 1

    if not mine:
        return 0.0
    asked = sum(idf(q) * max(nearness(q, d) for d in mine) for q in query)
    covered = sum(idf(d) * max(nearness(q, d) for q in query) for d in mine)
    return sqrt(asked / sum(map(idf, query)) * covered / sum(map(idf, mine)))


def test_the_text_part_is_the_mixture_that_the_weights_file_describes():
    weights, shares = load(), load().views
    words = {i: bag(text, SCORED_KINDS) for i, text in TEXTS.items()}
    grams = {i: bag(text, GRAM_KINDS) for i, text in TEXTS.items()}
    stems = {i: bag(text, [Kind.STEM]) for i, text in TEXTS.items()}
    lengths = {i: sum(bag(text, TOKEN_KINDS).values()) for i, text in TEXTS.items()}
    query = bag(QUERY, SCORED_KINDS)
    tokens = sum(map(sublinear, bag(QUERY, TOKEN_KINDS).values()))
    in_letters = sum(map(sublinear, bag(QUERY, [Kind.STEM]).values()))
    in_characters = sum(map(sublinear, bag(QUERY, [Kind.BIGRAM]).values()))
    lettered = in_letters / (in_letters + in_characters)
    share = shares["cosine"] * min(tokens / (sum(lengths.values()) / len(TEXTS)), 1)
    scale = weights.text_scale + weights.text_scale_tokens / tokens
    matcher = Matcher.build(Posting(id=i, text=t) for i, t in TEXTS.items())
    found = {m.id: m.parts["text"] for m in matcher.rank(Posting(id="q", text=QUERY))}
    assert set(found) == {"a", "b", "c"}
    for posting_id, part in found.items():
        raw = (
            shares["bm25"] * bm25(query, words, lengths, posting_id)
            + share * likeness(query, words, posting_id, language_norm)
        ) / (shares["bm25"] + share)
        letters = (
            shares["letter_words"] * raw
            + shares["letter_grams"]
            * likeness(bag(QUERY, GRAM_KINDS), grams, posting_id, plain_norm)
            + shares["letter_thesaurus"]
            * like_meaning(bag(QUERY, [Kind.STEM]), stems, posting_id)
        ) / sum(shares[f"letter_{v}"] for v in ("words", "grams", "thesaurus"))
        raw += lettered**2 * (letters - raw)
        expected = (1 - exp(-(raw**weights.text_power) / scale)) / (1 - exp(-1 / scale))
        assert part == pytest.approx(min(expected, 1), abs=2e-6)


def test_the_weights_of_the_cosine_views_are_those_of_scikit_learn():
    vectoriser = TfidfVectorizer(
        analyzer=lambda text: list(bag(text, TOKEN_KINDS).elements()),
        sublinear_tf=True,
        norm=None,
    )
    documents = vectoriser.fit_transform(TEXTS.values())
    bags = {i: bag(text, TOKEN_KINDS) for i, text in TEXTS.items()}
    # Every feature once, where saturated and sub-linear frequencies are both 1.
    query = {f: 1 for f in bag(QUERY, TOKEN_KINDS) if frequency(bags, f)}
    asked = vectoriser.transform([QUERY]).copy()
    asked.data = vectoriser.idf_[asked.indices]
    products = (documents @ asked.T).toarray().ravel()
    itself = float((asked.data**2).sum())
    for posting_id, product in zip(TEXTS, products, strict=True):
        mine = bags[posting_id]
        ours = likeness(query, bags, posting_id, plain_norm)
        size = plain_norm(query)
        assert ours == pytest.approx(product / plain_norm(mine) * size / itself)


def test_saying_the_same_scores_more_than_saying_less_or_more():
    texts = {"same": QUERY, "less": "铝合金板材", "more": QUERY + "牡蛎苗种繁育" * 5}
    matcher = Matcher.build(Posting(id=i, text=t) for i, t in texts.items())
    ranked = matcher.rank(Posting(id="q", text=QUERY))
    assert ranked[0].id == "same"
    assert ranked[0].band == "strong"


def test_words_of_like_meaning_find_each_other():
    texts = {"near": "electric motor", "far": "fruit juice", "exact": "engine"}
    matcher = Matcher.build(Posting(id=i, text=t) for i, t in texts.items())
    ranked = matcher.rank(Posting(id="q", text="engines"))
    assert [match.id for match in ranked][:2] == ["exact", "near"]


def test_a_rare_character_tells_of_the_field_where_no_word_is_shared():
    texts = {"near": "钪基材料", "far": "果汁饮料"}
    matcher = Matcher.build(Posting(id=i, text=t) for i, t in texts.items())
    ranked = matcher.rank(Posting(id="q", text="含钪的熔体"))
    assert ranked[0].id == "near"


NEED = Posting(
    id="q",
    text="连续退火机组入口段张力波动大，带钢跑偏，活套位置失控，焊缝过不去，停机频繁。"
    "需要一种在线识别与预测的办法，稳定运行，减少废品，降低能耗，提升班产。冷轧",
)
"""Shares one word with the first text below, and none with the second."""
NEIGHBOURS = [
    Posting(id="shares", text="冷轧薄板轧制力模型与板形预报，轧辊凸度与板形控制"),
    Posting(id="alike", text="轧辊凸度与板形控制，轧制力模型，板形预报"),
    *(Posting(id=food, text=f"{food}的培育与加工") for food in "桃梨葱姜"),
]


def test_where_little_is_shared_the_best_documents_lead_to_others(monkeypatch):
    ranked = Matcher.build(NEIGHBOURS).rank(NEED)
    assert [match.id for match in ranked][:2] == ["shares", "alike"]
    with_it = ranked[1].parts["text"]
    alone = replace(load(), feedback={**load().feedback, "share": 0.0})
    monkeypatch.setattr(engine, "load", lambda _: alone)
    ranked = Matcher.build(NEIGHBOURS).rank(NEED)
    texts = {match.id: match.parts["text"] for match in ranked}
    assert "shares" in texts
    assert with_it > texts.get("alike", 0.0)


def test_the_score_of_a_pair_does_not_depend_on_what_else_may_be_shown():
    matcher = Matcher.build(NEIGHBOURS)
    for query in (NEED, Posting(id="q", text="板形 凸度")):
        free = {match.id: match.score for match in matcher.rank(query)}
        for posting_id, score in free.items():
            (alone,) = matcher.rank(query, where=Filter(ids={posting_id}))
            assert alone.score == score

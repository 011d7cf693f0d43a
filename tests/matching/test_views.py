"""Scores agree with formulas written out a second time, and with scikit-learn."""

from collections import Counter
from math import exp, log, sqrt

import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from matching import Matcher, Posting
from matching.segments import GRAM_KINDS, TOKEN_KINDS
from matching.tokens import fold, tokenise
from matching.weights import load

TEXTS = {
    "a": "高强铝合金板材热处理工艺，铝合金板材",
    "b": "碳纤维 carbon fibre coatings",
    "c": "铝合金焊接 welding of aluminium alloys",
    "d": "牡蛎苗种繁育技术",
}
QUERY = "铝合金板材 welding 热处理 热处理 carbon fibres 钪"


def bag(text, kinds):
    tokens = tokenise([fold(text)])
    kept = (int(f) for f in tokens.features if int(f) >> 60 in set(kinds))
    return Counter(kept)


def frequency(bags, feature):
    return sum(feature in other for other in bags.values())


def bm25(query, bags, posting_id):
    n, mine = len(bags), bags[posting_id]
    average = sum(sum(b.values()) for b in bags.values()) / n
    norm = 1.2 * (0.25 + 0.75 * sum(mine.values()) / average)
    score = most = 0.0
    for feature, count in query.items():
        df = frequency(bags, feature)
        weight = (1 + log(count)) * log(1 + (n - df + 0.5) / (df + 0.5))
        most += weight
        score += weight * mine[feature] / (mine[feature] + norm)
    return score / most


def likeness(query, bags, posting_id):
    n, mine = len(bags), bags[posting_id]
    norm = sqrt(sum((1 + log(c)) ** 2 for c in mine.values())) or 1.0
    size = sqrt(sum((1 + log(c)) ** 2 for c in query.values()))
    score = itself = 0.0
    for feature, count in query.items():
        idf = log((1 + n) / (1 + frequency(bags, feature))) + 1
        weight = (1 + log(count)) * idf**2
        itself += weight * (1 + log(count))
        if mine[feature]:
            score += weight * (1 + log(mine[feature]))
    return score / norm * size / itself


def test_the_text_part_is_the_mixture_that_the_weights_file_describes():
    weights = load()
    tokens = {i: bag(text, TOKEN_KINDS) for i, text in TEXTS.items()}
    grams = {i: bag(text, GRAM_KINDS) for i, text in TEXTS.items()}
    query, query_grams = bag(QUERY, TOKEN_KINDS), bag(QUERY, GRAM_KINDS)
    saturated = {f: 1 + log(c) for f, c in query.items()}
    stems = sum(v for f, v in saturated.items() if f >> 60 == 3)
    bigrams = sum(v for f, v in saturated.items() if f >> 60 == 2)
    lettered = stems / (stems + bigrams)
    shares = dict(weights.views)
    letters = shares.pop("letter_grams")
    shares["grams"] += lettered * (letters - shares["grams"])
    scale = weights.text_scale + weights.text_scale_tokens / sum(saturated.values())
    matcher = Matcher.build(Posting(id=i, text=t) for i, t in TEXTS.items())
    found = {m.id: m.parts["text"] for m in matcher.rank(Posting(id="q", text=QUERY))}
    assert set(found) == {"a", "b", "c"}
    for posting_id, part in found.items():
        raw = (
            shares["bm25"] * bm25(query, tokens, posting_id)
            + shares["tokens"] * likeness(query, tokens, posting_id)
            + shares["grams"] * likeness(query_grams, grams, posting_id)
        ) / sum(shares.values())
        expected = (1 - exp(-raw / scale)) / (1 - exp(-1 / scale))
        assert part == pytest.approx(expected, abs=2e-6)


def test_the_weights_of_the_cosine_views_are_those_of_scikit_learn():
    vectoriser = TfidfVectorizer(
        analyzer=lambda text: list(bag(text, TOKEN_KINDS).elements()),
        sublinear_tf=True,
        norm=None,
    )
    documents = vectoriser.fit_transform(TEXTS.values())
    products = (documents @ vectoriser.transform([QUERY]).T).toarray().ravel()
    bags = {i: bag(text, TOKEN_KINDS) for i, text in TEXTS.items()}
    query = Counter(
        {f: c for f, c in bag(QUERY, TOKEN_KINDS).items() if frequency(bags, f)}
    )
    idf = {f: log(5 / (1 + frequency(bags, f))) + 1 for f in query}
    size = sqrt(sum((1 + log(c)) ** 2 for c in query.values()))
    itself = sum((1 + log(c)) ** 2 * idf[f] ** 2 for f, c in query.items())
    for posting_id, product in zip(TEXTS, products, strict=True):
        norm = sqrt(sum((1 + log(c)) ** 2 for c in bags[posting_id].values()))
        ours = likeness(query, bags, posting_id)
        assert ours == pytest.approx(product / norm * size / itself)


def test_saying_the_same_scores_more_than_saying_less_or_more():
    texts = {"same": QUERY, "less": "铝合金板材", "more": QUERY + "牡蛎苗种繁育" * 5}
    matcher = Matcher.build(Posting(id=i, text=t) for i, t in texts.items())
    ranked = matcher.rank(Posting(id="q", text=QUERY))
    assert ranked[0].id == "same"
    assert ranked[0].band == "strong"

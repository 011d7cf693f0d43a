"""The rules that a ranking keeps, whatever is in the index."""

from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matching import Filter, Matcher, Posting, UnknownWeights, engine
from matching.explanations import Reading, _longest
from matching.indicators import parse
from matching.tokens import fold
from matching.weights import DEFAULT, PARTS, load

WORDS = [
    "碳纤维",
    "铝合金",
    "热处理",
    "焊接",
    "传感器",
    "牡蛎",
    "fibre",
    "coating",
    "T800",
]
OTHER_SPELLINGS = ["鋁合金", "ＣＯＡＴＩＮＧＳ"]

some_text = st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join)
any_text = st.text(st.characters(codec=None), max_size=60)


def postings_of(texts):
    return [
        Posting(id=f"p{number:02}", title=text, text=text[::-1])
        for number, text in enumerate(texts)
    ]


def order(matcher, posting, **options):
    return [(match.id, match.score) for match in matcher.rank(posting, **options)]


@pytest.fixture(scope="module")
def offers():
    return [
        Posting(
            id="plate",
            title="高强铝合金板材热处理工艺",
            text="针对6061-T6铝合金板材，抗拉强度达到620 MPa。",
            keywords=["铝合金", "热处理"],
            codes={"chain": "SD-C04", "field": "05", "region": "370785"},
            org="a",
            kind="result",
        ),
        Posting(
            id="fibre",
            title="T800级碳纤维上浆剂",
            text="提高碳纤维与树脂的界面强度。",
            codes={"chain": "SD-C07", "region": "370100"},
            org="b",
            kind="result",
            tier=2,
        ),
        Posting(
            id="team",
            title="铝合金焊接工艺团队",
            text="搅拌摩擦焊，鋁合金厚板。",
            codes={"chain": "SD-C04", "region": "370702"},
            org="c",
            kind="capability",
        ),
    ]


@pytest.fixture(scope="module")
def matcher(offers):
    return Matcher.build(offers)


NEED = Posting(
    id="need",
    title="铝合金板材热处理",
    text="要求抗拉强度≥600 MPa，材料6061-T6铝合金",
    codes={"chain": "SD-C04", "field": "05", "region": "370785"},
    kind="need",
)


@given(st.lists(some_text, max_size=12), some_text, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=30)
def test_the_order_of_the_postings_does_not_matter(texts, query, random):
    postings = postings_of(texts)
    shuffled = list(postings)
    random.shuffle(shuffled)
    one, other = Matcher.build(postings), Matcher.build(shuffled)
    asked = Posting(id="q", text=query)
    assert order(one, asked, k=20) == order(other, asked, k=20)
    assert one.index_id == other.index_id


@given(st.lists(some_text, max_size=8), st.lists(some_text, min_size=1, max_size=8))
@settings(deadline=None, max_examples=30)
def test_adding_and_removing_again_changes_nothing(texts, more):
    matcher = Matcher.build(postings_of(texts))
    asked = Posting(id="q", text="碳纤维 铝合金 焊接 fibre")
    before = order(matcher, asked, k=20), matcher.index_id, len(matcher)
    extra = [replace(p, id=f"x{p.id}") for p in postings_of(more)]
    matcher.add(extra)
    assert len(matcher) == before[2] + len(more)
    matcher.remove(p.id for p in extra)
    assert (order(matcher, asked, k=20), matcher.index_id, len(matcher)) == before


@given(
    st.lists(some_text, max_size=10),
    st.lists(some_text, max_size=10),
    st.sets(st.integers(0, 19), max_size=4),
    some_text,
)
@settings(deadline=None, max_examples=30)
def test_an_index_that_grew_ranks_exactly_as_one_built_at_once(
    first, second, removed, query
):
    postings = postings_of(first + second)
    grown = Matcher.build(postings[: len(first)])
    for posting in postings[len(first) :]:
        grown.add([posting])
    gone = {f"p{number:02}" for number in removed}
    grown.remove(gone)
    rebuilt = Matcher.build(p for p in postings if p.id not in gone)
    asked = Posting(id="q", text=query)
    assert order(grown, asked, k=30) == order(rebuilt, asked, k=30)
    assert grown.index_id == rebuilt.index_id
    assert set(grown.ids()) == {p.id for p in postings} - gone


@given(any_text, any_text, any_text)
@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow])
def test_any_unicode_text_is_accepted_and_given_back(title, text, query):
    posting = Posting(id="\ud800a", title=title, text=text, keywords=[title])
    matcher = Matcher.build([posting])
    assert matcher.get("\ud800a") == posting
    for match in matcher.rank(Posting(id="q", text=query)):
        assert 0 <= match.score <= 1


@given(any_text, st.lists(st.sampled_from(WORDS + OTHER_SPELLINGS), min_size=1))
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_spans_point_at_the_words_of_the_term(noise, words):
    document = Posting(id="d", title=noise, text=noise.join(words), keywords=words)
    query = Posting(id="q", title=" ".join(words), text=noise)
    for match in Matcher.build([document]).rank(query):
        for term in match.terms:
            assert term.query_spans
            assert term.document_spans
            for posting, spans in (
                (query, term.query_spans),
                (document, term.document_spans),
            ):
                for span in spans:
                    shown = posting.field_text(span.field)[span.start : span.end]
                    # Of an English word another form may stand there; and one sign,
                    # such as a fraction, may stand for more than the term.
                    assert term.text[:4].strip() in fold(shown)


def test_the_original_is_quoted_where_it_is_traditional(matcher):
    match = next(m for m in matcher.rank(NEED) if m.id == "team")
    term = next(t for t in match.terms if "铝合金" in t.text)
    spans = [s for s in term.document_spans if s.field == "text"]
    text = matcher.get("team").text
    assert [text[s.start : s.end] for s in spans] == ["鋁合金"]


def with_strength(posting_id, claim, **more):
    row = parse(claim, name="抗拉强度")
    return Posting(
        id=posting_id, title="铝合金板材", indicators=[row], kind="result", **more
    )


def strong_need(**more):
    row = parse("≥600 MPa", name="抗拉强度", is_core=True)
    return Posting(id="n", title="铝合金板材", indicators=[row], kind="need", **more)


@given(st.integers(1, 2000), st.integers(1, 2000), st.booleans())
@settings(deadline=None, max_examples=40)
def test_a_better_value_never_lowers_the_rank(low, high, core):
    low, high = sorted((low, high))
    row = parse("≥600 MPa", name="抗拉强度", is_core=core)
    need = Posting(id="n", title="铝合金板材", indicators=[row], kind="need")
    others = [with_strength("m", "610 MPa"), with_strength("o", "590 MPa")]

    def rank_with(value):
        index = Matcher.build([*others, with_strength("n", f"{value} MPa")])
        ranked = index.rank(need)
        place = next(i for i, match in enumerate(ranked) if match.id == "n")
        return place, -ranked[place].score

    (place_low, score_low), (place_high, score_high) = rank_with(low), rank_with(high)
    assert place_high <= place_low
    assert score_high <= score_low


def test_a_missed_core_indicator_never_outranks_a_met_one_of_equal_text():
    codes = {"chain": "SD-C04", "field": "05", "region": "370785"}
    matcher = Matcher.build(
        [
            with_strength("a-missed", "400 MPa", codes=codes, budget_yuan="1"),
            with_strength("b-met", "620 MPa", codes={"chain": "x", "field": "y"}),
        ]
    )
    met, missed = matcher.rank(strong_need(codes=codes, budget_yuan="1000"))
    assert (met.id, missed.id) == ("b-met", "a-missed")
    assert [v.required.name for v in missed.blockers] == ["抗拉强度"]
    assert missed.band == "possible"
    assert missed.score <= load().parts["text"] * missed.parts["text"] + 1e-6
    assert met.blockers == ()
    assert "core_missed" in {reason.code for reason in missed.reasons}


def test_an_offer_looks_for_needs_by_what_the_needs_require():
    needs = [
        replace(strong_need(), id="hard"),
        replace(
            strong_need(),
            id="easy",
            indicators=(parse("≥500 MPa", name="抗拉强度", is_core=True),),
        ),
    ]
    first, second = Matcher.build(needs).rank(with_strength("o", "550 MPa"))
    assert (first.id, second.id) == ("easy", "hard")
    assert second.blockers


def test_terms_are_words_and_say_something():
    need = Posting(
        id="n",
        kind="need",
        title="免热处理铝合金减震塔压铸",
        text="要求达到以上指标，聚醚砜中空膜丝对水通量的影响；抗拉强度 240 MPa 以上。",
    )
    offer = Posting(
        id="o",
        title="减震塔用免热处理合金",
        text="达到要求的膜丝对称结构，热变形，磺化醚砜中试，强度 240 MPa 以上。",
    )
    (match,) = Matcher.build([offer]).rank(need)
    texts = {term.text for term in match.terms}
    assert {"减震塔", "免热处理"} <= texts
    assert not texts & {"以上", "达到", "要求", "mpa", "240"}
    assert not texts & {"醚砜中", "膜丝对", "震塔"}


def test_explaining_long_texts_takes_no_longer_than_they_are():
    """Work is counted, not time: each look into the other text is one call."""
    looks = 0

    class Counted(str):
        def __contains__(self, words: object) -> bool:
            nonlocal looks
            looks += 1
            return super().__contains__(str(words))

    rng = np.random.default_rng(5)
    text = "".join(chr(0x4E00 + int(n)) for n in rng.integers(0, 400, 8000))
    mine, theirs = Reading.of_all([Posting(id=i, text=text) for i in "ab"])
    theirs.folded[:] = map(Counted, theirs.folded)
    pieces = list(_longest(mine, theirs, 0, 0, len(text)))
    assert len(pieces) < len(text)
    assert looks < 3 * len(text)


def test_hidden_indicators_are_said_to_be_hidden():
    need = Posting(
        id="n", title="铝合金", kind="need", indicators=[parse("强度≥600MPa")]
    )
    offer = Posting(id="o", title="铝合金", hidden_indicators=[parse("强度620MPa")])
    closed = replace(offer, hidden_parts={"indicators"})
    (match,) = Matcher.build([closed]).rank(need)
    assert "indicators_hidden" in {reason.code for reason in match.reasons}
    assert "620" not in str(match)
    (match,) = Matcher.build([replace(offer, indicators=need.indicators)]).rank(need)
    assert "indicators_hidden" not in {reason.code for reason in match.reasons}


def test_of_a_need_the_grades_that_it_asks_for_count():
    need = Posting(
        id="n",
        kind="need",
        title="R290热泵",
        text="现有R32机型能效不足，T700级风道材料改为T800级。",
    )
    offers = [
        Posting(id="same", title="R290热泵压缩机"),
        Posting(id="old", title="R32热泵压缩机"),
    ]
    found = {match.id: match for match in Matcher.build(offers).rank(need)}
    said = {
        place: [
            (reason.code, reason.values["wanted"], reason.values["offered"])
            for reason in match.reasons
            if reason.code.endswith("_grade")
        ]
        for place, match in found.items()
    }
    assert said == {
        "same": [("same_grade", "R290", "R290")],
        "old": [("other_grade", "R290", "R32")],
    }


def test_hidden_fields_move_the_score_and_are_never_quoted():
    row = parse("400 MPa", name="抗拉强度")
    plain = Posting(id="d", title="铝合金板材", kind="result")
    hidden = replace(plain, hidden_text="牡蛎苗种 T800级", hidden_indicators=(row,))
    need = replace(strong_need(), text="牡蛎苗种 T800级")
    (without,) = Matcher.build([plain]).rank(need)
    (found,) = Matcher.build([hidden]).rank(need)
    assert found.score != without.score
    assert found.blocked
    assert found.band == "possible"
    assert found.blockers == ()
    assert [v.kind.value for v in found.indicators] == ["unstated"]
    shown = str(found.to_dict())
    assert "牡蛎" not in shown
    assert "T800" not in shown
    assert "400" not in shown


def test_a_hidden_part_is_neither_shown_nor_given_as_a_reason():
    offer = Posting(id="o", title="铝合金", budget_yuan="900", hidden_parts={"budget"})
    need = Posting(id="n", title="铝合金", budget_yuan="1000", kind="need")
    (match,) = Matcher.build([offer]).rank(need)
    assert match.parts["budget"] is None
    assert not {"within_budget", "over_budget"} & {r.code for r in match.reasons}
    (open_match,) = Matcher.build([replace(offer, hidden_parts=())]).rank(need)
    assert open_match.parts["budget"] == 1.0
    assert open_match.score == match.score


def test_a_match_says_everything_that_the_contract_names(matcher):
    match = matcher.rank(NEED)[0]
    assert match.id == "plate"
    assert set(match.parts) == set(PARTS)
    assert match.parts["chain"] == match.parts["region"] == 1.0
    assert match.parts["maturity"] is None
    assert match.parts["fuzzy"] == 1.0
    assert match.parts["indicators"] == 1.0
    assert [v.kind.value for v in match.indicators] == ["met"]
    codes = {reason.code for reason in match.reasons}
    assert {"shared_terms", "same_chain", "same_county", "same_grade"} <= codes
    assert match.engine.index == matcher.index_id
    assert match.engine.weights == DEFAULT
    assert sum(term.weight for term in match.terms) > 0.5


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (Filter(), {"plate", "fibre", "team"}),
        (Filter(kind="capability"), {"team"}),
        (Filter(chain={"SD-C04"}), {"plate", "team"}),
        (Filter(field="05"), {"plate"}),
        (Filter(region={"370700"}), {"plate", "team"}),
        (Filter(region={"370000"}), {"plate", "fibre", "team"}),
        (Filter(ids={"team", "unknown"}), {"team"}),
        (Filter(ids=()), set()),
        (Filter(exclude_ids={"team"}), {"plate", "fibre"}),
        (Filter(exclude_org={"a", "b"}), {"team"}),
        (Filter(max_tier=1), {"plate", "team"}),
        (Filter(max_tier=2, chain={"SD-C07"}), {"fibre"}),
    ],
)
def test_a_filter_admits_what_it_says(matcher, where, expected):
    query = Posting(id="q", text="铝合金 碳纤维 焊接")
    assert {match.id for match in matcher.rank(query, where=where)} == expected


@given(st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=8))
@settings(deadline=None, max_examples=20)
def test_nobody_meets_the_own_organisation(orgs):
    postings = [
        Posting(id=f"p{n}", title="铝合金", org=org) for n, org in enumerate(orgs)
    ]
    matcher = Matcher.build(postings)
    found = matcher.rank(Posting(id="q", title="铝合金", org="a"), k=20)
    assert {m.id for m in found} == {p.id for p in postings if p.org != "a"}


def test_ties_go_to_the_lesser_id():
    matcher = Matcher.build(Posting(id=i, title="铝合金") for i in "dbca")
    assert [m.id for m in matcher.rank(Posting(id="q", title="铝合金"), k=3)] == [
        "a",
        "b",
        "c",
    ]


def test_more_equals_than_candidates_still_rank_by_id():
    few = replace(load(), candidates=3)
    matcher = Matcher.build(Posting(id=f"p{n:03}", title="铝合金") for n in range(60))
    matcher.weights = few
    found = matcher.rank(Posting(id="q", title="铝合金"), k=5)
    assert [m.id for m in found] == [f"p{n:03}" for n in range(5)]


def test_stopping_early_gives_what_scoring_everything_gives(offers):
    rng = np.random.default_rng(7)
    postings = [
        Posting(
            id=f"p{n:03}",
            title=" ".join(rng.choice(WORDS, 4)),
            indicators=[parse(f"{rng.integers(400, 800)} MPa", name="抗拉强度")],
            codes={"chain": f"SD-C{rng.integers(3):02}"},
            kind="result",
        )
        for n in range(150)
    ]
    matcher = Matcher.build(postings)
    need = replace(strong_need(), title="铝合金 碳纤维 T800", codes={"chain": "SD-C01"})
    everything = order(matcher, need, k=150)
    assert order(matcher, need, k=7) == everything[:7]


@pytest.mark.parametrize("count", [0, 1])
def test_an_empty_or_single_base_works(count, offers):
    matcher = Matcher.build(offers[:count])
    assert len(matcher) == count
    assert len(matcher.rank(NEED)) == count
    matcher.add(offers[1:])
    assert "team" in {match.id for match in matcher.rank(NEED)}


def test_a_new_word_is_found_at_once(offers):
    matcher = Matcher.build(offers)
    matcher.add([Posting(id="new", title="钪锆微合金化")])
    assert matcher.rank(Posting(id="q", text="钪锆"))[0].id == "new"


def test_adding_a_known_id_replaces_it(offers):
    matcher = Matcher.build([*offers, replace(offers[0], title="旧")])
    assert matcher.get("plate").title == "旧"
    matcher.add([replace(offers[0], title="一"), replace(offers[0], title="二")])
    assert len(matcher) == 3
    assert matcher.get("plate").title == "二"
    assert "plate" in matcher
    matcher.remove(["plate", "unknown"])
    assert "plate" not in matcher
    assert matcher.get("plate") is None
    assert 7 not in matcher


def test_many_small_batches_leave_few_segments(offers):
    matcher = Matcher.build(offers)
    for number in range(40):
        matcher.add([Posting(id=f"x{number}", title="铝合金")])
    assert len(matcher._snapshot.segments) <= 7
    assert len(matcher) == 43


def test_what_dies_while_segments_are_joined_is_dead_afterwards(monkeypatch):
    """Removals come in between the joining of segments and the moment they count."""
    texts = [Posting(id=f"x{n}", title=f"铝合金第{n}号") for n in range(12)]
    matcher = Matcher.build(texts[:4])
    going = iter(["x1", "x5"])
    real = engine.merge

    def merge_slowly(pairs):
        joined = real(pairs)
        with suppress(StopIteration):
            matcher._snapshot = matcher._snapshot.without([next(going)])
        return joined

    monkeypatch.setattr(engine, "merge", merge_slowly)
    matcher.add(texts[4:8])
    matcher.add(texts[8:])
    monkeypatch.undo()
    left = [p for p in texts if p.id not in {"x1", "x5"}]
    rebuilt = Matcher.build(left)
    query = Posting(id="q", title="铝合金")
    assert sorted(matcher.ids()) == sorted(p.id for p in left)
    assert matcher.index_id == rebuilt.index_id
    assert order(matcher, query, k=20) == order(rebuilt, query, k=20)


def test_joining_behind_the_questions_changes_no_answer(monkeypatch):
    monkeypatch.setattr(engine, "_AT_ONCE", 1)
    texts = [Posting(id=f"x{n}", title=f"铝合金{n % 7}热处理") for n in range(300)]
    query = Posting(id="q", title="铝合金热处理")
    matcher = Matcher.build(texts[:100])
    held = {p.id: p for p in texts[:100]}
    for start in range(100, 300, 10):
        matcher.add(texts[start : start + 10])
        matcher.remove([texts[start - 100].id])
        held |= {p.id: p for p in texts[start : start + 10]}
        del held[texts[start - 100].id]
        assert len(order(matcher, query, k=300)) == len(held)
    rebuilt = Matcher.build(held.values())
    assert order(matcher, query, k=300) == order(rebuilt, query, k=300)
    matcher.settle()
    assert len(matcher._snapshot.segments) < 4
    assert order(matcher, query, k=300) == order(rebuilt, query, k=300)


def test_a_segment_with_more_dead_than_living_is_written_anew():
    matcher = Matcher.build([Posting(id=f"x{n}", title="铝合金") for n in range(100)])
    matcher.remove([f"x{n}" for n in range(60)])
    (segment,) = matcher._snapshot.segments
    assert len(segment) == len(matcher) == 40


def test_a_ranking_that_has_begun_keeps_its_contents(offers):
    matcher = Matcher.build(offers)
    running = matcher.rank_all([NEED, NEED], k=5)
    _, first = next(running)
    matcher.remove(["plate"])
    _, second = next(running)
    assert {m.id for m in first} - {m.id for m in second} == {"plate"}


def test_rank_all_is_rank_for_each(matcher):
    done = []
    ranked = dict(matcher.rank_all([NEED], k=2, progress=done.append))
    assert ranked == {"need": matcher.rank(NEED, k=2)}
    assert done == [1]


def test_without_explanation_order_and_score_stay(matcher):
    full, bare = matcher.rank(NEED), matcher.rank(NEED, explain=1)
    assert [(m.id, m.score) for m in full] == [(m.id, m.score) for m in bare]
    assert bare[0].terms == full[0].terms
    assert bare[1].terms == ()


@pytest.mark.parametrize("text", ["", "  ", "。，、", "\u200b"])
def test_a_query_without_words_has_no_matches(matcher, text):
    assert matcher.rank(Posting(id="q", text=text)) == []


@pytest.mark.parametrize("k", [0, -1])
def test_k_below_one_is_refused(matcher, k):
    with pytest.raises(ValueError, match="k must be at least 1"):
        matcher.rank(NEED, k=k)
    with pytest.raises(ValueError, match="k must be at least 1"):
        matcher.rank_all([NEED], k=k)
    with pytest.raises(ValueError, match="k must be at least 1"):
        matcher.similar(NEED, k=k)


def test_unknown_weights_are_refused():
    with pytest.raises(UnknownWeights, match=r"there are: 2026\.1"):
        Matcher.build([], weights="1999.9")


def test_an_empty_index_knows_nothing_like_a_text():
    matcher = Matcher.build([])
    assert matcher.similar(Posting(id="q", title="铝合金")) == []
    matcher.add([Posting(id="a", title="铝合金")])
    matcher.remove(["a"])
    assert matcher.similar(Posting(id="q", title="铝合金")) == []
    assert matcher.similar(Posting(id="q")) == []


def test_a_very_long_text_is_a_copy_of_itself_and_ranks_the_same_however_it_came():
    """With more features than one question may have, the rest still counts."""
    signs = np.random.default_rng(3).permutation(20_000)[:6_000]
    pairs = np.random.default_rng(4).choice(signs, 36_000)
    text = "".join(chr(0x4E00 + int(n)) for n in pairs)
    others = [Posting(id=f"s{n}", text=text[n * 40 : n * 40 + 30]) for n in range(60)]
    copy = Posting(id="copy", text=text)
    matcher = Matcher.build([*others, copy])
    query = Posting(id="q", text=text)
    assert len(matcher._query(query).features) > 30_000
    assert matcher.similar(query, threshold=0.8) == [("copy", 1.0)]
    few = replace(load(), candidates=20)
    built = Matcher.build([*others, copy], weights=few)
    grown = Matcher.build(others[:30], weights=few)
    grown.add([copy, Posting(id="gone", text=text[::2] * 3)])
    grown.add(others[30:])
    grown.remove(["gone"])
    assert order(built, query, explain=0) == order(grown, query, explain=0)


def test_a_small_addition_does_not_wait_for_a_large_join(monkeypatch):
    matcher = Matcher.build([Posting(id=f"x{n}", title="铝合金") for n in range(5)])
    assert matcher._tidying.acquire(blocking=False)
    for number in range(6):
        matcher.add([Posting(id=f"y{number}", title="铝合金")])
    assert len(matcher) == 11
    matcher._tidying.release()

    def refuse(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(engine.Thread, "start", refuse)
    monkeypatch.setattr(engine, "_AT_ONCE", 1)
    with pytest.raises(RuntimeError):
        matcher.add([Posting(id="z", title="铝合金")])
    assert matcher._tidying.acquire(blocking=False)


def test_near_duplicates_are_found_and_not_itself(offers):
    matcher = Matcher.build(offers)
    copy = replace(offers[0], id="copy", title="高强铝合金板材热处理新工艺")
    ((found, likeness),) = matcher.similar(copy, threshold=0.8)
    assert found == "plate"
    assert 0.8 <= likeness < 1
    assert matcher.similar(offers[0], threshold=0.9) == []
    matcher.add([copy])
    assert [i for i, _ in matcher.similar(offers[0], threshold=0.8)] == ["copy"]
    assert matcher.similar(Posting(id="q", text=""), threshold=0) == []

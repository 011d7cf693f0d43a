"""Documents that are brought up for a question, with and without a filter."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from matching.building import build
from matching.postings import Posting
from matching.retrieval import Asked, retrieve, retrieve_led
from matching.snapshots import Snapshot
from matching.tokens import tokenise
from matching.weights import load

WORDS = ("合金", "轧制", "焊接", "涂层", "检测", "育种")
TEXTS = st.lists(st.sampled_from(WORDS), max_size=4).map("，".join)


@st.composite
def collections(draw):
    """Return a snapshot of several segments, some documents dead; and masks."""
    postings = [
        Posting(id=f"d{number:02}", title=text)
        for number, text in enumerate(draw(st.lists(TEXTS, min_size=1, max_size=30)))
    ]
    parts = draw(st.integers(1, 3))
    segments = [
        segment
        for part in range(parts)
        if (mine := postings[part::parts])
        for segment in build(mine, load().fields)
    ]
    dead = draw(st.sets(st.sampled_from([p.id for p in postings]), max_size=3))
    snapshot = Snapshot.of(segments).without(dead)
    kept_from = draw(st.sets(st.sampled_from([p.id for p in postings]), max_size=8))
    allowed = []
    for holding in snapshot.holdings:
        mask = holding.living.copy()
        for doc in range(len(mask)):
            mask[doc] &= holding.segment.id_of(doc) not in kept_from
        allowed.append(mask)
    return snapshot, allowed


def found(pool):
    return [
        (pool.chosen.id_of(row), float(likeness), pool.counts[row].tolist())
        for row, likeness in enumerate(pool.likeness)
    ]


@given(
    given=collections(),
    words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=3),
    most=st.integers(1, 12),
    leading=st.integers(1, 5),
)
def test_one_walk_brings_up_what_two_would(given, words, most, leading):
    snapshot, allowed = given
    asked = Asked(snapshot, np.unique(tokenise(words).features))
    weights = np.ones(len(asked.features))
    pool, leaders = retrieve_led(asked, weights, most, leading, allowed)
    assert found(pool) == found(retrieve(asked, weights, most, allowed))
    assert found(leaders) == found(retrieve(asked, weights, leading))


def test_where_the_best_may_not_be_shown_others_are_brought_up():
    postings = [Posting(id=f"d{n:02}", title="合金" * (20 - n)) for n in range(16)]
    snapshot = Snapshot.of(list(build(postings, load().fields)))
    (segment,) = snapshot.segments
    asked = Asked(snapshot, np.unique(tokenise(["合金"]).features))
    weights = np.ones(len(asked.features))
    best = retrieve(asked, weights, 4).chosen.docs
    allowed = [np.isin(np.arange(len(segment)), best, invert=True)]
    pool, leaders = retrieve_led(asked, weights, 1, 1, allowed)
    assert found(pool) == found(retrieve(asked, weights, 1, allowed))
    assert len(pool.chosen) == len(leaders.chosen) == 1
    assert leaders.chosen.docs[0] in best
    assert pool.chosen.docs[0] not in best

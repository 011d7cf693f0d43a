"""The retrieval core finds what float64 brute force finds, whatever comes in."""

import subprocess
import sys
from dataclasses import astuple
from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching import kernels, scan
from matching.errors import MatchingError
from matching.scan import (
    Block,
    Forward,
    Numbered,
    Shelf,
    by_feature,
    candidates,
    merged,
    top,
    top_many,
)

COMPILED = pytest.mark.skipif(not kernels.installed(), reason="numba is optional")


@pytest.fixture(scope="module", autouse=True)
def _loaded():
    if kernels.installed():
        assert kernels.load()


def brute(documents, features, weights, k, living=None):
    """Score documents, given as (block, {feature: count}, norm), one by one."""
    found = []
    places = {}
    for number, (block, bag, norm) in enumerate(documents):
        place = places.get(block, 0)
        places[block] = place + 1
        if living is not None and not living[number]:
            continue
        score = 0.0
        for feature, weight in zip(features, weights, strict=True):
            if weight and feature in bag:
                score += weight * float(scan.LOGS[bag[feature]])
        score /= norm
        if score > 0:
            found.append((-score, block, place))
    return [(block, place, -score) for score, block, place in sorted(found)[:k]]


def blocks_of(documents):
    blocks = []
    for wanted in range(max((block for block, _, _ in documents), default=-1) + 1):
        mine = [(bag, norm) for block, bag, norm in documents if block == wanted]
        triples = [
            (owner, feature, count)
            for owner, (bag, _) in enumerate(mine)
            for feature, count in bag.items()
        ]
        owners, features, counts = zip(*triples, strict=True) if triples else ((),) * 3
        blocks.append(
            Block.of(
                np.array(owners, np.int64),
                np.array(features, np.uint64),
                np.array(counts, np.int64),
                np.array([norm for _, norm in mine], np.float64),
            )
        )
    return blocks


def triples(block):
    """Read the lists of a block back."""
    owners, seats, counted = [], [], []
    for seat in range(len(block.entries) - 1):
        docs, again, more = block.parts(seat)
        counts = np.ones(len(docs), np.int64)
        counts[np.searchsorted(docs, again)] = more
        owners.append(docs.astype(np.int64))
        seats.append(np.full(len(docs), seat))
        counted.append(counts)
    if not owners:
        return np.zeros(0, np.int64), np.zeros(0, np.uint64), np.zeros(0, np.int64)
    features = scan.gathered(block.entries[:-1, 0])[np.concatenate(seats)]
    return np.concatenate(owners), features, np.concatenate(counted)


def masks_of(documents, blocks, living):
    masks = [np.ones(len(block), np.bool_) for block in blocks]
    places = [0] * len(blocks)
    for (block, _, _), alive in zip(documents, living, strict=True):
        masks[block][places[block]] = alive
        places[block] += 1
    return masks


def as_list(found):
    return list(
        zip(
            found.blocks.tolist(),
            found.ids.tolist(),
            found.scores.tolist(),
            strict=True,
        )
    )


def both_ways(ask):
    """Return the answer of NumPy, after comparing it with that of the kernels."""
    with kernels.without():
        plain = ask()
    if kernels.ready():
        assert as_list(ask()) == as_list(plain)
    return plain


keys = st.one_of(
    st.integers(0, 12), st.integers(0, 2**64 - 1), st.just(2**64 - 1), st.just(1 << 60)
)
counts = st.one_of(st.just(1), st.integers(1, 5), st.sampled_from([254, 255]))
norms = st.one_of(
    st.just(1.0),
    st.floats(0.5, 20),
    st.sampled_from([1e-100, 1e-9, 1e9, 1e100, 255.0, 255.0 / 254.0]),
)
weights = st.one_of(
    st.just(1.0),
    st.just(0.0),
    st.floats(0.1, 10),
    st.floats(-6, 6).map(lambda power: 10.0**power),
    st.sampled_from([1e-100, 1e100, 1 / 3, 65534.0]),
)
documents = st.lists(
    st.tuples(st.integers(0, 2), st.dictionaries(keys, counts, max_size=12), norms),
    max_size=40,
)


@settings(max_examples=300, deadline=None)
@given(
    documents=documents,
    query=st.lists(st.tuples(keys, weights), max_size=20),
    k=st.sampled_from([1, 2, 10, 1000]),
    data=st.data(),
)
def test_the_best_are_those_of_brute_force(documents, query, k, data):
    documents.sort(key=lambda document: document[0])
    blocks = blocks_of(documents)
    some = st.lists(st.booleans(), min_size=len(documents), max_size=len(documents))
    living = data.draw(st.one_of(st.none(), some))
    masks = None if living is None else masks_of(documents, blocks, living)
    features = np.array([feature for feature, _ in query], np.uint64)
    weighed = np.array([weight for _, weight in query], np.float64)
    found = both_ways(lambda: top(blocks, features, weighed, k, masks))
    expected = brute(documents, features.tolist(), weighed.tolist(), k, living)
    assert as_list(found) == expected


@settings(max_examples=150, deadline=None)
@given(documents=documents, query=st.lists(st.tuples(keys, weights), max_size=20))
def test_a_bound_is_never_below_the_score(documents, query):
    documents.sort(key=lambda document: document[0])
    blocks = blocks_of(documents)
    features = np.array([feature for feature, _ in query], np.uint64)
    weighed = np.array([weight for _, weight in query], np.float64)
    bounds = both_ways(lambda: candidates(blocks, features, weighed, 1000))
    scores = {(b, i): s for b, i, s in as_list(top(blocks, features, weighed, 1000))}
    reached = {(b, i): s for b, i, s in as_list(bounds)}
    assert set(scores) <= set(reached)
    assert all(reached[at] >= score * (1 - 1e-12) for at, score in scores.items())
    order = [(-bound, block, doc) for block, doc, bound in as_list(bounds)]
    assert order == sorted(order)


@settings(max_examples=50, deadline=None)
@given(documents=documents, seed=st.integers(0, 9))
def test_the_order_of_the_triples_does_not_matter(documents, seed):
    for block in blocks_of(documents):
        owners, features, frequencies = triples(block)
        order = np.random.default_rng(seed).permutation(len(owners))
        again = Block.of(
            owners[order], features[order], frequencies[order], block.norms
        )
        for name in ("entries", "directory", "lists", "norms", "inverses", "scale"):
            assert np.array_equal(getattr(again, name), getattr(block, name))


@settings(max_examples=50, deadline=None)
@given(documents=documents, data=st.data())
def test_what_is_not_listed_has_a_number_and_is_not_found(documents, data):
    mine = [bag for block, bag, _ in documents if block == 0]
    norms = np.ones(len(mine))
    owners = np.repeat(np.arange(len(mine)), [len(bag) for bag in mine])
    features = np.array([key for bag in mine for key in bag], np.uint64)
    counts = np.array([n for bag in mine for n in bag.values()], np.int64)
    postings = by_feature(owners, features, counts, len(mine))
    n = len(postings.keys)
    listed = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)), bool)
    block = Block.laid(postings, norms, listed)
    distinct = postings.features
    assert block.seats(postings.keys).tolist() == list(range(n))
    for seat in range(n):
        found = both_ways(
            lambda seat=seat: top([block], distinct[[seat]], np.ones(1), 100)
        )
        assert len(found.ids) == (postings.sizes[seat] if listed[seat] else 0)


def corpus(documents, vocabulary, terms, seed):
    """Return a block of random documents with a few words in most of them."""
    rng = np.random.default_rng(seed)
    share = 1 / np.arange(2, vocabulary + 2)
    words = rng.choice(vocabulary, documents * terms, p=share / share.sum())
    codes, frequencies = np.unique(
        np.repeat(np.arange(documents), terms) * vocabulary + words, return_counts=True
    )
    owners = codes // vocabulary
    frequencies = np.minimum(frequencies, 255)
    norms = np.bincount(owners, scan.LOGS[frequencies] ** 2, minlength=documents)
    features = (codes % vocabulary).astype(np.uint64) * np.uint64(7919)
    return Block.of(owners, features, frequencies, np.sqrt(norms))


def dense(blocks, features, weighed):
    """Score all documents of whole blocks at once, in the order of the features."""
    scores = []
    for block in blocks:
        owners, mine, frequencies = triples(block)
        order = np.argsort(mine, kind="stable")
        owners, mine, frequencies = owners[order], mine[order], frequencies[order]
        sums = np.zeros(len(block))
        for feature, weight in zip(features, weighed, strict=True):
            low, high = np.searchsorted(mine, [feature, feature + np.uint64(1)])
            sums[owners[low:high]] += weight * scan.LOGS[frequencies[low:high]]
        scores.append(sums / block.norms)
    return scores


def expected_top(scores, k):
    joined = np.concatenate(scores)
    block = np.repeat(np.arange(len(scores)), [len(part) for part in scores])
    place = np.concatenate([np.arange(len(part)) for part in scores])
    order = np.lexsort((place, block, -joined))[:k]
    order = order[joined[order] > 0]
    return list(
        zip(
            block[order].tolist(),
            place[order].tolist(),
            joined[order].tolist(),
            strict=True,
        )
    )


@pytest.fixture(scope="module")
def large():
    return [corpus(65_536, 3000, 12, 1), corpus(20_000, 3000, 12, 2)]


@pytest.mark.parametrize("k", [1, 10, 200])
@pytest.mark.parametrize("size", [1, 7, 40, 1000])
def test_full_blocks_and_long_queries_are_exact(large, size, k):
    rng = np.random.default_rng(size)
    features = rng.choice(3000, size, replace=False).astype(np.uint64)
    features *= np.uint64(7919)
    for weighed in (rng.random(size) + 0.1, 10.0 ** rng.uniform(-6, 6, size)):
        scores = dense(large, features, weighed)
        found = both_ways(lambda weighed=weighed: top(large, features, weighed, k))
        assert as_list(found) == expected_top(scores, k)
        both_ways(lambda weighed=weighed: candidates(large, features, weighed, k))


@pytest.mark.parametrize("k", [1, 3, 30])
def test_lists_left_unread_lose_nothing(large, k):
    """A query made of a document, rare words heavy: most common lists stay unread."""
    before = scan.tally()
    for doc in (7, 40_000, 65_535):
        owners, mine, _ = triples(large[0])
        features = np.unique(
            np.append(mine[owners == doc], np.arange(5, dtype=np.uint64) * 7919)
        )
        weighed = np.log(features / 7919 + 2.0) ** 4
        scores = dense(large, features, weighed)
        found = both_ways(
            lambda features=features, weighed=weighed: top(
                [large[1], large[0], large[1]], features, weighed, k
            )
        )
        assert as_list(found) == expected_top([scores[1], scores[0], scores[1]], k)
        both_ways(
            lambda features=features, weighed=weighed: candidates(
                large, features, weighed, k
            )
        )
    held, read, looked_up, _ = scan.tally() - before
    if kernels.ready():
        assert read < held
        assert looked_up > 0


def test_a_filter_that_leaves_few_is_exact(large):
    rng = np.random.default_rng(5)
    masks = [rng.random(len(block)) < 0.002 for block in large]
    features = np.arange(30, dtype=np.uint64) * np.uint64(7919)
    weighed = rng.random(30) + 0.1
    scores = dense(large, features, weighed)
    for part, mask in zip(scores, masks, strict=True):
        part[~mask] = 0
    found = both_ways(lambda: top(large, features, weighed, 10, masks))
    assert as_list(found) == expected_top(scores, 10)


def test_equal_scores_go_to_the_lesser_block_then_id():
    n = 65_536
    same = Block.of(np.arange(n), np.full(n, 9, np.uint64), np.ones(n), np.full(n, 2.0))
    key = np.array([9], np.uint64)
    found = both_ways(lambda: top([same, same], key, np.array([3.0]), 4))
    assert as_list(found) == [(0, i, 1.5) for i in range(4)]
    found = both_ways(lambda: top([same, same], key, np.array([3.0]), n + 2))
    assert as_list(found)[-3:] == [(0, n - 1, 1.5), (1, 0, 1.5), (1, 1, 1.5)]


@pytest.mark.parametrize("size", [1, 2, 1000, 30_000])
def test_the_sums_of_the_greediest_document_fit_sixteen_bits(size):
    """One document has every feature at its peak; weights lie far apart."""
    features = np.arange(size, dtype=np.uint64)
    weighed = np.geomspace(1e-100, 1e100, size)
    owners = np.concatenate((np.zeros(size), np.ones(size))).astype(np.int64)
    block = Block.of(
        owners,
        np.concatenate((features, features)),
        np.concatenate((np.full(size, 255), np.ones(size))),
        np.ones(2),
    )
    most = sum(
        np.int64(gain[-1])
        for gain in scan._gains(
            Shelf([block]), [block.seats(scan.scattered(features))], weighed
        )[0]
    )
    assert most <= 65_535
    found = both_ways(lambda: top([block], features, weighed, 5))
    assert found.ids.tolist() == [0, 1]
    exact = float(np.add.accumulate(weighed * (1 + log(255)))[-1])
    assert found.scores[0] == pytest.approx(exact, rel=1e-12)


@COMPILED
def test_threads_and_chunks_do_not_change_results(large, monkeypatch):
    rng = np.random.default_rng(3)
    queries = [
        (
            rng.choice(3500, size).astype(np.uint64) * np.uint64(7919),
            rng.random(size) + 0.01,
        )
        for size in rng.integers(0, 30, 40)
    ]
    alone = [as_list(top(large, *query, 10)) for query in queries]
    for chunk, threads in ((256, 1), (7, 1), (3, 4)):
        monkeypatch.setattr(scan, "_CHUNK", chunk)
        found = top_many(large, queries, 10, threads=threads)
        assert [as_list(answer) for answer in found] == alone
    with kernels.without():
        plain = top_many(large, queries, 10, threads=2)
    assert [as_list(answer) for answer in plain] == alone


def test_an_empty_shelf_an_empty_block_and_an_empty_query_find_nothing():
    empty = Block.of(
        np.zeros(0, np.int64),
        np.zeros(0, np.uint64),
        np.zeros(0, np.int64),
        np.zeros(0),
    )
    bare = Block.of(
        np.zeros(0, np.int64), np.zeros(0, np.uint64), np.zeros(0, np.int64), np.ones(3)
    )
    key, one = np.array([5], np.uint64), np.ones(1)
    for blocks in ([], [empty], [bare], [bare, empty]):
        assert as_list(both_ways(lambda blocks=blocks: top(blocks, key, one, 3))) == []
        nothing = both_ways(lambda blocks=blocks: top(blocks, key[:0], one[:0], 3))
        assert as_list(nothing) == []


def test_a_mask_may_change_between_questions():
    block = Block.of(np.arange(3), np.full(3, 9, np.uint64), np.ones(3), np.ones(3))
    alive = np.ones(3, np.bool_)
    shelf = Shelf([block], [alive])
    key, one = np.array([9], np.uint64), np.ones(1)
    assert top(shelf, key, one, 3).ids.tolist() == [0, 1, 2]
    alive[1] = False
    assert top(shelf, key, one, 3).ids.tolist() == [0, 2]


def test_other_norms_rank_the_same_lists_anew():
    block = Block.of(np.arange(3), np.full(3, 9, np.uint64), np.ones(3), np.ones(3))
    turned = block.with_norms(np.array([3.0, 2.0, 1.0]))
    key, one = np.array([9], np.uint64), np.ones(1)
    assert top([turned], key, one, 3).ids.tolist() == [2, 1, 0]
    assert turned.lists is block.lists
    with pytest.raises(MatchingError, match="2 norms"):
        block.with_norms(np.ones(2))


def test_frequencies_are_those_that_were_put_in(large):
    rng = np.random.default_rng(4)
    docs = rng.integers(0, len(large[1]), 300)
    features = np.append(np.arange(25), [5000]).astype(np.uint64) * np.uint64(7919)
    owners, mine, counted = triples(large[1])
    table = dict(
        zip(
            zip(owners.tolist(), mine.tolist(), strict=True),
            counted.tolist(),
            strict=True,
        )
    )
    expected = [
        [table.get((doc, key), 0) for key in features.tolist()] for doc in docs.tolist()
    ]
    documents = len(large[1])
    forward = Forward.of(by_feature(owners, mine, counted, documents), documents)
    shelf = Shelf(large)
    seats = scan.seats(shelf, features)
    assert forward.frequencies(docs, seats[1]).tolist() == expected
    with kernels.without():
        assert scan.seats(shelf, features).tolist() == seats.tolist()
        assert forward.frequencies(docs, seats[1]).tolist() == expected
    for wrong in (np.array([-1]), np.array([documents])):
        with pytest.raises(MatchingError, match="documents must lie between 0 and"):
            forward.frequencies(wrong, seats[1])


@given(
    parts=st.lists(
        st.lists(st.dictionaries(keys, counts, max_size=6), max_size=6),
        min_size=1,
        max_size=4,
    ),
    kept=st.sets(st.integers(0, 23)),
)
def test_merged_postings_are_those_laid_out_at_once(parts, kept):
    """Parts hold documents, each the counts of its features; some are left out."""
    numbered, whole, first = [], [], 0
    for documents in parts:
        mine = [(doc, bag) for doc, bag in enumerate(documents, first) if doc in kept]
        first += len(documents)
        vocabulary = np.array(
            [key for bag in documents for key in bag], dtype=np.uint64
        )
        scattered = np.unique(scan.scattered(vocabulary))
        place = {
            key: number for number, key in enumerate(scan.gathered(scattered).tolist())
        }
        rows = [
            (place[key], doc, count, key)
            for doc, bag in mine
            for key, count in sorted(bag.items(), key=lambda item: place[item[0]])
        ]
        whole += [(doc, key, count) for _, doc, count, key in rows]
        numbered.append(
            Numbered(
                scattered,
                np.array([row[0] for row in rows], np.uint32),
                np.array([row[1] for row in rows], np.int64),
                np.array([row[2] for row in rows], np.uint8),
            )
        )
    postings = by_feature(
        np.array([doc for doc, _, _ in whole], np.int64),
        np.array([key for _, key, _ in whole], np.uint64),
        np.array([count for _, _, count in whole], np.int64),
        first,
    )
    expected = [*postings, *astuple(Forward.of(postings, first))]

    def merge():
        found, forward = merged(numbered, first)
        return [*found, *astuple(forward)]

    found = [merge()]
    with kernels.without():
        found.append(merge())
    for arrays in found:
        for array, right in zip(arrays, expected, strict=True):
            assert (array.dtype, array.tolist()) == (right.dtype, right.tolist())


def test_mapped_arrays_answer_as_those_in_memory(large, tmp_path):
    names = ("entries", "directory", "lists", "norms", "inverses", "scale")
    for name in names:
        np.save(tmp_path / f"{name}.npy", getattr(large[1], name))
    mapped = Block(
        **{name: np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in names}
    )
    features = np.arange(20, dtype=np.uint64) * np.uint64(7919)
    found = both_ways(lambda: top([mapped], features, np.ones(20), 10))
    assert as_list(found) == as_list(top([large[1]], features, np.ones(20), 10))


ONE = np.ones(1, np.int64)
KEY = np.ones(1, np.uint64)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((ONE, KEY, ONE, np.ones(1)), "owners must lie between 0 and 0"),
        ((-ONE, KEY, ONE, np.ones(1)), "owners must lie"),
        ((0 * ONE, KEY, 0 * ONE, np.ones(1)), "counts must lie between 1 and 255"),
        ((0 * ONE, KEY, 256 * ONE, np.ones(1)), "counts must lie"),
        ((0 * ONE, KEY, ONE, np.zeros(1)), "norm of document 0 is 0.0"),
        ((0 * ONE, KEY, ONE, np.full(1, np.nan)), "norm of document 0 is nan"),
        ((0 * ONE, KEY, ONE, np.ones(65_537)), "65536 documents, not 65537"),
        ((0 * ONE, KEY[:0], ONE, np.ones(1)), "do not make triples"),
        (
            (np.zeros(2, np.int64), np.ones(2, np.uint64), np.ones(2), np.ones(1)),
            "document 0 names a feature twice",
        ),
    ],
)
def test_wrong_triples_are_refused(arguments, message):
    with pytest.raises(MatchingError, match=message):
        Block.of(*arguments)


@pytest.mark.parametrize(
    ("features", "weighed", "k", "message"),
    [
        (KEY, [-1.0], 1, "weights must be 0 or at least"),
        (KEY, [np.nan], 1, "weights must be 0 or at least"),
        (KEY, [np.inf], 1, "at most 1e\\+100"),
        (KEY, [1e-101], 1, "weights must be 0 or at least"),
        (KEY, [1.0, 1.0], 1, "1 features, but 2 weights"),
        (KEY, [1.0], 0, "at least one document"),
        (np.arange(30_001, dtype=np.uint64), np.ones(30_001), 1, "at most 30000"),
    ],
)
def test_wrong_questions_are_refused(features, weighed, k, message):
    block = Block.of(0 * ONE, KEY, ONE, np.ones(1))
    with pytest.raises(MatchingError, match=message):
        top([block], features, np.array(weighed), k)


def test_masks_that_do_not_fit_are_refused():
    block = Block.of(0 * ONE, KEY, ONE, np.ones(1))
    for masks in ([np.ones(2, np.bool_)], [np.ones(1)], []):
        with pytest.raises(MatchingError, match="mask"):
            Shelf([block], masks)


def test_arrays_that_do_not_fit_are_refused(large):
    names = ("entries", "directory", "lists", "norms", "inverses", "scale")
    arrays = {name: getattr(large[1], name) for name in names}
    with pytest.raises(MatchingError, match="lists of a block has"):
        Block(**arrays | {"lists": arrays["lists"][:-1]})
    with pytest.raises(MatchingError, match="norms of a block must be"):
        Block(**arrays | {"norms": arrays["norms"].astype(np.float32)})


def test_numba_is_not_imported_with_the_library():
    code = "import sys, matching.scan; assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_numba_numpy_answers():
    """Hide numba from a fresh process: the answer is the same and nothing fails."""
    code = """
import sys
sys.modules["numba"] = None
import numpy as np
from matching import kernels, scan
kernels.installed = lambda: False
block = scan.Block.of(
    np.arange(3), np.full(3, 9, np.uint64), np.array([1, 3, 2]), np.ones(3)
)
found = scan.top([block], np.array([9], np.uint64), np.ones(1), 2)
assert found.ids.tolist() == [1, 2], found
assert not kernels.ready() and not kernels.load()
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@COMPILED
def test_the_cache_of_a_read_only_installation_is_copied(tmp_path, monkeypatch):
    given = tmp_path / "given"
    given.mkdir()
    (given / "kernel.nbi").write_bytes(b"compiled")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(given))
    monkeypatch.setattr(kernels, "_writable", lambda path: path != given)
    monkeypatch.delitem(sys.modules, "numba")
    kernels._copy_read_only_cache()
    copy = kernels.Path(kernels.os.environ["NUMBA_CACHE_DIR"])
    assert copy != given
    assert (copy / "kernel.nbi").read_bytes() == b"compiled"
    kernels.shutil.rmtree(copy)

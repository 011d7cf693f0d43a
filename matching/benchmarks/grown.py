"""Grow a corpus of any size out of real texts, for measuring engines.

``python -m matching.benchmarks.grown OUT --documents 400000 --texts docs.jsonl.gz …
[--titles projects.csv.gz]``

How it grows
------------
Real texts are cut once into segments at their punctuation, and segments into words of
two or more characters (rjieba). A share of the texts is held out for queries, and of
the short ones only a part is used. A grown
passage

1. starts with a segment of a random text, which counts segments of all texts alike;
2. goes on with further segments of the same text (three in ten), and otherwise with
   segments that share a rarer word of that text, so that a passage stays on its topic
   and long queries have near matches;
3. ends at a length drawn from the real passages, scaled so that a passage has 45
   different words on average, which are about 173 characters.

Segments are taken whole, so words keep the frequencies and the company that they have
in the real texts. What a small source cannot give is new words: a vocabulary of ``n``
running words should have ``K n^beta`` different ones (Heaps' law), with K and beta
fitted on the real texts. Whenever the corpus has fewer, rare words branch: an
occurrence of a rare real word becomes a new word of the same family, composed of real
characters, and later occurrences fall on any member of the family, older ones more
often. A new word therefore recurs, and recurs on its family's topics.

Everything follows from the seed. The words are cut once and kept as numbers, so every
engine gets the same ones.
"""

import argparse
import csv
import gzip
import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, Self, TypeAlias

import numpy as np
import numpy.typing as npt
import rjieba

from matching.corpora import read_postings
from matching.errors import MatchingError
from matching.tokens import Kind, fold

Integers: TypeAlias = npt.NDArray[np.int64]

DISTINCT: Final = 45
"""Different words of a passage, on average."""
CHUNK: Final = 20_000
"""Passages that are grown in one pass."""
SLOTS: Final = 16
"""Most segments of a passage."""
RARE: Final = 30
"""A real word branches if the real texts have it at most so often."""
TOPIC: Final = (2, 300)
"""A word leads to other segments if between so many segments have it."""
HELD_OUT: Final = 0.1
SHORT: Final = 0.15
"""Share of the short texts that passages are grown from; in titles every other word is
研究, in passages it is not."""
_BREAKS = re.compile(r"[,.;:!?，。；：！？、\n]+")
_WORD = re.compile(r"\w{2,}")
_LINE: Final = "\n"
_STEP: Final = 2_147_483_647
"""A prime greater than any number of characters."""


@dataclass(frozen=True, slots=True)
class Bags:
    """Texts as counted words.

    Attributes
    ----------
    bounds : array of int64, shape (texts + 1,)
    words : array of int32
        Numbers of the words, ascending within a text.
    counts : array of uint8
    """

    bounds: Integers
    words: npt.NDArray[np.int32]
    counts: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def __getitem__(self, text: int) -> "tuple[npt.NDArray[np.int32], Any]":
        """Return words and counts of one text."""
        mine = slice(self.bounds[text], self.bounds[text + 1])
        return self.words[mine], self.counts[mine]

    def first(self, texts: int) -> Self:
        """Return the first few texts."""
        end = self.bounds[texts]
        cls = type(self)
        return cls(self.bounds[: texts + 1], self.words[:end], self.counts[:end])

    @classmethod
    def of(cls, owners: Integers, words: Integers, texts: int) -> Self:
        """Count running words, given with the numbers of their texts."""
        codes, counts = np.unique((owners << 32) | words, return_counts=True)
        sizes = np.bincount(codes >> 32, minlength=texts)
        return cls(
            np.concatenate(([0], np.cumsum(sizes))),
            (codes & 0xFFFFFFFF).astype(np.int32),
            np.minimum(counts, 255).astype(np.uint8),
        )

    @classmethod
    def joined(cls, parts: "Sequence[Bags]") -> Self:
        """Lay texts after one another."""
        sizes = np.concatenate([np.diff(part.bounds) for part in parts])
        return cls(
            np.concatenate(([0], np.cumsum(sizes))),
            np.concatenate([part.words for part in parts]),
            np.concatenate([part.counts for part in parts]),
        )


@dataclass(frozen=True, slots=True)
class Runs:
    """Texts as running words.

    Attributes
    ----------
    bounds : array of int64, shape (texts + 1,)
    words : array of int32
        Numbers of the words, in the order of the text.
    """

    bounds: Integers
    words: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def __getitem__(self, text: int) -> npt.NDArray[np.int32]:
        """Return the words of one text."""
        return self.words[self.bounds[text] : self.bounds[text + 1]]

    @classmethod
    def of(cls, owners: Integers, words: Integers, texts: int) -> Self:
        """Take running words, given with the numbers of their texts, ascending."""
        sizes = np.bincount(owners, minlength=texts)
        return cls(np.concatenate(([0], np.cumsum(sizes))), words.astype(np.int32))

    @classmethod
    def joined(cls, parts: "Sequence[Runs]") -> Self:
        """Lay texts after one another."""
        sizes = np.concatenate([np.diff(part.bounds) for part in parts])
        return cls(
            np.concatenate(([0], np.cumsum(sizes))),
            np.concatenate([part.words for part in parts]),
        )


@dataclass(frozen=True, slots=True)
class Grown:
    """A corpus on disk.

    Attributes
    ----------
    documents : Bags
    long, titles, passages : Bags
        Queries: held-out real passages cut to the usual length, held-out real titles of
        five to eight words, and passages grown like the documents.
    running, running_long, running_titles : Runs
        Documents and real queries as running words.
    words : list of str
    about : dict
        Heaps' K and beta, mean distinct terms, postings, and what it is made of.
    """

    documents: Bags
    long: Bags
    titles: Bags
    passages: Bags
    running: Runs
    running_long: Runs
    running_titles: Runs
    words: list[str]
    about: dict[str, Any]

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Open what `grow` has written."""

        def opened(name: str, kind: Any) -> Any:
            paths = (directory / f"{name}.{f.name}.npy" for f in fields(kind))
            return kind(*(np.load(path, mmap_mode="r") for path in paths))

        arrays = {name: opened(name, kind) for name, kind in _ARRAYS.items()}
        words = (directory / "words.txt").read_text("utf-8").split("\n")
        about = json.loads((directory / "about.json").read_text("utf-8"))
        return cls(**arrays, words=words, about=about)

    def save(self, directory: Path) -> None:
        """Write everything as plain arrays."""
        directory.mkdir(parents=True, exist_ok=True)
        for name, kind in _ARRAYS.items():
            texts = getattr(self, name)
            for part in fields(kind):
                path = directory / f"{name}.{part.name}.npy"
                np.save(path, getattr(texts, part.name))
        (directory / "words.txt").write_text("\n".join(self.words), "utf-8")
        (directory / "about.json").write_text(
            json.dumps(self.about, ensure_ascii=False, indent=1), "utf-8"
        )

    def features(self) -> npt.NDArray[np.uint64]:
        """Return the 64-bit feature of every word, as the engine makes it."""
        digests = b"".join(
            blake2b(word.encode("utf-8"), digest_size=8).digest() for word in self.words
        )
        body = np.frombuffer(digests, "<u8") & np.uint64((1 << 60) - 1)
        features: npt.NDArray[np.uint64] = body | np.uint64(int(Kind.WORD) << 60)
        return features


_ARRAYS: Final = {
    "documents": Bags,
    "long": Bags,
    "titles": Bags,
    "passages": Bags,
    "running": Runs,
    "running_long": Runs,
    "running_titles": Runs,
}


@dataclass(frozen=True, slots=True)
class Source:
    """Real texts, cut.

    Attributes
    ----------
    words : list of str
    tokens : array of int64
        All words of all texts, one after another.
    segments : array of int64, shape (segments + 1,)
        Where each segment begins in `tokens`.
    texts : array of int64, shape (texts + 1,)
        Where each text begins in `segments`.
    """

    words: list[str]
    tokens: Integers
    segments: Integers
    texts: Integers

    @classmethod
    def cut(cls, texts: Iterable[str]) -> Self:
        """Cut texts into segments and words."""
        numbers: dict[str, int] = {}
        tokens: list[int] = []
        segments = [0]
        bounds = [0]
        for text in texts:
            parts = [part for part in _BREAKS.split(fold(text)) if part]
            for part in _segments(parts):
                tokens.extend(numbers.setdefault(w, len(numbers)) for w in part)
                if len(tokens) > segments[-1]:
                    segments.append(len(tokens))
            if len(segments) - 1 > bounds[-1]:
                bounds.append(len(segments) - 1)
        if len(bounds) == 1:
            raise MatchingError("the texts have no words to grow a corpus from")
        return cls(
            list(numbers), np.array(tokens), np.array(segments), np.array(bounds)
        )

    def lengths(self) -> Integers:
        """Return how many words each text has."""
        return np.diff(self.segments[self.texts])

    def heaps(self, order: Integers) -> tuple[float, float]:
        """Fit ``V = K n^beta`` on the texts in a given order; return K and beta."""
        begins = self.segments[self.texts]
        stream, _ = _taken(self.tokens, begins[order], begins[order + 1])
        _, firsts = np.unique(stream, return_index=True)
        seen = np.cumsum(np.bincount(firsts, minlength=len(stream)))
        least = max(1, min(1000, len(stream) // 10))
        points = np.unique(np.geomspace(least, len(stream), 40).astype(np.int64)) - 1
        points = points[points < len(stream)]
        beta, log_k = np.polyfit(np.log(points + 1), np.log(seen[points]), 1)
        return float(np.exp(log_k)), float(beta)


def _segments(parts: list[str]) -> list[list[str]]:
    """Cut the segments of one text into words, in one call of the cutter."""
    words: list[list[str]] = [[]]
    for word in rjieba.cut(_LINE.join(parts)):
        if _LINE in word:
            words.append([])
        elif _WORD.fullmatch(word):
            words[-1].append(word)
    return words


def _taken(
    values: Integers, begins: Integers, ends: Integers
) -> tuple[Integers, Integers]:
    """Return values[begin:end] for all, joined, and the number of each one's range."""
    sizes = ends - begins
    owners = np.repeat(np.arange(len(sizes)), sizes)
    firsts = np.cumsum(sizes) - sizes
    places = np.arange(int(sizes.sum())) - firsts[owners] + begins[owners]
    return values[places], owners


class _Topics:
    """Which segments a text leads to."""

    def __init__(self, source: Source, allowed: npt.NDArray[np.bool_]) -> None:
        sizes = np.diff(source.segments)
        owners = np.repeat(np.arange(len(sizes)), sizes)
        text_of = np.repeat(np.arange(len(source.texts) - 1), np.diff(source.texts))
        usable = allowed[text_of[owners]]
        pairs = np.unique((source.tokens[usable] << 32) | owners[usable])
        words, segments = pairs >> 32, pairs & 0xFFFFFFFF
        frequencies = np.bincount(words, minlength=len(source.words))
        topical = (frequencies >= TOPIC[0]) & (frequencies <= TOPIC[1])
        self.begins = np.concatenate(([0], np.cumsum(frequencies)))
        self.frequencies = frequencies
        self.segments = segments
        kept = topical[source.tokens] & usable
        self.tokens = source.tokens[kept]
        counted = np.bincount(text_of[owners[kept]], minlength=len(source.texts) - 1)
        self.bounds = np.concatenate(([0], np.cumsum(counted)))

    def related(self, texts: Integers, rng: np.random.Generator) -> Integers:
        """Return a segment that shares a rarer word with each text, -1 if none does."""
        sizes = self.bounds[texts + 1] - self.bounds[texts]
        has = sizes > 0
        places = self.bounds[texts] + (rng.random(len(texts)) * sizes).astype(np.int64)
        words = self.tokens[np.where(has, places, 0)]
        picks = rng.random(len(texts)) * self.frequencies[words]
        found = self.segments[self.begins[words] + picks.astype(np.int64)]
        return np.where(has, found, -1)


class _Families:
    """Real words and the new words that branched off from them."""

    def __init__(self, source: Source, k: float, beta: float) -> None:
        self.k, self.beta = k, beta
        self.real = len(source.words)
        counts = np.bincount(source.tokens, minlength=self.real)
        self.rare = counts <= RARE
        self.seen = np.zeros(self.real, np.bool_)
        self.total = 0
        self.roots = np.zeros(0, np.int64)
        """The real word of each new one."""

    def branch(self, tokens: Integers, rng: np.random.Generator) -> Integers:
        """Put new words in, so many as Heaps' law asks for."""
        tokens = tokens.copy()
        places = np.flatnonzero(self.rare[tokens])
        roots = tokens[places]
        order = np.argsort(self.roots, kind="stable")
        ends = np.searchsorted(self.roots[order], np.arange(self.real + 1))
        sizes = np.diff(ends)[roots]
        member = ((sizes + 1) * rng.random(len(places)) ** 1.5).astype(np.int64)
        later = member > 0
        older = order[ends[roots[later]] + member[later] - 1]
        tokens[places[later]] = self.real + older
        self.total += len(tokens)
        self.seen[tokens[tokens < self.real]] = True
        have = int(self.seen.sum()) + len(self.roots)
        lack = int(self.k * self.total**self.beta) - have
        if lack > 0 and len(places):
            fresh = rng.choice(len(places), min(lack, len(places)), replace=False)
            fresh.sort()
            tokens[places[fresh]] = self.real + len(self.roots) + np.arange(len(fresh))
            self.roots = np.concatenate((self.roots, roots[fresh]))
        return tokens

    def names(self, words: Sequence[str]) -> list[str]:
        """Compose the new words of three or more real characters."""
        characters = sorted({c for word in words for c in word if "一" <= c <= "龥"})
        characters = characters or ["一", "丁"]
        base, length = len(characters), 3
        while base**length < 2 * (len(words) + len(self.roots)):
            length += 1
        real = set(words)
        names: list[str] = []
        number = 0
        while len(names) < len(self.roots):
            # A step prime to the number of names, so that neighbours do not look alike.
            rest, letters = number * _STEP % base**length, []
            for _ in range(length):
                rest, place = divmod(rest, base)
                letters.append(characters[place])
            name = "".join(letters)
            if name not in real:
                names.append(name)
            number += 1
        return names


def grow(
    texts: Iterable[str], titles: Iterable[str], documents: int, seed: int = 1
) -> Grown:
    """Grow a corpus; see the module for how.

    Parameters
    ----------
    texts, titles : iterable of str
        Texts of any length, and short ones that are held out for short queries.
    documents : int
    seed : int, default=1
    """
    rng = np.random.default_rng(seed)
    source = Source.cut([*texts, *titles])
    n_texts = len(source.texts) - 1
    held_out = rng.random(n_texts) < HELD_OUT
    lengths = source.lengths()
    is_passage = lengths >= 25
    if not (is_passage & ~held_out).any() or not (is_passage & held_out).any():
        raise MatchingError("too few of the texts have 25 words or more")
    k, beta = source.heaps(rng.permutation(n_texts))
    real_lengths = lengths[is_passage]
    used = ~held_out & (is_passage | (rng.random(n_texts) < SHORT))
    topics = _Topics(source, used)
    families = _Families(source, k, beta)
    text_of = np.repeat(np.arange(n_texts), np.diff(source.texts))
    open_segments = np.flatnonzero(used[text_of])

    def passages(count: int, mean: float) -> tuple[Integers, Integers]:
        wanted = rng.choice(real_lengths, count) * (mean / real_lengths.mean())
        wanted = np.clip(wanted, 15, 150).astype(np.int64)
        slots = np.empty((count, SLOTS), np.int64)
        slots[:, 0] = rng.choice(open_segments, count)
        bases = text_of[slots[:, 0]]
        sizes = source.texts[bases + 1] - source.texts[bases]
        for slot in range(1, SLOTS):
            same = source.texts[bases] + (slots[:, 0] + slot) % sizes
            other = topics.related(bases, rng)
            chance = rng.choice(open_segments, count)
            other = np.where(other < 0, chance, other)
            slots[:, slot] = np.where(rng.random(count) < 0.3, same, other)
        twice = np.zeros_like(slots, np.bool_)
        for slot in range(1, SLOTS):
            twice[:, slot] = (slots[:, :slot] == slots[:, slot : slot + 1]).any(axis=1)
        spans = np.diff(source.segments)[slots]
        spans[twice] = 0
        before = np.cumsum(spans, axis=1) - spans
        taken = np.clip(wanted[:, None] - before, 0, spans).ravel()
        begins = source.segments[slots.ravel()]
        tokens, owners = _taken(source.tokens, begins, begins + taken)
        return tokens, owners // SLOTS

    tokens, owners = passages(2000, 60.0)
    mean = 60.0 * DISTINCT / (len(Bags.of(owners, tokens, 2000).words) / 2000)
    extra = min(max(documents // 10, 1000), 22_000)
    parts, runs = [], []
    for first in range(0, documents + extra, CHUNK):
        count = min(CHUNK, documents + extra - first)
        tokens, owners = passages(count, mean)
        branched = families.branch(tokens, rng)
        parts.append(Bags.of(owners, branched, count))
        runs.append(Runs.of(owners, branched, count))
    running = Runs.joined(runs)
    everything = Bags.joined(parts)
    end = everything.bounds[documents]
    grown = everything.first(documents)
    words = [*source.words, *families.names(source.words)]
    return Grown(
        documents=grown,
        **_queries(source, held_out, is_passage, rng),
        running=Runs(
            running.bounds[: documents + 1],
            running.words[: running.bounds[documents]],
        ),
        passages=Bags(
            everything.bounds[documents:] - end,
            everything.words[end:],
            everything.counts[end:],
        ),
        words=words,
        about={
            "documents": documents,
            "seed": seed,
            "heaps_k": k,
            "heaps_beta": beta,
            "real_texts": n_texts,
            "real_words": len(source.words),
            "real_running_words": len(source.tokens),
            "running_words": int(families.total),
            "distinct_words": len(np.unique(grown.words)),
            "mean_distinct": len(grown.words) / documents,
            "postings": len(grown.words),
            "above_one": float((grown.counts > 1).mean()),
        },
    )


def _queries(
    source: Source,
    held_out: npt.NDArray[np.bool_],
    is_passage: npt.NDArray[np.bool_],
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Return long and short queries, as bags and as running words."""
    long, running_long = _cut(
        source, np.flatnonzero(held_out & is_passage), 15, 50, rng
    )
    titles, running_titles = _cut(
        source, np.flatnonzero(held_out & ~is_passage), 5, 8, rng
    )
    return {
        "long": long,
        "titles": titles,
        "running_long": running_long,
        "running_titles": running_titles,
    }


def _cut(
    source: Source, texts: Integers, least: int, most: int, rng: np.random.Generator
) -> tuple[Bags, Runs]:
    """Return real texts of at least so many different words, cut to at most so many."""
    words: list[Integers] = []
    owners: list[Integers] = []
    for text in rng.permutation(texts).tolist():
        begin, end = source.segments[source.texts[text : text + 2]]
        tokens = source.tokens[begin:end]
        _, firsts = np.unique(tokens, return_index=True)
        firsts.sort()
        if len(firsts) < least:
            continue
        if len(firsts) > most:
            tokens = tokens[: firsts[most]]
        owners.append(np.full(len(tokens), len(words)))
        words.append(tokens)
    if not words:
        raise MatchingError(f"no held-out text has {least} different words")
    all_owners, all_words = np.concatenate(owners), np.concatenate(words)
    return (
        Bags.of(all_owners, all_words, len(words)),
        Runs.of(all_owners, all_words, len(words)),
    )


def read_texts(paths: Sequence[Path]) -> list[str]:
    """Read the texts of postings; the same text is taken once."""
    texts: dict[str, None] = {}
    for path in paths:
        for posting in read_postings(path):
            texts.setdefault("\n".join(filter(None, (posting.title, posting.text))))
    return list(texts)


def read_titles(paths: Sequence[Path]) -> list[str]:
    """Read the column ``title`` of tables, gzipped when the name ends in ``.gz``."""
    titles: dict[str, None] = {}
    for path in paths:
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8", newline="") as file:
            for number, row in enumerate(csv.DictReader(file), start=2):
                if "title" not in row:
                    raise MatchingError(f"{path}, line {number}: no column title")
                titles.setdefault(row["title"])
    return list(titles)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m matching.benchmarks.grown")
    parser.add_argument("out", type=Path)
    parser.add_argument("--documents", type=int, default=400_000)
    parser.add_argument("--texts", type=Path, nargs="+", required=True)
    parser.add_argument("--titles", type=Path, nargs="*", default=[])
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    grown = grow(
        read_texts(options.texts),
        read_titles(options.titles),
        options.documents,
        options.seed,
    )
    grown.save(options.out)
    json.dump(grown.about, sys.stdout, ensure_ascii=False, indent=1)
    print()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

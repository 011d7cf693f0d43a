"""Make the tables of ``matching/lexicon`` from their sources.

    python scripts/make_lexicon.py background DICT.txt TITLES.csv.gz
    python scripts/make_lexicon.py thesaurus WORDNET_DIR

DICT.txt is the dictionary of jieba 0.42.1 (MIT): word, frequency, tag, a line each.
TITLES.csv.gz has a column ``title``; the shipped table was made of the titles of funded
projects in github.com/Tsai1993/Fund (MPL-2.0). WORDNET_DIR holds the ``data.noun``,
``data.verb``, ``data.adj`` and ``data.adv`` of WordNet 3.0 or 3.1 (WordNet licence).
"""

import argparse
import csv
import gzip
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np

from matching.lexicon import background, thesaurus
from matching.tokens import Kind, feature_of, fold, tokenise

WORDS_IN_A_TEXT = 20
"""Length of the texts that the dictionary's frequencies are turned into shares of."""
LEAST = 0.3 / background.DOCUMENTS
"""Rarer features weigh as much as unknown ones, to three per cent, and are left out."""
RELATIONS = {
    "+": 0,
    "\\": 0,
    "^": 0,
    "&": 1,
    "@": thesaurus.WIDER,
    "~": thesaurus.NARROWER,
    **dict.fromkeys(["#p", "%p", "#m", "%m", "#s", "%s", "!"], 4),
}


def dictionary_shares(path: Path) -> dict[int, float]:
    """Return the share of short texts that hold each word, bigram and character."""
    counts: Counter[int] = Counter()
    total = 0
    for line in path.read_text(encoding="utf-8").splitlines():
        word, frequency = line.split()[0], int(line.split()[1])
        total += frequency
        folded = fold(word)
        if len(folded) != len(word) or folded.isascii():
            continue
        counts[feature_of(Kind.WORD, folded)] += frequency
        for pair in pairwise(folded):
            counts[feature_of(Kind.BIGRAM, "".join(pair))] += frequency
        for char in folded:
            counts[feature_of(Kind.CHAR, char)] += frequency
    return {
        feature: float(-np.expm1(-WORDS_IN_A_TEXT * count / total))
        for feature, count in counts.items()
    }


def title_shares(path: Path) -> dict[int, float]:
    """Return the share of titles that hold each Chinese feature."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        titles = sorted({fold(row["title"]) for row in csv.DictReader(file)})
    tokens = tokenise(titles)
    kept = np.isin(tokens.kinds(), [Kind.WORD, Kind.BIGRAM, Kind.CHAR])
    pairs = np.unique(np.stack([tokens.features[kept], tokens.owners[kept]]), axis=1)
    features, counts = np.unique(pairs[0], return_counts=True)
    shares = (counts / len(titles)).tolist()
    return dict(zip(features.tolist(), shares, strict=True))


def make_background(dictionary: Path, titles: Path) -> dict[str, np.ndarray]:
    """Return the arrays of the background table."""
    one, other = dictionary_shares(dictionary), title_shares(titles)
    shares = {
        feature: (one.get(feature, 0.0) + other.get(feature, 0.0)) / 2
        for feature in one.keys() | other.keys()
    }
    kept = sorted(feature for feature, share in shares.items() if share >= LEAST)
    return {
        "features": np.array(kept, np.uint64),
        "share": np.array([shares[feature] for feature in kept], np.float32),
    }


Meaning = tuple[str, str]


def meanings(directory: Path) -> Iterator[tuple[Meaning, list[str], list[tuple]]]:
    """Read the meanings with their single words and relations, as wndb(5WN) says."""
    for pos, name in (("n", "noun"), ("v", "verb"), ("a", "adj"), ("r", "adv")):
        lines = (directory / f"data.{name}").read_text(encoding="latin-1").splitlines()
        for line in lines:
            if line.startswith(" "):
                continue
            fields = line.split("|")[0].split()
            size = int(fields[3], 16)
            words = [fields[4 + 2 * i].lower().split("(")[0] for i in range(size)]
            first = 5 + 2 * size
            count = int(fields[first - 1])
            links = [
                (fields[i], (fields[i + 2].replace("s", "a"), fields[i + 1]))
                for i in range(first, first + 4 * count, 4)
            ]
            single = [word for word in words if word.isascii() and word.isalpha()]
            yield (pos, fields[0]), single, links


def make_thesaurus(directory: Path) -> dict[str, np.ndarray]:
    """Return the arrays of the thesaurus."""
    read = list(meanings(directory))
    number = {meaning: i for i, (meaning, _, _) in enumerate(read)}
    stems_of = [
        sorted({feature_of(Kind.STEM, word) for word in words}) for _, words, _ in read
    ]
    stems = sorted({stem for members in stems_of for stem in members})
    place = {stem: i for i, stem in enumerate(stems)}
    meanings_of: dict[int, list[int]] = defaultdict(list)
    for i, members in enumerate(stems_of):
        for stem in members:
            meanings_of[place[stem]].append(i)
    links = [
        sorted(
            {(number[to], RELATIONS[sign]) for sign, to in pairs if sign in RELATIONS}
        )
        for _, _, pairs in read
    ]
    stem_bounds, stem_meanings = flat(meanings_of[i] for i in range(len(stems)))
    meaning_bounds, meaning_stems = flat([place[s] for s in m] for m in stems_of)
    link_bounds, targets = flat([to for to, _ in pairs] for pairs in links)
    return {
        "stems": np.array(stems, np.uint64),
        "stem_bounds": stem_bounds,
        "stem_meanings": stem_meanings,
        "meaning_bounds": meaning_bounds,
        "meaning_stems": meaning_stems,
        "link_bounds": link_bounds,
        "links": targets,
        "kinds": np.array([kind for pairs in links for _, kind in pairs], np.uint8),
    }


def flat(lists: Iterable[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Lay lists one after another and return where each begins, and all of them."""
    values: list[int] = []
    bounds = [0]
    for numbers in lists:
        values.extend(numbers)
        bounds.append(len(values))
    return np.array(bounds, np.uint32), np.array(values, np.uint32)


def main() -> int:
    """Make one table and say how large it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", choices=["background", "thesaurus"])
    parser.add_argument("sources", type=Path, nargs="+")
    options = parser.parse_args()
    make = {"background": make_background, "thesaurus": make_thesaurus}[options.table]
    arrays = make(*options.sources)
    target = Path(background.__file__).with_name(f"{options.table}.npz")
    np.savez_compressed(target, **arrays)
    sizes = ", ".join(f"{len(array)} {name}" for name, array in arrays.items())
    print(f"{target}: {target.stat().st_size} bytes; {sizes}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

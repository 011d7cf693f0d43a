"""Features are what they say, wherever their text stands in a batch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.tokens import Kind, fold, tokenise

any_text = st.text(st.characters(codec=None), max_size=40)


def features(text, *kinds):
    tokens = tokenise([fold(text)])
    kept = np.isin(tokens.kinds(), [int(kind) for kind in kinds or Kind])
    return sorted(tokens.features[kept].tolist())


def shown(text, kind):
    folded = fold(text)
    tokens = tokenise([folded])
    kept = tokens.kinds() == int(kind)
    places = zip(tokens.starts[kept], tokens.lengths[kept], strict=True)
    return [folded[start : start + length] for start, length in places]


def test_words_bigrams_stems_and_codes_are_cut():
    text = "6061-T6铝合金 carbon fibres，强"
    assert shown(text, Kind.WORD) == ["铝合金", "强"]
    assert shown(text, Kind.BIGRAM) == ["铝合", "合金", "强"]
    assert shown(text, Kind.STEM) == ["6061", "t6", "carbon", "fibres"]
    assert shown(text, Kind.CODE) == ["6061-t6"]
    assert shown(text, Kind.PAIR) == ["6061-t6", "carbon fibres"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("鋁合金", "铝合金"),
        ("ＣＡＲＢＯＮ", "carbon"),
        ("coated fibres", "coating fibre"),
        ("碳\u200b纤维", "碳纤维"),
    ],
)
def test_spellings_of_one_thing_have_the_same_features(one, other):
    assert features(one) == features(other)


@pytest.mark.parametrize("text", ["T800 T700", "316L 316", "铝合金 镁合金", "ab ba"])
def test_different_things_differ(text):
    one, other = text.split()
    assert features(one) != features(other)


@given(st.lists(any_text, max_size=6))
@settings(deadline=None, max_examples=80)
def test_a_batch_is_cut_like_each_text_alone(texts):
    folded = [fold(text) for text in texts]
    batch = tokenise(folded)
    for number, text in enumerate(folded):
        alone = tokenise([text])
        mine = batch.owners == number
        assert sorted(batch.features[mine].tolist()) == sorted(alone.features.tolist())
        assert (batch.starts[mine] >= 0).all()
        assert (batch.starts[mine] + batch.lengths[mine] <= len(text)).all()


def test_words_of_two_texts_are_no_pair():
    assert not (tokenise(["carbon", "fibre"]).kinds() == int(Kind.PAIR)).any()


def test_letter_grams_run_across_the_words_of_a_phrase():
    one, other = features("fibre mat", Kind.GRAM), features("fibre, mat", Kind.GRAM)
    assert set(other) < set(one)


def test_long_text_is_cut_in_one_go():
    tokens = tokenise([fold("铝合金 a1" * 50_000)])
    assert len(tokens.features) == 400_000

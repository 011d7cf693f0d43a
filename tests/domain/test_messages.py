"""What is told is a table of texts: both languages, the same facts, one line on top."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.domain.messages import (
    TEMPLATES,
    TOPICS,
    Reach,
    one_line,
    placeholders,
    rendered,
    stored,
    told_topics,
)
from marketplace.errors import Text


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_both_languages_tell_the_same_facts_by_plain_names(name: str) -> None:
    template = TEMPLATES[name]
    for text in (template.title, template.body):
        assert placeholders(text.zh) == placeholders(text.en)
        for wording in (text.zh, text.en):
            assert wording.strip()
            for _, field, spec, conversion in string.Formatter().parse(wording):
                assert field is None or field.isidentifier(), field
                assert not spec
                assert not conversion


def test_every_topic_has_a_wording_that_is_kept_by_its_name() -> None:
    assert {topic.template for topic in TOPICS.values()} <= TEMPLATES.keys()
    for topic in TOPICS.values():
        assert len(topic.name) <= 40
        assert len(topic.template) <= 48


def test_what_rights_hang_on_cannot_be_muted() -> None:
    mandatory = {t.name for t in told_topics() if t.reach is Reach.MANDATORY}
    assert {
        "duty.escalated",
        "registration.correction",
        "registration.decided",
    } <= mandatory
    assert "digest" not in {topic.name for topic in told_topics()}


@given(
    name=st.sampled_from(sorted(TEMPLATES)),
    data=st.data(),
)
def test_any_values_make_a_title_of_one_line(name: str, data: st.DataObject) -> None:
    words = st.one_of(
        st.text(max_size=40),
        st.fixed_dictionaries({"zh": st.text(max_size=9), "en": st.text(max_size=9)}),
        st.integers(),
    )
    values = {field: data.draw(words) for field in sorted(TEMPLATES[name].names)}
    title, _ = rendered(name, values)
    for wording in (title.zh, title.en):
        assert wording == one_line(wording)
        assert len(wording.splitlines()) <= 1


def test_a_value_may_differ_by_language_and_braces_in_it_are_words() -> None:
    values = {"party": "{subject}", "subject": "托盘", "answer": Text("同意", "yes")}
    kept = stored("docking.answered", values)
    assert kept["answer"] == {"zh": "同意", "en": "yes"}
    title, _ = rendered("docking.answered/1", kept)
    assert title.zh == "{subject}答复了“托盘”的对接：同意"
    assert title.en == "{subject} has answered on 托盘: yes"


def test_a_sentence_that_could_not_be_made_later_is_refused_at_once() -> None:
    with pytest.raises(LookupError, match=r"no topic 'docking\.unknown'"):
        stored("docking.unknown", {})
    with pytest.raises(ValueError, match=r"docking\.answered needs"):
        stored("docking.answered", {"party": "甲"})
    with pytest.raises(ValueError, match=r"group\.notice needs"):
        stored("group.notice", {"subject": "a", "text": "b", "colour": "c"})

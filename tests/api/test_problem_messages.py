"""What the parser of the wire says, it says in Chinese as well."""

from __future__ import annotations

import re
from typing import Any

import marshmallow as ma
import pytest
from marshmallow import fields, validate

from marketplace import problems
from marketplace.problems import flatten, translated
from schemas.base import Money

CHINESE = re.compile(r"[\u4e00-\u9fff]")
VALIDATORS: list[tuple[Any, Any, str, str]] = [
    (validate.Length(min=2), "a", "too_short", "至少 2 个"),
    (validate.Length(max=2), "abc", "too_long", "最多 2 个"),
    (validate.Length(2, 3), "a", "bad_length", "长度须为 2 至 3"),
    (validate.Length(equal=2), "a", "bad_length", "长度须为 2"),
    (validate.OneOf(["a", "b."]), "c", "not_a_choice", "须为其中之一：a, b."),
    (validate.ContainsOnly(["a"]), ["b"], "not_a_choice", "只能从中选择：a"),
    (validate.Range(1, 5), 9, "out_of_range", "须不小于 1，且不大于 5"),
    (
        validate.Range(1, 5, min_inclusive=False, max_inclusive=False),
        1,
        "out_of_range",
        "须大于 1，且小于 5",
    ),
    (validate.Range(min=3), 1, "out_of_range", "须不小于 3"),
    (validate.Range(max=3), 4, "out_of_range", "须不大于 3"),
    (validate.Range(max=0.5, max_inclusive=False), 1, "out_of_range", "须小于 0.5"),
    (validate.Equal(3), 4, "invalid", "须等于 3"),
    (validate.Regexp("a"), "b", "bad_format", "格式不符"),
    (validate.Email(), "x", "not_an_email", "不是有效的邮箱地址"),
    (validate.URL(), "x", "not_a_url", "不是有效的网址"),
    (validate.NoneOf("a"), "a", "invalid", "值无效"),
]
FIELDS: list[tuple[fields.Field[Any], Any]] = [
    (fields.String(), 1),
    (fields.Integer(strict=True), 1.5),
    (fields.Float(), float("nan")),
    (fields.Float(), "x"),
    (fields.Boolean(), "x"),
    (fields.Date(), "x"),
    (fields.Time(), "x"),
    (fields.DateTime(), "x"),
    (fields.AwareDateTime(), "2026-11-23T09:00:00"),
    (fields.NaiveDateTime(), "2026-11-23T09:00:00+08:00"),
    (fields.UUID(), "x"),
    (fields.List(fields.String()), "x"),
    (fields.Dict(), "x"),
    (fields.Email(), "x"),
    (fields.URL(), "x"),
    (Money(), 1),
    (Money(), "-1"),
]


@pytest.mark.parametrize(("validator", "value", "code", "chinese"), VALIDATORS)
def test_a_validators_message_has_its_code_and_its_chinese(
    validator, value, code, chinese
):
    with pytest.raises(ma.ValidationError) as caught:
        validator(value)
    assert translated(caught.value.messages[0]) == (code, chinese)


@pytest.mark.parametrize(("field", "value"), FIELDS)
def test_a_fields_message_has_its_code_and_its_chinese(field, value):
    with pytest.raises(ma.ValidationError) as caught:
        ma.Schema.from_dict({"x": field})().load({"x": value})
    (error,) = flatten(caught.value.messages)
    assert error.pointer == "/x"
    assert CHINESE.search(error.message.zh)
    assert not CHINESE.search(error.message.en)
    assert error.code


def test_a_message_that_nobody_knows_stays_as_it_is():
    assert translated("Quite another thing.") == ("invalid", "Quite another thing.")


def test_places_become_pointers():
    messages = {
        "a": {0: {"b/c": ["Unknown field."]}},
        "_schema": ["Invalid input type."],
    }
    found = {(e.pointer, e.code) for e in flatten(messages)}
    assert found == {("/a/0/b~1c", "unknown_field"), ("", "not_an_object")}
    assert problems.MESSAGES["Unknown field."][1] == "未知字段"

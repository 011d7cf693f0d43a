"""What a file is follows from its content."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.domain import filetypes
from tests import samples


@pytest.mark.parametrize(("name", "content", "media_type"), samples.GOOD)
def test_the_content_tells_the_type(name, content, media_type):
    found = filetypes.recognise(io.BytesIO(content), name)
    assert found.media_type == media_type


@pytest.mark.parametrize(("name", "content", "code"), samples.BAD)
def test_what_is_not_accepted_is_refused_with_its_code(name, content, code):
    with pytest.raises(filetypes.BadFile) as caught:
        filetypes.recognise(io.BytesIO(content), name)
    assert caught.value.code == code


def test_the_stream_is_left_at_its_beginning():
    for name, content, _ in samples.GOOD:
        stream = io.BytesIO(content)
        filetypes.recognise(stream, name)
        assert stream.tell() == 0


def test_gb18030_is_recognised_and_said_in_the_header():
    stream = io.BytesIO("抗拉强度≥600 MPa".encode("gb18030"))
    found = filetypes.recognise(stream, "指标.txt")
    assert found.header == "text/plain; charset=gb18030"


def recognised(content, name):
    """Return the type or the code of the refusal; anything else is a crash."""
    try:
        return filetypes.recognise(io.BytesIO(content), name).media_type
    except filetypes.BadFile as error:
        return error.code


@given(st.binary(max_size=400))
def test_no_content_breaks_the_recognition(content):
    for name in ("a.txt", "a.xlsx", "a"):
        assert recognised(content, name)


@given(st.integers(0, 400), st.binary(min_size=1, max_size=8))
def test_no_damage_to_a_workbook_breaks_the_recognition(position, noise):
    content = bytearray(samples.xlsx())
    position %= len(content)
    content[position : position + len(noise)] = noise
    assert recognised(bytes(content), "a.xlsx")


def test_a_package_that_lies_about_its_sizes_is_not_read_beyond_them():
    plain = samples.xlsx()
    size = zipfile.ZipFile(io.BytesIO(plain)).getinfo("[Content_Types].xml").file_size
    lying = plain.replace(size.to_bytes(4, "little"), (3).to_bytes(4, "little"))
    with pytest.raises(filetypes.BadFile) as caught:
        filetypes.recognise(io.BytesIO(lying), "a.xlsx")
    assert caught.value.code == "damaged"


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\temp\\报告.pdf", "报告.pdf"),
        ("a\u202egpj.exe.txt", "agpj.exe.txt"),
        ("a\r\nSet-Cookie: x.txt", "aSet-Cookie: x.txt"),
        (" .. ", ""),
        ("", ""),
        ("长" * 300 + ".docx", "长" * 115 + ".docx"),
    ],
)
def test_a_name_is_only_its_last_part_without_tricks(given_name, kept):
    assert filetypes.clean_name(given_name) == kept


@given(st.text(max_size=400))
def test_a_cleaned_name_is_short_plain_and_clean_already(name):
    cleaned = filetypes.clean_name(name)
    assert len(cleaned) <= filetypes.MAX_NAME
    assert not set(cleaned) & set("/\\\r\n\x00")
    assert filetypes.clean_name(cleaned) == cleaned

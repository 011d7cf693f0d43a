"""The file store keeps whole contents under their digests, or nothing."""

from __future__ import annotations

import hashlib
import io
import os

import pytest

from marketplace.integrations.files import FolderStore
from marketplace.services.attachments import FileTooLarge, StoreDamaged


@pytest.fixture
def store(tmp_path):
    return FolderStore(tmp_path / "files")


def files(store):
    return [p for p in store.folder.rglob("*") if p.is_file()]


def test_what_goes_in_comes_out_under_its_digest(store):
    content = os.urandom(600_000)
    stored = store.put(io.BytesIO(content), limit=1_000_000)
    assert stored.digest == hashlib.sha256(content).hexdigest()
    assert stored.size == len(content)
    with store.open(stored.digest) as file:
        assert file.read() == content


def test_the_same_content_is_kept_once(store):
    first = store.put(io.BytesIO(b"a"), limit=10)
    assert store.put(io.BytesIO(b"a"), limit=10) == first
    assert len(files(store)) == 1


def test_nothing_is_left_of_a_file_that_is_too_large(store):
    with pytest.raises(FileTooLarge):
        store.put(io.BytesIO(b"a" * 11), limit=10)
    assert files(store) == []
    assert store.put(io.BytesIO(b"a" * 10), limit=10).size == 10


def test_nothing_is_left_of_a_stream_that_breaks(store):
    class Broken(io.BytesIO):
        def read(self, size=-1):  # noqa: ARG002 - the signature of a file
            if self.tell():
                raise OSError("gone")
            return super().read(2)

    with pytest.raises(OSError, match="gone"):
        store.put(Broken(b"abcd"), limit=10)
    assert files(store) == []


def test_a_changed_file_is_not_given_out(store):
    stored = store.put(io.BytesIO(b"abc"), limit=10)
    (path,) = files(store)
    path.write_bytes(b"abd")
    with pytest.raises(StoreDamaged, match="another content"):
        store.open(stored.digest)


def test_a_damaged_file_is_healed_by_its_next_upload(store):
    stored = store.put(io.BytesIO(b"abc"), limit=10)
    (path,) = files(store)
    path.write_bytes(b"")
    store.put(io.BytesIO(b"abc"), limit=10)
    with store.open(stored.digest) as file:
        assert file.read() == b"abc"


def test_a_missing_file_is_a_defect_that_is_named(store):
    with pytest.raises(StoreDamaged, match="missing"):
        store.open("0" * 64)


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", "A" * 64, "0" * 63])
def test_only_digests_are_looked_up(store, digest):
    with pytest.raises(StoreDamaged, match="not a digest"):
        store.open(digest)

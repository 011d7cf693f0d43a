"""Passwords: kept as argon2id hashes, judged by length and by not being the address."""

from __future__ import annotations

import functools
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from marketplace.errors import FieldError, Text

HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""Cost of one hash: 19 MiB, two passes, one lane, as OWASP advises for argon2id.
A hash made with other parameters is made anew at the next sign-in."""
SHORTEST, LONGEST = 10, 200


def hashed(password: str) -> str:
    """Return the hash to keep, with its salt and parameters in it."""
    return HASHER.hash(_plain(password))


def matches(kept: str | None, password: str) -> bool:
    """Tell whether a password is the one behind a hash.

    Parameters
    ----------
    kept : str or None
        None for an address without an account: the same work is done, so that the
        time of the answer does not tell whether there is one.
    """
    try:
        HASHER.verify(kept or _nobodys_hash(HASHER), _plain(password))
    except VerifyMismatchError:
        return False
    return kept is not None


def is_outdated(kept: str) -> bool:
    """Tell whether a hash was made with other parameters than today's."""
    return HASHER.check_needs_rehash(kept)


def faults(password: str, email: str, pointer: str) -> list[FieldError]:
    """Say what is wrong with a new password."""
    if len(password) < SHORTEST:
        return [
            _fault(
                pointer,
                "password_too_short",
                "密码至少 {n} 个字符",
                "a password has at least {n} characters",
                SHORTEST,
            )
        ]
    if len(password) > LONGEST:
        return [
            _fault(
                pointer,
                "password_too_long",
                "密码最多 {n} 个字符",
                "a password has at most {n} characters",
                LONGEST,
            )
        ]
    if password.strip().casefold() == email.strip().casefold():
        return [
            FieldError(
                pointer,
                "password_is_email",
                Text("密码不能与邮箱相同", "the password must not be the email"),
            )
        ]
    return []


def _fault(pointer: str, code: str, zh: str, en: str, n: int) -> FieldError:
    return FieldError(pointer, code, Text(zh, en).format(n=n))


def _plain(password: str) -> bytes:
    """Encode a password the same however the keyboard composed its characters."""
    normal = unicodedata.normalize("NFC", password)
    return normal.encode("utf-8", "surrogatepass")


@functools.cache
def _nobodys_hash(hasher: PasswordHasher) -> str:
    return hasher.hash("nobody's password")

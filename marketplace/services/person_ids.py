"""Identity numbers 公民身份号码 (GB 11643), of which only a digest is kept.

A person is recognised by the digest wherever a unit has given his number; nobody can
read the number from it. Numbers are few enough that who has stolen the digests can try
them all: the digest is slow to make, which makes that dear and not impossible.
"""

from __future__ import annotations

import hashlib

from stdnum.cn import ric

from marketplace.services.fields import Reader

_SALT = b"jiebang:person"


def digest(number: str) -> str:
    """Return the digest of a number, 64 hexadecimal digits."""
    made = hashlib.scrypt(
        ric.compact(number).upper().encode(), salt=_SALT, n=2**12, r=8, p=1, dklen=32
    )
    return made.hex()


def read(reader: Reader, value: object, pointer: str) -> str | None:
    """Read a number and return its digest; None for none or a wrong one."""
    number = reader.words(value, pointer, 30)
    if not number:
        return None
    if not ric.is_valid(number):
        reader.wrong(
            pointer,
            "not_an_identity_number",
            "不是有效的公民身份号码",
            "not a valid resident identity number",
        )
        return None
    return digest(number)

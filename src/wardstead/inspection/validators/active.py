"""Whether an address carries data away: what an image or a link in an answer asks a stranger's server for.

Source: OWASP LLM Top 10 2025, LLM05 (improper output handling); MITRE ATLAS AML.T0077 (LLM response rendering): the client
that renders an image fetches it, and whoever runs its host reads the address.

An address carries data when a part of it (a query's value, a segment of the path, the fragment, a label of the host) is
sentences, decodes to text, holds an e-mail address, or is longer than any identifier. Hosts that only this network reaches
carry nothing away.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote_to_bytes

import msgspec

from wardstead.inspection.validators.checksums import Validator


class _Limits(msgspec.Struct, frozen=True):
    """From where on a part is data: ``words`` in a row, ``decoded`` bytes of text, ``size`` in characters."""

    words: int
    decoded: int
    size: int
    email: bool


_IMAGE: Final = _Limits(words=4, decoded=12, size=120, email=True)
"""Fetched without anybody's doing: little is enough."""
_LINK: Final = _Limits(words=14, decoded=16, size=300, email=False)
"""Somebody has to follow it, and a search for a few words is a link like any other."""
_HOST_LABEL: Final = 40
"""No name that a person chose is so long; DNS allows 63."""


def image_carries_data(match: bytes) -> bool:
    """Whether the address in an image, or of what is loaded like one, carries data."""
    return _carries(match, _IMAGE)


def link_carries_data(match: bytes) -> bool:
    """Whether the address of a link carries data."""
    return _carries(match, _LINK)


def script_url(match: bytes) -> bool:
    """A ``javascript:`` address that does something: ``javascript:void(0)`` and ``javascript:;`` are how a link does nothing."""
    body = match.partition(b":")[2].strip(b" ;")
    return bool(body) and re.fullmatch(rb"void\(?[ ]?0?[ ]?\)?|return false|#", body) is None


def host_of(match: bytes) -> str:
    """The host of the address that begins in ``match``, in small letters; empty where there is none."""
    found = _ADDRESS.search(match)
    return _name(found) if found else ""


def trusts(host: str, trusted: frozenset[str]) -> bool:
    """Whether ``host`` is one of those, or below one that begins with a dot (``.example.com``)."""
    return host in trusted or any(host.endswith(one) or host == one[1:] for one in trusted if one.startswith("."))


def untrusted(validator: Validator, trusted: frozenset[str]) -> Validator:
    """The same, for addresses that are not on a trusted host."""
    return lambda match: 0 if trusts(host_of(match), trusted) else validator(match)


def _name(found: re.Match[bytes]) -> str:
    return found["host"].decode("ascii", "replace").lower().rstrip(".")


def _carries(match: bytes, limits: _Limits) -> bool:
    found = _ADDRESS.search(match)
    if found is None:
        return False
    host = _name(found)
    if is_near(host):
        return False
    if any(len(one) > _HOST_LABEL for one in host.split(".")):
        return True
    rest = found["rest"]
    if len(rest) <= limits.size and _CARRYING.search(rest) is None:
        return False
    return any(_is_data(part, limits) for part in _parts(rest))


def is_near(host: str) -> bool:
    """Whether only this machine or this network answers to the name."""
    if host.startswith("["):
        host = host.strip("[]")
    elif "." not in host or host.endswith((".local", ".internal", ".localhost", ".test", ".invalid")):
        return True
    if _NUMBERS.fullmatch(host) is None:
        return False
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_private or address.is_loopback or address.is_link_local


def _parts(rest: bytes) -> Iterator[bytes]:
    path, _, after = rest.partition(b"?")
    query, _, fragment = after.partition(b"#")
    path, _, path_fragment = path.partition(b"#")
    yield from path.split(b"/")
    for pair in re.split(rb"[&;]", query):
        key, equals, value = pair.partition(b"=")
        yield value if equals else key
    yield fragment or path_fragment


def _is_data(part: bytes, limits: _Limits) -> bool:
    if len(part) < 8:
        return False
    plain = unquote_to_bytes(part.replace(b"+", b" "))
    if len(plain) > limits.size or len(_SPOKEN.findall(plain)) >= limits.words:
        return True
    if limits.email and _EMAIL.search(plain) is not None:
        return True
    return _decodes(unquote_to_bytes(part), limits.decoded)


def _decodes(part: bytes, least: int) -> bool:
    """Whether it is text in base64, base32 or hexadecimal digits."""
    return any(len(plain) >= least and _is_text(plain) for run in _RUN.findall(part) for plain in decodings(run))


def decodings(part: bytes) -> Iterator[bytes]:
    """What ``part`` is, read as hexadecimal digits, base64 (either alphabet) and base32."""
    bare = part.rstrip(b"=")
    if len(part) % 2 == 0 and _HEX.fullmatch(part):
        yield bytes.fromhex(part.decode("ascii"))
    if _BASE64.fullmatch(bare) and len(bare) % 4 != 1:
        standard = bare.translate(bytes.maketrans(b"-_", b"+/"))
        yield base64.b64decode(standard + b"=" * (-len(bare) % 4))
    if _BASE32.fullmatch(bare):
        try:
            yield base64.b32decode(bare.upper() + b"=" * (-len(bare) % 8))
        except binascii.Error:
            return


def _is_text(plain: bytes) -> bool:
    try:
        text = plain.decode("utf-8")
    except UnicodeDecodeError:
        return False
    good = sum(one.isprintable() or one in "\n\t\r" for one in text)
    return good == len(text) and sum(one.isalnum() or one == " " for one in text) * 10 >= 7 * len(text)


_ADDRESS: Final = re.compile(
    rb"(?:(?i:https?|wss?|ftp):)?(?://|\x5c\x5c)(?:[^/?#@ ]*@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^/?#:\[\]@ ]+)(?::[0-9]*)?"
    rb"(?P<rest>(?:[/?#].*)?)",
    re.DOTALL,
)
_NUMBERS: Final = re.compile(r"[0-9a-f.:]+")
_CARRYING: Final = re.compile(rb"[?#%+@]|[A-Za-z0-9_-]{12}")
"""What stands in every address with data that is not simply long."""
_SPOKEN: Final = re.compile(rb"(?:\A|(?<=[ \n\"'(]))[A-Za-z]{2,20}(?=[,.;:!?]{0,2}(?:[ \n]|\Z))")
_EMAIL: Final = re.compile(rb"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}\.[A-Za-z]{2,}")
_RUN: Final = re.compile(rb"[A-Za-z0-9+/_-]{12,}={0,2}")
_HEX: Final = re.compile(rb"[0-9A-Fa-f]{16,}")
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/_-]{12,}")
_BASE32: Final = re.compile(rb"(?:[A-Z2-7]|[a-z2-7]){16,}")

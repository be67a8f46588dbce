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
import html
import ipaddress
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote_to_bytes

import msgspec

from wardstead.inspection.validators.checksums import Validator


class _Limits(msgspec.Struct, frozen=True):
    """From where on a part is data: ``words`` in a row, ``decoded`` bytes of text, ``size`` in characters.

    ``joined``: so many words that hyphens, slashes or ampersands join count as well; ``paths``: in paths and hosts too.
    """

    words: int
    decoded: int
    size: int
    email: bool
    joined: int
    paths: bool


_IMAGE: Final = _Limits(words=4, decoded=12, size=120, email=True, joined=5, paths=True)
"""Fetched without anybody's doing: little is enough."""
_DEFINITION: Final = _Limits(words=5, decoded=12, size=300, email=True, joined=5, paths=False)
"""An image may refer to it, from far away: a link of the same kind has to do with less."""
_LINK: Final = _Limits(words=14, decoded=16, size=300, email=False, joined=14, paths=False)
"""Somebody has to follow it, and a search for a few words is a link like any other."""
_HOST_LABEL: Final = 40
"""No name that a person chose is so long; DNS allows 63."""


def image_carries_data(match: bytes) -> bool:
    """Whether the address in an image, or of what is loaded like one, carries data."""
    return _carries(match, _IMAGE)


def definition_carries_data(match: bytes) -> bool:
    """Whether the address that a reference names (``[r]: https://…``) carries data."""
    return _carries(match, _DEFINITION)


def link_carries_data(match: bytes) -> bool:
    """Whether the address of a link carries data."""
    return _carries(match, _LINK)


def script_url(match: bytes) -> bool:
    """An address that is a script, or a document with scripts, as a browser reads it: entities, tabs and blanks in front go.

    ``javascript:void(0)`` and ``javascript:;`` are how a link does nothing.
    """
    for plain in _readings(match):
        found = _SCRIPT.match(plain.translate(None, _NOT_READ))
        if found is None:
            continue
        if found["document"] or _NOTHING.fullmatch(found["body"].strip(b" ;")) is None:
            return True
    return False


def host_of(match: bytes) -> str:
    """The host of the address ``match``, in small letters; empty where there is none, ``?.?`` where it may be either of two."""
    hosts = {_name(found) if found else "" for found in map(_ADDRESS.match, _readings(match))}
    return hosts.pop() if len(hosts) == 1 else "?.?"


def _readings(match: bytes) -> Iterator[bytes]:
    """The address as browsers read it: a backslash is a slash, or, in Markdown, escapes what follows it."""
    plain = _ENTITY.sub(_character, match) if b"&" in match else match
    plain = plain.translate(None, b"\t\n\r").lstrip(_NOT_READ)
    yield _SLASHES.sub(rb"\g<1>://", plain.replace(b"\\", b"/"))
    if b"\\" in plain:
        yield _SLASHES.sub(rb"\g<1>://", plain.replace(b"\\", b""))


def _character(found: re.Match[bytes]) -> bytes:
    return html.unescape(found[0].decode("ascii")).encode("utf-8", "replace")


def trusts(host: str, trusted: frozenset[str]) -> bool:
    """Whether ``host`` is one of those, or below one that begins with a dot (``.example.com``)."""
    return host in trusted or any(host.endswith(one) or host == one[1:] for one in trusted if one.startswith("."))


def untrusted(validator: Validator, trusted: frozenset[str]) -> Validator:
    """The same, for addresses that are not on a trusted host."""
    return lambda match: 0 if trusts(host_of(match), trusted) else validator(match)


def _name(found: re.Match[bytes]) -> str:
    return found["host"].decode("ascii", "replace").lower().rstrip(".")


def _carries(match: bytes, limits: _Limits) -> bool:
    return any(_reading_carries(plain, limits) for plain in _readings(match))


def _reading_carries(plain: bytes, limits: _Limits) -> bool:
    found = _ADDRESS.match(plain)
    if found is None:
        return False
    host = _name(found)
    if is_near(host):
        return False
    if any(len(one) > _HOST_LABEL for one in host.split(".")) or _is_data(found["user"][:-1], limits):
        return True
    rest = found["rest"]
    names = _TOKEN.findall(host.rpartition(".")[0].encode())
    if limits.paths and len(names) >= limits.joined and (_private(names) or _is_said(names, limits.joined + 3)):
        return True
    if len(rest) <= limits.size and _CARRYING.search(rest) is None:
        return False
    return any(_is_data(part, limits) for part in _parts(rest)) or _is_joined(rest, limits)


def _is_joined(rest: bytes, limits: _Limits) -> bool:
    """Whether words are joined by what parts an address: a word for each segment, or for each of a query's values."""
    path, _, query = rest.partition(b"#")[0].partition(b"?")
    pairs = [pair.partition(b"=") for pair in re.split(rb"[&;]", query)]
    values = [unquote_to_bytes((value if equals else key).replace(b"+", b" ")) for key, equals, value in pairs]
    words = [one for one in values if _TOKEN.fullmatch(one)]
    keys = [key for key, _, _ in pairs]
    if len(words) >= limits.joined and (
        len(words) >= limits.joined + 4
        or len(set(keys)) * 2 <= len(keys)
        or sum(map(len, keys)) <= 2 * len(keys)
        or _private(words)
    ):
        return True
    if any(_value_is_joined(one, limits) for one in values):
        return True
    if not limits.paths:
        return False
    segments = unquote_to_bytes(path).split(b"/")
    named = _FILE.search(segments[-1]) is not None
    words = [one for one in segments if _TOKEN.fullmatch(one)]
    if len(words) >= limits.joined and (len(words) >= limits.joined + (6 if named else 3) or _private(words)):
        return True
    for one in segments:
        words = _TOKEN.findall(_FILE.sub(b"", one))
        if _is_said(words, limits.joined + 4) or (len(words) >= limits.joined and (_private(words) or not _FILE.search(one))):
            return True
    return False


def _value_is_joined(value: bytes, limits: _Limits) -> bool:
    if _ADDRESS.match(value) is not None:  # it is what another address is
        return _reading_carries(value, limits)
    words = _TOKEN.findall(value) if re.search(rb"[-_./]", value) else []
    # Pages are named in words, in the query of some sites; images are not.
    return len(words) >= limits.joined and (_private(words) or _is_said(words, limits.joined + (0 if limits.paths else 2)))


def _is_said(words: list[bytes], least: int) -> bool:
    return len(words) >= least and sum(map(len, words)) >= 2 * len(words)


def _private(words: list[bytes]) -> bool:
    """Whether two of the words tell of somebody, or of a secret: titles of pages and pictures seldom do."""
    return len({one.lower() for one in words} & _TELLING) > 1


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
    rb"(?:(?i:https?|wss?|ftp):)?//+(?P<user>(?:[^/?# ]*@)?)(?P<host>\[[0-9A-Fa-f:.]+\]|[^/?#:\[\]@ ]+)(?::[0-9]*)?"
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
_SLASHES: Final = re.compile(rb"\A((?i:https?|wss?|ftp)):/*")
_ENTITY: Final = re.compile(rb"&(?:#[0-9]{1,9};?|#[xX][0-9A-Fa-f]{1,8};?|[A-Za-z]{2,12};)")
_NOT_READ: Final = bytes(range(33))
"""Control characters and blanks in front of an address."""
_SCRIPT: Final = re.compile(
    rb"(?:javascript|vbscript):(?P<body>.*)|(?P<document>data:(?:text/html|image/svg\+xml|application/xhtml\+xml|text/xml))",
    re.IGNORECASE | re.DOTALL,
)
_NOTHING: Final = re.compile(rb"(?:void\(?0?\)?|returnfalse|#)?")
_TOKEN: Final = re.compile(rb"(?<![A-Za-z0-9])[A-Za-z]{1,20}(?![A-Za-z0-9])")
_FILE: Final = re.compile(rb"\.[A-Za-z0-9]{2,5}\Z")
_TELLING: Final = frozenset(
    b"i my me your you he she his her their we our is was are has had asked asks said says told tells wants needs user "
    b"hello secret users secrets password passwords key token account customer patient client conversation salary".split()
)

"""Secrets in the texts around a model: configurations, cards, vocabularies, code. What one is, whoever calls says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from wardstead.supply.ports import Malformed, Secrets, Source
from wardstead.supply.rules import Finding
from wardstead.supply.secret_names import called
from wardstead.supply.sources import TEXT_BYTES, Memory

_HEAD: Final = 4096
_WINDOW: Final = 1 << 20
_OVERLAP: Final = 1 << 13
"""The longest secret is shorter."""
_MOST: Final = 50
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")


def secrets_in(source: Source, secrets: Secrets) -> tuple[Finding, ...]:
    """Where a text holds which kind of secret; nothing for what is no text. What the secret is stays out of it."""
    found: dict[Finding, None] = {}
    try:
        for start, exact, text in _windows(source):
            for one in secrets.in_text(text):
                found[Finding("secret", source.name, called(one.type), start + one.start if exact else None)] = None
            if len(found) >= _MOST:
                break
    except Malformed as error:
        found[Finding(error.rule, source.name, error.what, error.offset)] = None
    return tuple(found)


def secrets_inside(texts: Iterable[tuple[str, str]], secrets: Secrets) -> tuple[Finding, ...]:
    """The same of texts that stand inside of a file, by what each is called there."""
    found = (
        msgspec.structs.replace(one, offset=None)
        for name, text in texts
        for one in secrets_in(Memory(text.encode("utf-8", "replace"), name), secrets)
    )
    return tuple(dict.fromkeys(found))


def _windows(source: Source) -> Iterator[tuple[int, bool, str]]:
    """The text window by window: at which byte each begins, and whether places in it are places in the file."""
    head = source.read(0, _HEAD)
    if head[:2] in _UTF16:
        yield 0, False, source.read(0, TEXT_BYTES).decode("utf-16", "ignore")
        return
    if b"\0" in head or not _is_utf8(head):
        return
    start = 0
    while data := source.read(start, _WINDOW):
        # A character that is cut in two stands whole in the next window, or stood in the one before.
        cut = next((at for at, byte in enumerate(data[:4]) if byte & 0xC0 != 0x80), 0)
        text = data[cut:].decode("utf-8", "ignore")
        yield start + cut, len(data) - cut - len(text.encode()) < 4, text
        if start + len(data) >= source.size:
            return
        start += len(data) - _OVERLAP


def _is_utf8(head: bytes) -> bool:
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4 >= 0
    return True

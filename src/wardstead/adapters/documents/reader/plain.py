"""Text in whatever encoding."""

from __future__ import annotations

import codecs

from .reading import Path, Problem, Reading
from .sniffing import BOMS, wide

_SAMPLE = 64 * 1024
_GUESSABLE_BYTES = 24
"""A shorter text fits too many encodings."""
_COMMON = [
    "cp1252", "cp1250", "cp1251", "koi8_r", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258", "shift_jis", "euc_jp",
    "gb18030", "big5", "euc_kr", "cp874", "cp437", "cp850",
]  # fmt: skip
"""What is met in practice: among all that Python knows, a short text fits too many."""


def decode(data: bytes, declared: str = "") -> tuple[str, str]:
    """The text, and the encoding where it had to be guessed. What cannot be decoded becomes U+FFFD."""
    for bom, encoding in BOMS:
        if data.startswith(bom):
            return data.decode(encoding, "replace"), ""
    for encoding in (declared, "utf-8"):
        try:
            if encoding and codecs.lookup(encoding).name not in {"utf-7", "idna", "punycode", "undefined"}:
                return data.decode(encoding), ""
        except (LookupError, ValueError):
            continue
    two_bytes = wide(data[:8192])
    if two_bytes:
        return data.decode(two_bytes, "replace"), two_bytes
    import charset_normalizer

    best = charset_normalizer.from_bytes(data[:_SAMPLE], cp_isolation=_COMMON).best()
    guessed = best.encoding if best is not None else "cp1252"
    return data.decode(guessed, "replace"), guessed


def read(reading: Reading, data: bytes, path: Path, _depth: int) -> None:
    """Text, data and source files, as they are. Raises ``Problem`` where they are broken, or too short to tell their encoding."""
    _check(data, path)
    text, guessed = decode(data)
    if guessed:
        reading.warn(path, f"its encoding was guessed: {guessed}")
    reading.add(path, text, "text")


def _check(data: bytes, path: Path) -> None:
    encoding = next((encoding for bom, encoding in BOMS if data.startswith(bom)), "utf-8")
    try:
        data.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-8" or len(data) < _GUESSABLE_BYTES:
            what = f"this is not {encoding.upper()} text, nor is its encoding to be told"
            raise Problem("unreadable", what, (*path, f"byte {error.start}"), "Convert it: iconv -t utf-8") from None

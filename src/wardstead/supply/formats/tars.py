"""Tar archives (POSIX.1-1988 ``ustar``, pax and GNU): PyTorch's oldest format, NeMo's, and how models are often packed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from wardstead.supply.formats import zips
from wardstead.supply.formats.zips import leads_out
from wardstead.supply.ports import Inner, Malformed, Seen, Source, Steps
from wardstead.supply.sources import Window, blocks, exactly

_BLOCK: Final = 512
_MOST: Final = 50_000
_MOST_HEADER: Final = 1 << 20
_FILES: Final = {b"0", b"\0", b"7"}
_DECIDING: Final = frozenset({"path", "linkpath", "size"})


class _Member(NamedTuple):
    name: str
    kind: bytes
    link: str
    size: int


def is_tar(head: bytes) -> bool:
    """Whether it begins like one: by its mark, or by a checksum that holds."""
    if len(head) < _BLOCK or not head[0]:
        return False
    return head[257:262] == b"ustar" or _sum_holds(head[:_BLOCK])


def _sum_holds(header: bytes) -> bool:
    try:
        told = int(header[148:156].strip(b" \0") or b"-1", 8)
    except ValueError:
        return False
    return told == sum(header[:148]) + 32 * 8 + sum(header[156:])


def check(source: Source) -> Steps:
    """Its members, and what is wrong with them."""
    at, count, pax = 0, 0, dict[str, str]()
    seen: set[str] = set()
    held: list[tuple[int, int]] = []
    while True:
        header = source.read(at, _BLOCK)
        if len(header) < _BLOCK or not any(header):
            break
        if not _sum_holds(header):
            raise Malformed("a member's checksum is wrong", at)
        count += 1
        if count > _MOST:
            raise Malformed(f"it has more than {_MOST:,} members", at)
        size, kind = _number(header[124:136], at), header[156:157]
        if kind in {b"x", b"g", b"L", b"K"}:
            if size > _MOST_HEADER:
                raise Malformed("a member's further header is too long", at)
            _further(exactly(source, at + _BLOCK, size), kind, pax)
        else:
            size = int(pax["size"]) if pax.get("size", "").isdigit() else size
            name = pax.get("path") or _name(header)
            member = _Member(name, kind, pax.get("linkpath") or _text(header[157:257]), size)
            yield from _member(source, member, at, seen)
            held.append((at + _BLOCK, at + _BLOCK + size))
            pax = {}
        at += _BLOCK + (-(-size // _BLOCK) * _BLOCK if kind not in {b"1", b"2", b"3", b"4", b"5", b"6"} else 0)
    if any(block.strip(b"\0") for _, block in blocks(source, at)):
        yield Seen("trailing-data", "bytes after the last member", at)
    if not count:
        raise Malformed("it has no member", 0)
    if source.exact and (end := zips.find_end(source)) is not None and not _is_member(held, zips.begins(source, end), end):
        yield from zips.behind(source)


def _is_member(held: list[tuple[int, int]], start: int, end: int) -> bool:
    """Whether what lies there is a member, or a part of one: then it is looked at as that."""
    return any(first <= start and end < last for first, last in held)


def _member(source: Source, member: _Member, at: int, seen: set[str]) -> Steps:
    name, kind, link, size = member
    if leads_out(name):
        yield Seen("path-traversal", f"a member is called {name[:120]!r}", at)
    if kind in _FILES:
        if name in seen:
            yield Seen("duplicate-entry", f"two members are called {name[:120]!r}", at)
        if at + _BLOCK + size > source.size:
            raise Malformed(f"the member {name[:80]!r} ends behind the archive's end", at)
        yield Inner(Window(source, at + _BLOCK, size, f"{source.name} > {name[:200]}"))
    elif kind in {b"1", b"2"}:
        depth = name.count("/") if kind == b"2" else 0
        if leads_out("x/" * depth + link) and _climbs(link, depth):
            yield Seen("link-outside", f"the member {name[:80]!r} is a link to {link[:80]!r}", at)
        if name in seen:
            yield Seen("duplicate-entry", f"two members are called {name[:120]!r}", at)
    elif kind in {b"3", b"4", b"6"}:
        yield Seen("special-file", f"the member {name[:80]!r} is a device or a pipe", at)
    elif kind != b"5":
        yield Seen("unparsed", f"the member {name[:80]!r} is of a kind that is not read ({kind!r})", at)
    seen.add(name)


def _climbs(link: str, depth: int) -> bool:
    """Whether a link leads higher than the archive's root."""
    if link.startswith(("/", "\\")) or link[1:2] == ":":
        return True
    for part in link.replace("\\", "/").split("/"):
        depth += -1 if part == ".." else int(part not in {"", "."})
        if depth < 0:
            return True
    return False


def _number(field: bytes, at: int) -> int:
    if field[:1] == b"\x80":
        return int.from_bytes(field[1:], "big")
    try:
        found = int(field.strip(b" \0") or b"0", 8)
    except ValueError:
        raise Malformed("a member's size is no number", at) from None
    if found < 0:
        raise Malformed("a member's size is negative", at)
    return found


def _text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode("utf-8", "replace")


def _name(header: bytes) -> str:
    prefix = _text(header[345:500]) if header[257:263] == b"ustar\0" else ""
    return f"{prefix}/{_text(header[:100])}" if prefix else _text(header[:100])


def _further(data: bytes, kind: bytes, pax: dict[str, str]) -> None:
    if kind == b"L":
        pax["path"] = _text(data)
    elif kind == b"K":
        pax["linkpath"] = _text(data)
    else:
        for key, value in _records(data):
            if key.startswith("GNU.sparse") or (kind == b"g" and key in _DECIDING):
                raise Malformed(f"a further header says {key[:40]!r}, which is not followed")
            if key in _DECIDING:
                pax[key] = value


def _records(data: bytes) -> Iterator[tuple[str, str]]:
    """What a pax header says: each record begins with its own length, and may hold line breaks (POSIX.1-2001, pax)."""
    while data.strip(b"\0"):
        length, blank, _ = data.partition(b" ")
        size = int(length) if blank and length.isdigit() and len(length) < 8 else 0
        key, equals, value = data[len(length) + 1 : size].partition(b"=")
        if not equals or len(data) < size or value[-1:] != b"\n":
            raise Malformed("a member's further header is broken")
        yield key.decode("utf-8", "replace"), value[:-1].decode("utf-8", "replace")
        data = data[size:]

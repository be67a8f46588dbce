"""Files whose format nothing here parses: whether they are a pickle all the same, and whether they carry a program along.

Engines of TensorRT can hold the libraries of their plugins, and load them.
"""

from __future__ import annotations

import re
from typing import Final

from wardstead.supply.formats import pickles
from wardstead.supply.ports import Seen, Source, Steps
from wardstead.supply.sources import blocks

_PROGRAMS: Final = re.compile(
    rb"\x7fELF[\x01\x02](?:\x01\x01.{9}[\x01-\x04]\0|\x02\x01.{9}\0[\x01-\x04])"
    rb"|\xcf\xfa\xed\xfe[\x07\x0c]\0\0\x01|!This program cannot be run in DOS mode",
    re.DOTALL,
)
_LONGEST: Final = 64
_OBJECTS: Final = (
    (b"\xac\xed\x00\x05", "Java"),
    (b"X\n\0\0\0\2", "R"),
    (b"X\n\0\0\0\3", "R"),
    (b"RDX2\n", "R"),
    (b"RDX3\n", "R"),
    (b"\0\x01\0\0\0\xff\xff\xff\xff\x01\0\0\0\0\0\0\0", ".NET"),
)

_DICT: Final = re.compile(rb"CREATE TABLE (?:IF NOT EXISTS )?\"?Dict\"?\s*\(\s*key BLOB")
"""The one table of ``dbm.sqlite3`` (CPython, Lib/dbm/sqlite3.py)."""
_GDBM: Final = frozenset(range(0x13579ACD, 0x13579AD2))
_BERKELEY: Final = frozenset({0x00061561, 0x00053162})
"""Of hashes and trees (gdbm's gdbmconst.h; Berkeley DB's db_page.h)."""
_ORDERS: Final = ("little", "big")


def check(source: Source) -> Steps:
    """What can be said of it."""
    yield from pickles.maybe(source)
    for at, block in blocks(source, overlap=_LONGEST):
        if (found := _PROGRAMS.search(block)) is not None:
            yield Seen("executable", "a program for a machine lies in it", at + found.start())
            return


def language_of(head: bytes) -> str:
    """Whose objects a file that begins so holds; empty for none that is known."""
    return next((language for magic, language in _OBJECTS if head.startswith(magic)), "")


def is_shelf(head: bytes) -> bool:
    """Whether it is a database of Python's ``dbm`` (SQLite, gdbm, Berkeley), of which ``shelve`` unpickles every value."""
    if head.startswith(b"SQLite format 3\0"):
        return _DICT.search(head) is not None
    return any(int.from_bytes(head[:4], order) in _GDBM or int.from_bytes(head[12:16], order) in _BERKELEY for order in _ORDERS)


def check_shelf(_source: Source) -> Steps:
    """A database of values, which are not read one by one."""
    yield Seen("shelf", "a database of Python's dbm", 0)


def check_objects(source: Source) -> Steps:
    """Objects of another language."""
    yield Seen("foreign-objects", f"objects of {language_of(source.read(0, 32))}", 0)

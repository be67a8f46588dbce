"""What people may be called, and when two names are one: who shares or approves is known to people by that."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from sqlalchemy import Connection, select

from wardstead.adapters.store.ledger.admin_record import COMMAND_LINE
from wardstead.adapters.store.tables.directory import principal
from wardstead.kernel.errors import CallerError

_NAME: Final = re.compile(r"\w(?:[\w.+'@ -]{0,126}[\w.])?")
_RESERVED: Final = frozenset({COMMAND_LINE, "command line", "unknown"})


class NameTaken(CallerError):
    """Somebody has that name already."""

    code = "name_taken"


class BadName(CallerError):
    """The name or value is not acceptable."""

    code = "bad_name"


def check_name(name: str) -> None:
    """Raises ``BadName`` for what nobody can be called."""
    if not _NAME.fullmatch(name):
        raise BadName("a name has 1 to 128 letters, digits and inner spaces or . _ + ' @ -", next_step="choose another")
    if name in _RESERVED:
        raise BadName(f"the record says {name!r} of somebody else", next_step="choose another")
    if len(_alphabets(name)) > 1:
        raise BadName("a name has the letters of one alphabet", why="others look the same", next_step="choose another")


def name_key(name: str) -> str:
    """The same for names that differ in the case or the form of their letters alone."""
    return unicodedata.normalize("NFKC", name).casefold()


def require_nobody_like(connection: Connection, name: str) -> None:
    """Raises ``NameTaken`` where somebody's name reads the same: who shares or approves is known to people by that."""
    wanted = name_key(name)
    for taken in connection.execute(select(principal.c.name)).scalars():
        if name_key(taken) == wanted:
            raise NameTaken(f"there is somebody called {taken!r} already", next_step="choose another")


def _alphabets(name: str) -> set[str]:
    """Of those whose letters are taken for one another's."""
    found = {unicodedata.name(one, "").partition(" ")[0] for one in name if one.isalpha()}
    return found & {"LATIN", "CYRILLIC", "GREEK"}

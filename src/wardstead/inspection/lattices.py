"""The levels of a policy and of what it extends: each file speaks of its own, and the one in force says what they mean there.

A level of an extended policy keeps its name where there is such a level; else an alias says which level it is. The order of two
levels never turns around: a policy that was written for one order would protect something else in another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from typing import TypeVar

from wardstead.kernel.errors import ConfigurationError
from wardstead.kernel.labels import STANDARD, Levels

T = TypeVar("T")
Place = Callable[[str], str]
"""From a key to where it stands in its file."""


class Lattices:
    """The levels of the files of a chain, the most general first."""

    def __init__(self) -> None:
        """No file yet."""
        self._of: list[Levels] = []

    @property
    def levels(self) -> Levels:
        """Those of the file that was added last."""
        return self._of[-1] if self._of else STANDARD

    def add(self, names: tuple[str, ...] | None, aliases: Mapping[str, str], place: Place) -> int:
        """A file that extends the last one; its number. Without ``names`` it has the levels of that one.

        Raises ``ConfigurationError`` where a level of the last one means nothing here, or the order turns around.
        """
        below = self.levels
        here = names or below.names
        where = partial(place, "levels" if names else "level_aliases")
        own = _checked(lambda: Levels(here, aliases), where)
        if self._of:
            _check_mapping(below, own, where)
        carried = {alias: own.level(name).name for alias, name in below.aliases.items() if alias not in here}
        self._of.append(Levels(here, {**carried, **aliases}))
        return len(self._of) - 1

    def name(self, file: int, name: str, place: Callable[[], str]) -> str:
        """What a level that a file names is called in the last one. Raises ``ConfigurationError`` for an unknown level."""
        for levels in self._of[file:]:
            name = _checked(partial(levels.level, name), place).name
        return name


def _check_mapping(below: Levels, own: Levels, where: Callable[[], str]) -> None:
    known = {*own.names, *own.aliases}
    if lost := [name for name in below.names if name not in known]:
        raise ConfigurationError(
            f"what this policy extends has the levels {', '.join(lost)}, which are none here", where=where(),
            next_step="say which of your levels they are: 'level_aliases: {" + f"{lost[0]}: {own.names[-1]}" + "}'",
        )  # fmt: skip
    ranks = [own.level(name).rank for name in below.names]
    for lower, higher in pairwise(range(len(ranks))):
        if ranks[lower] > ranks[higher]:
            raise ConfigurationError(
                f"{below.names[lower]!r} is below {below.names[higher]!r} in what this policy extends, and above it here",
                where=where(), next_step="keep their order: rules that were written for one protect something else in another",
            )  # fmt: skip


def _checked(make: Callable[[], T], where: Callable[[], str]) -> T:
    try:
        return make()
    except ConfigurationError as error:
        raise ConfigurationError(error.what, where=where(), why=error.why, next_step=error.next_step) from None

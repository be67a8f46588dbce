"""Marks and fingerprints inside the journal's transaction: what a decision was based on is compared, then what passes is kept.

Over the journal's own connection, in the driver's words: this is on the hot path.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from wardstead.adapters.store.engine.dialect import Driver
from wardstead.kernel.labels import PUBLIC, STANDARD, Label, Levels, join_all
from wardstead.ledger.ports import Passage, Remembered

TOGETHER: Final = 4000
"""So many fingerprints are looked for in one statement."""
Known = Mapping[bytes, list[tuple[str, bool, Label]]]
"""By fingerprint: (owner, long, label) of each time it was kept."""

_FOUND = "SELECT level, compartments, version, vault FROM conversation WHERE id = ? AND owner = ?"
_BEGIN = (
    "INSERT INTO conversation (id, owner, level, compartments, version, vault, created_ms, changed_ms) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_CHANGE = "UPDATE conversation SET level = ?, compartments = ?, version = ?, vault = ?, changed_ms = ? WHERE id = ?"
_PLACE = "INSERT INTO said_in (exchange, conversation) VALUES (?, ?) ON CONFLICT DO NOTHING"
_KEEP = (
    "INSERT INTO fingerprint (mark, owner, conversation, level, compartments, long, time_ms) VALUES (?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (mark, owner, conversation, level, compartments) DO UPDATE SET time_ms = excluded.time_ms"
)

_USE = "UPDATE review SET used_ms = ? WHERE exchange = ? AND owner = ? AND verdict = 'released' AND used_ms = 0 AND until_ms > ?"


def columns_of(label: Label) -> tuple[str, str]:
    """A label as the columns ``level`` and ``compartments``."""
    return label.level.name, ",".join(sorted(label.compartments))


def label_of(level: str, compartments: str, levels: Levels) -> Label:
    """The label in two columns. A level that is not known, such as one that the policy no longer has, is above all."""
    return levels.stored(level, [part for part in compartments.split(",") if part])


def known_fingerprints(connection: Driver, marks: Iterable[bytes], levels: Levels = STANDARD) -> Known:
    """Which of them were kept."""
    wanted = list(set(marks))
    found: dict[bytes, list[tuple[str, bool, Label]]] = {}
    for at in range(0, len(wanted), TOGETHER):
        some = wanted[at : at + TOGETHER]
        places = ",".join("?" * len(some))
        query = f"SELECT mark, owner, long, level, compartments FROM fingerprint WHERE mark IN ({places})"  # noqa: S608 -- only question marks
        for mark, owner, long, level, compartments in connection.execute(query, some):
            found.setdefault(bytes(mark), []).append((owner, bool(long), label_of(level, compartments, levels)))
    return found


def cited_label(known: Known, owner: str, cited: Iterable[bytes]) -> Label:
    """The join of the labels of those texts: of short ones only where they are the owner's own."""
    if not known:
        return PUBLIC
    return join_all(
        label for mark in cited if mark in known for whose, long, label in known[mark] if long or whose == owner
    )  # fmt: skip


def conversation_now(connection: Driver, owner: str, conversation: str, levels: Levels) -> Remembered:
    """What is remembered of a conversation; nothing of somebody else's."""
    row = connection.execute(_FOUND, (conversation, owner)).fetchone()
    if row is None:
        return Remembered()
    return Remembered(row[2], label_of(row[0], row[1], levels), row[3] or b"")


def keep_place(connection: Driver, exchange: str, conversation: str) -> None:
    """Note to which conversation an exchange belongs."""
    connection.execute(_PLACE, (exchange, conversation))


def enter(connection: Driver, passage: Passage, now_ms: int, *, checked: bool, levels: Levels = STANDARD) -> bool:
    """Carry a passage out. False: the conversation is not what the decision was based on (``checked``), and nothing was done.

    INVARIANT: a mark only rises here.
    """
    present = None
    if passage.conversation:
        present = conversation_now(connection, passage.owner, passage.conversation, levels)
    if checked and present is not None and present.version != passage.version:
        return False
    if passage.release and not _use_up(connection, passage, now_ms):
        return False
    if present is not None:
        _raise(connection, passage, present, now_ms)
    if passage.made:
        rows = [
            (one.mark, passage.owner, passage.conversation, *columns_of(label), one.long, now_ms) for one, label in passage.made
        ]
        connection.executemany(_KEEP, rows)
    return True


def _use_up(connection: Driver, passage: Passage, now_ms: int) -> bool:
    """Whether the release was still there: of two intents that rest on it, one passes."""
    return connection.execute(_USE, (now_ms, passage.release, passage.owner, now_ms)).rowcount == 1


def _raise(connection: Driver, passage: Passage, present: Remembered, now_ms: int) -> None:
    mark = present.mark.join(passage.label)
    vault = present.vault if passage.vault is None else passage.vault
    if mark == present.mark and vault == present.vault:
        return
    # Of the clock, and rising: a row that was removed and made anew never has a version that somebody still remembers.
    version = max(present.version + 1, now_ms)
    if present.version:
        connection.execute(_CHANGE, (*columns_of(mark), version, vault or None, now_ms, passage.conversation))
    else:
        values = (passage.conversation, passage.owner, *columns_of(mark), version, vault or None, now_ms, now_ms)
        connection.execute(_BEGIN, values)

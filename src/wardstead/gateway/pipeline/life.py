"""The life of an exchange as a table: every state, and where it may go. The picture in the documentation is drawn from it."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where an exchange is on the road."""

    RECEIVED = "received"
    IDENTIFIED = "identified"
    PARSED = "parsed"
    INSPECTED = "inspected"
    DECIDED = "decided"
    INTENDED = "intended"
    """The intent is durable: from here on an outcome will be recorded, if need be by the recorder as ``unknown``."""
    FORWARDED = "forwarded"
    ANSWERING = "answering"
    """Answer bytes are leaving."""
    CONCLUDED = "concluded"
    """The outcome is durable: the end of the answer may leave."""
    DONE = "done"
    REFUSED = "refused"
    """Not carried out; the caller got a clear error. Nothing is recorded of it."""
    ABORTED = "aborted"
    """The connection ended without the dialect's normal end."""


TRANSITIONS: Final[dict[State, frozenset[State]]] = {
    State.RECEIVED: frozenset({State.IDENTIFIED, State.REFUSED}),
    State.IDENTIFIED: frozenset({State.PARSED, State.REFUSED}),
    State.PARSED: frozenset({State.INSPECTED, State.REFUSED}),
    State.INSPECTED: frozenset({State.DECIDED, State.REFUSED}),
    State.DECIDED: frozenset({State.INTENDED, State.IDENTIFIED, State.REFUSED}),
    State.INTENDED: frozenset({State.FORWARDED, State.CONCLUDED, State.ABORTED}),
    State.FORWARDED: frozenset({State.ANSWERING, State.CONCLUDED, State.ABORTED}),
    State.ANSWERING: frozenset({State.CONCLUDED, State.ABORTED}),
    State.CONCLUDED: frozenset({State.DONE, State.ABORTED}),
    State.DONE: frozenset(),
    State.REFUSED: frozenset(),
    State.ABORTED: frozenset(),
}
"""DECIDED goes back to IDENTIFIED when the intent was stale: the directory or the policy changed, so decide again."""
UNCONCLUDED: Final = frozenset({State.DECIDED, State.INTENDED, State.FORWARDED, State.ANSWERING, State.ABORTED})
"""An exchange that ends here may have an intent without an outcome."""

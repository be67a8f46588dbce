"""What a detector says about a text, and what policy makes of it."""

from __future__ import annotations

from enum import IntEnum

import msgspec

from wardstead.kernel.labels import PUBLIC, Label


class Action(IntEnum):
    """What happens to a finding, ordered: the strictest of several wins."""

    ALLOW = 0
    FLAG = 1
    """It goes on, and is marked for people to look at."""
    PSEUDONYMISE = 2
    """A stand-in takes its place; the same person gets the original back in the same conversation."""
    MASK = 3
    """All but its end is hidden: ``************1111``."""
    REDACT = 4
    HOLD = 5
    """Nothing goes on until somebody has reviewed it; what was held back is kept for them."""
    BLOCK = 6

    @property
    def replaces(self) -> bool:
        """Whether the text goes on without what was found."""
        return Action.PSEUDONYMISE <= self <= Action.REDACT

    @property
    def stops(self) -> bool:
        """Whether the text does not go on."""
        return self >= Action.HOLD


class Finding(msgspec.Struct, frozen=True):
    """``text[start:end]`` (characters, before any change) is a ``type``. Never holds the text itself.

    ``score`` (0 to 1) is how sure a model is; patterns with a checksum, dictionaries and the like are sure. ``combination``
    is the policy's name for what it is together with others.
    """

    type: str
    start: int
    end: int
    label: Label = PUBLIC
    action: Action = Action.ALLOW
    score: float = 1.0
    combination: str = ""

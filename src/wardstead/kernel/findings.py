"""What a detector says about a text, and what policy makes of it."""

from __future__ import annotations

from enum import IntEnum

import msgspec

from wardstead.kernel.labels import PUBLIC, Label


class Action(IntEnum):
    """What happens to a finding, ordered: the strictest of several wins."""

    ALLOW = 0
    REDACT = 1
    BLOCK = 2


class Finding(msgspec.Struct, frozen=True):
    """``text[start:end]`` (characters, before any redaction) is a ``type``. Never holds the text itself."""

    type: str
    start: int
    end: int
    label: Label = PUBLIC
    action: Action = Action.ALLOW

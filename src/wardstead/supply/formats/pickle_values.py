"""What a pickle's instructions make, as far as the machine that goes through them has to know it."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

KEPT_ITEMS: Final = 64
"""Of a container, so many items are kept: nothing that is looked at has more."""
BUDGET: Final = 5_000_000
"""Instructions of one file: the pickles of large models have some hundred thousand."""


class Global(NamedTuple):
    """A class or a function, by name."""

    module: str
    name: str


class Made:
    """What a call made, with its state."""

    __slots__ = ("arguments", "by", "state")

    def __init__(self, by: Any, arguments: Any) -> None:
        self.by = by
        self.arguments = arguments
        self.state: Any = None


class Items:
    """A list, a tuple, a set or a dictionary (keys and values in turn), cut to its first items."""

    __slots__ = ("values",)

    def __init__(self, values: list[Any]) -> None:
        self.values = values[:KEPT_ITEMS]

    def add(self, values: list[Any]) -> None:
        """Behind the others."""
        if len(self.values) < KEPT_ITEMS:
            self.values += values[: KEPT_ITEMS - len(self.values)]

    def get(self, key: str) -> Any:
        """What stands under a key: the last that was put there, as in a dictionary."""
        pairs = zip(self.values[::2], self.values[1::2], strict=False)
        return next((value for name, value in [*pairs][::-1] if name == key), None)


class Rules(NamedTuple):
    """What the format around a pickle allows."""

    persistent: bool = False
    """Persistent ids, as PyTorch writes them for storages."""
    script: bool = False
    """Classes of TorchScript, which its own reader makes without Python."""


class Budget:
    """Of instructions, for all pickles of a file."""

    def __init__(self, left: int = BUDGET) -> None:
        self.left = left


class Unknown:
    """A value that matters to nothing."""


ANY: Final = Unknown()

"""The power goes at a step: what is wrapped by ``cut_after`` raises ``Cut`` from a certain call on."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any


class Cut(Exception):
    """The process ended here."""


def cut_after(steps: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Wraps functions, which are counted together: so many calls are made, each later one raises ``Cut``."""
    numbers = count()

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **named: Any) -> Any:
            if next(numbers) >= steps:
                raise Cut
            return real(*arguments, **named)

        return step

    return counted

"""For how long something is asked for, as a form gives it."""

from __future__ import annotations

from wardstead.kernel.errors import CallerError


class NotHours(CallerError):
    """What was given is no number of hours."""

    code = "bad_value"


def hours(text: str) -> float:
    """Raises ``NotHours``. What is no finite number of hours is refused where it is asked for."""
    try:
        found = float(text)
    except ValueError:
        raise NotHours(f"not a number of hours: {text[:20]!r}", next_step="write 1, or 0.5") from None
    return found if 0 < found < 1000 else 0.0

"""Text that others wrote, made fit to be shown."""

from __future__ import annotations


def harmless(text: str) -> str:
    """``text`` with a mark for every character that would steer a terminal or rearrange a line, or cannot be written."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)

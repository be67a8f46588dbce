"""Where an exception came from. Only that may be logged of one: its text may quote what was sent."""

from __future__ import annotations

from types import TracebackType


def origin(trace: TracebackType | None) -> str:
    """``file:line`` of the innermost frame; empty without a traceback."""
    if trace is None:
        return ""
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"

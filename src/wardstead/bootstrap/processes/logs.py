"""Logs: one JSON object a line on standard error, escaped, without content."""

from __future__ import annotations

import json
import logging
import sys

from wardstead.kernel.clock import rfc3339
from wardstead.kernel.traces import origin


class JsonLines(logging.Formatter):
    """Formats a record as one line. Of an exception only its type is logged: its text may quote what was sent."""

    def __init__(self, role: str) -> None:
        """``role`` names the process."""
        super().__init__()
        self._role = role

    def format(self, record: logging.LogRecord) -> str:
        """One JSON object."""
        line: dict[str, object] = {
            "time": rfc3339(int(record.created * 1000)),
            "level": record.levelname.lower(),
            "role": self._role,
            "logger": record.name,
            "message": record.getMessage() if record.name.startswith("wardstead") else record.msg,
        }
        fields = getattr(record, "fields", None)
        if isinstance(fields, dict):
            line.update(fields)
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = record.exc_info[0].__name__
            line["at"] = origin(record.exc_info[2])
        return json.dumps(line, default=str)


def log_to_stderr(level: str, role: str) -> None:
    """Send all logs to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(role))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)

"""How long what was said is shown: as long as policy gave to its label when it was recorded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any


def within_retention(opened: Mapping[str, Any], now: int) -> Mapping[str, Any]:
    """An opened exchange as it may be shown: without what was said, and ``expired``, when its retention is over.

    Each entry carries the days that policy gave to its label when it was written; the shortest counts, from the beginning.
    """
    contents = [one["content"] for one in opened["entries"] if one["content"]]
    days = [one["retention_days"] for one in contents if one.get("retention_days") is not None]
    begun = datetime.fromisoformat(opened["entries"][0]["time"])
    if not days or now < (begun + timedelta(days=min(days))).timestamp() * 1000:
        return {**opened, "expired": False}
    return {**opened, "expired": True, "entries": [{**one, "content": None} for one in opened["entries"]]}

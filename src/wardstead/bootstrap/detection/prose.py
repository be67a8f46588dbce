"""The detector of what stands in prose: addresses, dates, people with their titles."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from wardstead.inspection.entities.prose import ProseDetector, load_phrases


@cache
def prose() -> ProseDetector:
    """With the phrases that ship with the product, compiled once in a process."""
    folder = files("wardstead.catalogues") / "prose"
    return ProseDetector(
        load_phrases({f"prose/{one.name}": one.read_text("utf-8") for one in folder.iterdir() if one.name.endswith(".yaml")})
    )

"""The patterns that ship with the product."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from wardstead.inspection.patterns.catalogue import Detector, load_catalogues


@cache
def patterns(beginning: str = "") -> tuple[Detector, ...]:
    """Those of all files, or of those whose names begin so: read once in a process, for reading takes a second."""
    folder = files("wardstead.catalogues") / "detectors"
    named = (one for one in folder.iterdir() if one.name.startswith(beginning) and one.name.endswith(".yaml"))
    return load_catalogues({f"detectors/{one.name}": one.read_text("utf-8") for one in named})

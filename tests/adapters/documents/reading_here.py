"""The readers in this process: fast enough for many documents. What they do in the sandbox is tried in ``test_sandboxed.py``."""

from __future__ import annotations

from wardstead.adapters.documents.reader.kinds import read as read_document
from wardstead.adapters.documents.reader.reading import Limits, Problem, Reading
from wardstead.adapters.documents.sandboxed import problem_of
from wardstead.inspection.extraction import Extracted, Part

LIMITS = Limits(expanded=16 << 20, text=4 << 20, members=200, depth=6)


def _inside(reading: Reading, data: bytes, path: tuple[str, ...], depth: int) -> None:
    read_document(reading, data, path, depth)


def read(data: bytes, name: str, limits: Limits = LIMITS) -> Extracted:
    reading = Reading(limits, _inside)
    try:
        kind = read_document(reading, data, (name,), 0)
    except Problem as problem:
        raise problem_of({"code": problem.code, "what": problem.what, "path": list(problem.path)}) from None
    return Extracted(
        name, kind, tuple(Part(one.path, one.text, one.kind, one.hidden) for one in reading.pieces), tuple(reading.warnings)
    )

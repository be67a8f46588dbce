"""Runs inside the sandbox: reads one document from standard input, writes what is in it to standard output.

Stands alone, as the package ``reader`` beside it. In: a line of JSON, then the document.
Out: an R once it runs, eight bytes of length, JSON.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
from typing import Any


def main() -> None:
    """Read one document."""
    settings = json.loads(sys.stdin.buffer.readline())
    for limit, most in (("AS", settings["memory_bytes"]), ("CPU", settings["cpu_s"]), ("FSIZE", 0), ("CORE", 0), ("NOFILE", 64)):
        which = getattr(resource, f"RLIMIT_{limit}")
        _, hard = resource.getrlimit(which)
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(which, (allowed, allowed))
    sys.stdout.buffer.write(b"R")
    sys.stdout.buffer.flush()
    data = sys.stdin.buffer.read()
    sys.path[:0] = settings["import_from"]
    # A document's nesting is bounded by its readers; what recurses all the same ends as an error, not as a full stack.
    sys.setrecursionlimit(2000)
    answer = json.dumps(read(data, settings), ensure_ascii=False).encode("utf-8", "replace")
    sys.stdout.buffer.write(len(answer).to_bytes(8, "big") + answer)
    sys.stdout.buffer.flush()


def read(data: bytes, settings: dict[str, Any]) -> dict[str, object]:
    """The pieces and warnings, or the problem."""
    # The package beside this file, which has no name of its own outside the sandbox.
    kinds, found = importlib.import_module("reader.kinds"), importlib.import_module("reader.reading")

    def inside(reading: Any, inner: bytes, path: tuple[str, ...], depth: int) -> None:
        kinds.read(reading, inner, path, depth)

    reading = found.Reading(found.Limits(**settings["limits"]), inside)
    try:
        kind = kinds.read(reading, data, (settings["name"],), 0)
    except found.Problem as problem:
        return {"problem": {"code": problem.code, "what": problem.what, "path": problem.path, "next_step": problem.next_step}}
    except MemoryError:
        return {"problem": {"code": "too_large", "what": "it needs too much memory", "path": [settings["name"]], "next_step": ""}}
    pieces = [[one.path, one.text, one.kind, one.hidden] for one in reading.pieces]
    return {"kind": kind, "pieces": pieces, "warnings": reading.warnings}


if __name__ == "__main__":
    main()

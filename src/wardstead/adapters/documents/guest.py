"""Runs inside the sandbox: reads one document from standard input, writes what is in it to standard output.

Stands alone, as the package ``reader`` beside it. In: a line of JSON, then the document.
Out: an R once it runs, eight bytes of length, JSON.
"""

from __future__ import annotations

import json
import resource
import sys


def main() -> None:
    """Read one document."""
    settings = json.loads(sys.stdin.buffer.readline())
    for limit, most in (("AS", settings["memory_bytes"]), ("CPU", settings["cpu_s"]), ("FSIZE", 0), ("CORE", 0), ("NOFILE", 64)):
        resource.setrlimit(getattr(resource, f"RLIMIT_{limit}"), (most, most))
    sys.stdout.buffer.write(b"R")
    sys.stdout.buffer.flush()
    data = sys.stdin.buffer.read()
    sys.path[:0] = settings["import_from"]
    # A document's nesting is bounded by its readers; what recurses all the same ends as an error, not as a full stack.
    sys.setrecursionlimit(2000)
    answer = json.dumps(read(data, settings), ensure_ascii=False).encode("utf-8", "replace")
    sys.stdout.buffer.write(len(answer).to_bytes(8, "big") + answer)
    sys.stdout.buffer.flush()


def read(data: bytes, settings: dict[str, object]) -> dict[str, object]:
    """The pieces and warnings, or the problem."""
    from reader.kinds import read as read_document  # type: ignore[import-not-found]  # beside this file in the sandbox
    from reader.reading import Limits, Problem, Reading  # type: ignore[import-not-found]

    def inside(reading: Reading, inner: bytes, path: tuple[str, ...], depth: int) -> None:
        read_document(reading, inner, path, depth)

    reading = Reading(Limits(**settings["limits"]), inside)  # type: ignore[arg-type]
    try:
        kind = read_document(reading, data, (str(settings["name"]),), 0)
    except Problem as problem:
        return {"problem": {"code": problem.code, "what": problem.what, "path": problem.path, "next_step": problem.next_step}}
    except MemoryError:
        return {"problem": {"code": "too_large", "what": "it needs too much memory", "path": [settings["name"]], "next_step": ""}}
    pieces = [[one.path, one.text, one.kind, one.hidden] for one in reading.pieces]
    return {"kind": kind, "pieces": pieces, "warnings": reading.warnings}


if __name__ == "__main__":
    main()

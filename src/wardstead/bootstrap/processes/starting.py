"""The files that count from a start on: settings, dictionaries, indexes, thresholds. A worker notes which it started with.

So the posture can say that the folder holds something else by now, which nothing looks for yet.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from wardstead.adapters.store.engine.durable_file import write_durably
from wardstead.bootstrap.deployment import Deployment

_PREFIX: Final = "started."
_UNREADABLE: Final = "unreadable"


def files(deployment: Deployment) -> Mapping[str, str]:
    """By name, the digest of each as it is now."""
    places = deployment.places
    known = (*(places.policies / "dictionaries").glob("*"), *(places.policies / "known").glob("*.index"))
    there = (one for one in (places.config, places.policies / "thresholds.yaml", *known) if one.exists())
    return {one.relative_to(places.directory).as_posix(): _digest_now(one) for one in there}


def note(deployment: Deployment, started_with: Mapping[str, str]) -> None:
    """Say which files this worker started with."""
    with contextlib.suppress(OSError):  # a full disk: what has changed since is not told
        write_durably(deployment.places.run / f"{_PREFIX}{os.getpid()}", [json.dumps(dict(started_with)).encode()])


def changed(deployment: Deployment) -> list[str]:
    """The files that are others than those that a running worker started with, each with what became of it."""
    now = files(deployment)
    found = set()
    for before in _noted(deployment):
        found |= {f"{name} (gone)" for name in before.keys() - now.keys()}
        found |= {f"{name} (new)" for name in now.keys() - before.keys()}
        found |= {f"{name} (changed)" for name in now.keys() & before.keys() if now[name] != before[name]}
    return sorted(found)


def _noted(deployment: Deployment) -> Iterator[Mapping[str, str]]:
    for path in deployment.places.run.glob(f"{_PREFIX}*"):
        if not Path(f"/proc/{path.name.removeprefix(_PREFIX)}").exists():
            path.unlink(missing_ok=True)
            continue
        with contextlib.suppress(OSError, ValueError):
            said = json.loads(path.read_bytes())
            if isinstance(said, dict):
                yield said


def _digest_now(path: Path) -> str:
    try:
        status = path.stat()
        return _digest(path, status.st_mtime_ns, status.st_size) if path.is_file() else _UNREADABLE
    except OSError:
        return _UNREADABLE


@functools.lru_cache(maxsize=256)
def _digest(path: Path, mtime_ns: int, size: int) -> str:
    """Of a file as it was then: a long dictionary is not read for each look at the posture."""
    del mtime_ns, size
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

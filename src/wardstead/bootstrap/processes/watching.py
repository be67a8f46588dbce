"""Whether the detectors of what runs do work: a worker notes one that failed when it was last asked, and the posture reads it.

A note is an empty file beside the worker's other ones, named by the worker's process and the detector. It is removed when the
detector works again, and does not count once the worker is gone.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from wardstead.bootstrap.deployment import Deployment
from wardstead.inspection.ports import Span, TextDetector
from wardstead.kernel.errors import DetectorOverwhelmed

_PREFIX: Final = "failing."


class Watched:
    """A ``TextDetector`` that notes whether the one that it asks failed."""

    def __init__(self, detector: TextDetector, run: Path) -> None:
        """``run``: the folder of what runs now."""
        self._detector = detector
        self._note = run / f"{_PREFIX}{os.getpid()}.{detector.id}"
        self._failed = False
        self.id, self.version, self.types = detector.id, detector.version, detector.types
        self.directions, self.origins = detector.directions, detector.origins
        self.marks, self.slow, self.cuts = detector.marks, detector.slow, detector.cuts

    def detect(self, texts: Sequence[str]) -> Sequence[Sequence[Span]]:
        """See ``TextDetector.detect``."""
        try:
            found = self._detector.detect(texts)
        except DetectorOverwhelmed:
            raise  # says something of the text
        except Exception:
            self._failed = True
            with contextlib.suppress(OSError):  # a full disk: the verdict is failed all the same
                self._note.touch()
            raise
        if self._failed:
            self._failed = False
            with contextlib.suppress(OSError):
                self._note.unlink(missing_ok=True)
        return found


def failing(deployment: Deployment) -> list[str]:
    """The detectors that failed when a running worker last asked them."""
    found = set()
    for note in deployment.places.run.glob(f"{_PREFIX}*"):
        pid, _, name = note.name.removeprefix(_PREFIX).partition(".")
        if pid.isdecimal() and Path(f"/proc/{pid}").exists():
            found.add(name)
        else:
            note.unlink(missing_ok=True)
    return sorted(found)

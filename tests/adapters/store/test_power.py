"""Power cuts: at each write, what was not synced is dropped, or comes out in pieces. Nothing acknowledged is lost, nothing forks.

What a process does to its files is noted by a library that is loaded before the system's (``power.c``); the disk is then rebuilt
as it could have been at each of these moments. The model: what was written to a file since its last sync may be there or not,
write by write, in any order; names that were made, taken away or moved come in order, and those behind the last sync of their
folder may be missing. ``WARDSTEAD_CUTS``: pieces are tried at each so many-th write (8 by default; 1 tries all).
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.adapters.store.deployment import Deployment, deploy, now_ms
from tests.adapters.store.powered import EXCHANGES

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
EVERY = int(os.environ.get("WARDSTEAD_CUTS", "8"))
COMPILER = shutil.which("cc")
pytestmark = [pytest.mark.faults, pytest.mark.skipif(COMPILER is None, reason="no C compiler")]


@dataclass(frozen=True)
class Operation:
    what: str
    path: str
    offset: int
    data: bytes


def operations(trace: bytes) -> Iterator[Operation]:
    at = 0

    def take(size: int) -> bytes:
        nonlocal at
        at += size
        return trace[at - size : at]

    while at < len(trace):
        what, path = take(1).decode(), take(int.from_bytes(take(8), "little")).decode()
        offset = int.from_bytes(take(8), "little")
        yield Operation(what, path, offset, take(int.from_bytes(take(8), "little")))


@dataclass
class File:
    synced: bytes = b""
    since: list[Operation] = field(default_factory=list)

    def content(self, keep: list[Operation]) -> bytes:
        content = bytearray(self.synced)
        for one in keep:
            if one.what == "t":
                content[one.offset :] = bytes(max(0, one.offset - len(content)))
            else:
                content[len(content) :] = bytes(max(0, one.offset - len(content)))
                content[one.offset : one.offset + len(one.data)] = one.data
        return bytes(content)


class Disk:
    """What a disk was told, and what of it is certain."""

    def __init__(self, folder: Path) -> None:
        files = (path for path in folder.rglob("*") if path.is_file() and not path.name.endswith("-shm"))
        self.names = {str(path): File(path.read_bytes()) for path in files}
        self.certain = dict(self.names)
        """Names that survive; those since are in ``unsure``, in order."""
        self.unsure: list[Operation] = []

    def take(self, one: Operation) -> None:
        """What a process did."""
        if one.what in "wt":
            self._made(one.path).since.append(one)
        elif one.what == "c":
            self._made(one.path)
        elif one.what in "ur":
            file = self.names.pop(one.path)
            if one.what == "r":
                self.names[one.data.decode()] = file
            self.unsure.append(one)
        elif one.path in self.names:
            file = self.names[one.path]
            file.synced, file.since = file.content(file.since), []
            self.certain.setdefault(one.path, file)
        else:  # a folder
            self.certain, self.unsure = dict(self.names), []

    def _made(self, path: str) -> File:
        if path not in self.names:
            self.names[path] = File()
        return self.names[path]

    def after_a_cut(self, chance: random.Random | None) -> dict[str, bytes]:
        """Every file as it may be; without ``chance`` all that was not synced is dropped."""
        names = dict(self.certain)
        for one in self.unsure[: chance.randint(0, len(self.unsure)) if chance else 0]:
            file = names.pop(one.path, None) or self.names.get(one.data.decode())
            if one.what == "r" and file is not None:
                names[one.data.decode()] = file
        found = {}
        for path, file in names.items():
            kept = [one for one in file.since if chance.random() < 0.5] if chance else []
            if chance and chance.random() < 0.3:
                chance.shuffle(kept)
            found[path] = file.content(kept)
        return found


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Disk, list[Operation]]:
    """A deployment's folder, its disk before, and what a process did to it."""
    made = tmp_path_factory.mktemp("power")
    folder, library, trace = made / "deployment", made / "power.so", made / "trace"
    folder.mkdir()
    subprocess.run([str(COMPILER), "-shared", "-fPIC", "-O1", "-o", library, HERE / "power.c", "-ldl"], check=True)
    first = deploy(folder)
    first.record()
    first.keys.close()
    first.engine.dispose()
    disk = Disk(folder)
    traced = {"LD_PRELOAD": str(library), "TRACED": str(folder), "TRACE": str(trace)}
    environment = {**os.environ, **traced, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    subprocess.run([sys.executable, HERE / "powered.py", folder], check=True, cwd=ROOT, env=environment, timeout=120)
    done = [one for one in operations(trace.read_bytes()) if not one.path.endswith(("-shm", "/reserve", ".turn"))]
    return folder, disk, done


def lay_out(folder: Path, files: dict[str, bytes], target: Path) -> Deployment:
    for path, content in files.items():
        place = target / Path(path).relative_to(folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        place.chmod(0o600)
    return deploy(target)


def hold_to_it(deployment: Deployment, promised: list[list[str]]) -> None:
    """What was acknowledged is there; the ledger extends all that was signed, before and after it goes on."""
    rows = {(one.id, bool(one.outcome)) for one in deployment.reader.recent(1000)}
    for kind, exchange in promised:
        assert (exchange, True) in rows or (kind == "intent" and (exchange, False) in rows), f"{kind} {exchange} is lost"
    kept = [path.read_text() for path in (deployment.folder / "state" / "checkpoint", deployment.signed) if path.is_file()]
    for _ in range(2):
        report = deployment.reader.verify(clock=now_ms, known=kept)
        assert report.problems == [], report.problems
        deployment.record()
    assert len(deployment.reader.verify_contents(deployment.ring).problems) == 0


@pytest.mark.parametrize("way", ["all that was not synced is dropped", "it comes out in pieces"])
def test_no_power_cut_loses_or_forks_anything(recorded: tuple[Path, Disk, list[Operation]], tmp_path: Path, way: str) -> None:
    folder, before, done = recorded
    disk, chance = Disk(folder / "nothing"), random.Random(20261126)
    disk.names = {path: File(file.synced) for path, file in before.names.items()}
    disk.certain = dict(disk.names)
    acknowledged = str(folder / "acknowledged")
    promised: list[list[str]] = []
    last: dict[str, bytes] = {}
    tried, pieces = 0, way != "all that was not synced is dropped"
    for number, one in enumerate(done):
        if one.path == acknowledged:
            promised += [line.split() for line in one.data.decode().splitlines()]
            continue
        disk.take(one)
        if pieces and number % EVERY:
            continue
        files = disk.after_a_cut(chance if pieces else None)
        if files == last:
            continue
        last, tried = files, tried + 1
        deployment = lay_out(folder, files, tmp_path / str(number))
        try:
            hold_to_it(deployment, promised)
        finally:
            deployment.keys.close()
            deployment.engine.dispose()
            shutil.rmtree(tmp_path / str(number))
    assert len(promised) == 2 * EXCHANGES
    assert tried > 3 * EXCHANGES

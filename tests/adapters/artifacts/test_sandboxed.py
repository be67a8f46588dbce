"""What parses model files: the same findings as anywhere, nothing within reach, and an end to what would have none."""

from __future__ import annotations

import json
import os
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest
from bench.supply.corpus import corpus

from wardstead.adapters.artifacts import guest, sandboxed
from wardstead.adapters.artifacts.files import OpenFile, entries
from wardstead.adapters.artifacts.sandboxed import Isolation, Looked, Parsers, ScannerUnavailable
from wardstead.isolation.seccomp import encode, reading
from wardstead.supply.inner_texts import InnerTexts
from wardstead.supply.scan import Around, look

BARE = Isolation(None, "there is none")


def looked(parsers: Parsers, path: Path, name: str = "") -> Looked:
    with OpenFile(path, name or path.name) as file:
        parsers.begin(file)
        return parsers.looked(file)


def test_the_sandbox_finds_in_every_file_what_is_found_outside(tmp_path: Path) -> None:
    files = 0
    with Parsers() as parsers:
        for case in list(corpus())[::4]:
            for entry in entries(case.write(tmp_path)):
                if entry.problem is None:
                    with OpenFile(entry.path, entry.name) as file:
                        parsers.begin(file, ["a", "b"])
                        texts = InnerTexts()
                        kind, findings = look(file, Around(frozenset("ab")), texts)
                        assert parsers.looked(file) == Looked(kind, findings, tuple(texts.found)), case
                    files += 1
    assert files > 150


def test_a_name_that_is_no_text_is_a_name(tmp_path: Path) -> None:
    path = tmp_path / "\udcff.json"
    path.write_text('{"auto_map": {"AutoModel": "a.B"}}')
    with Parsers() as parsers:
        (finding, *_) = looked(parsers, path).findings
    assert finding.file == "\udcff.json"


def test_what_needs_too_much_is_a_finding_and_the_next_file_is_read(tmp_path: Path) -> None:
    giant, small = tmp_path / "giant.json", tmp_path / "small.json"
    giant.write_text(json.dumps([{str(number): number} for number in range(300_000)]))
    small.write_text("{}")
    with ExitStack() as stack:
        poor = stack.enter_context(Parsers(memory_bytes=160 << 20))
        for parsers, name in ((poor, "memory"), (stack.enter_context(Parsers(cpu_s=0)), "seconds")):
            (finding,) = looked(parsers, giant).findings
            assert finding.rule in {"parser-ended", "unparsed"}, name
        assert looked(poor, small) == Looked("config", ())


def test_where_there_is_no_sandbox_a_process_of_its_own_does_it(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"auto_map": {"AutoModel": "a.B"}}')
    with Parsers(BARE) as bare, Parsers() as parsers:
        assert looked(bare, path) == looked(parsers, path)


def test_what_looks_at_a_file_reaches_nobody_starts_nothing_and_writes_nothing(tmp_path: Path) -> None:
    hear, say = os.pipe()
    child = os.fork()
    if not child:
        settings = {"memory_bytes": 1 << 30, "filter": encode(reading(os.uname().machine)).hex()}
        guest._confine(settings, 60)
        for what in (socket.socketpair, os.fork, lambda: (tmp_path / "new").write_text("x"), lambda: os.kill(os.getppid(), 9)):
            try:
                what()
                os.write(say, b"open ")
            except OSError:
                os.write(say, b"shut ")
        os._exit(0)
    os.close(say)
    with os.fdopen(hear, "rb") as heard:
        assert heard.read() == b"shut shut shut shut "
    os.waitpid(child, 0)


ROGUE = """
import json, os, socket
asked = socket.socket(fileno=0)
def job():
    head, fds, _, _ = socket.recv_fds(asked, 4, 1)
    asked.recv(int.from_bytes(head, "big"))
job()
asked.sendall(b"R")
job()
said = {said!r}
asked.sendall(({status}).to_bytes(4, "big") + len(said).to_bytes(8, "big") + said)
"""


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (9, b""),
        (0, b"nonsense"),
        (0, json.dumps({"kind": "gguf", "findings": [["no-such-rule", "", "x", 0]]}).encode()),
        (0, json.dumps({"kind": "gguf", "findings": [], "verdict": "clean"}).encode()),
        (0, json.dumps({"facts": {"name": "x" * 5000}}).encode()),
    ],
)
def test_what_makes_no_sense_is_not_believed(status: int, said: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rogue, path = tmp_path / "rogue.py", tmp_path / "a.json"
    rogue.write_text(ROGUE.format(said=said, status=status))
    path.write_text("{}")
    monkeypatch.setattr(sandboxed, "_GUEST", rogue)
    with Parsers(BARE) as parsers:
        (finding,) = looked(parsers, path).findings
        assert (finding.rule, finding.file) == ("parser-ended", "a.json")


def test_what_does_not_start_is_no_clean_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken, path = tmp_path / "broken.py", tmp_path / "a.json"
    broken.write_text("raise SystemExit(3)")
    path.write_text("{}")
    monkeypatch.setattr(sandboxed, "_GUEST", broken)
    with Parsers(BARE) as parsers, pytest.raises(ScannerUnavailable):
        looked(parsers, path)

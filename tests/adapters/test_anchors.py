"""Git as it is run for an anchor."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wardstead.adapters.anchors import GitPlace
from wardstead.bootstrap.database import PASSWORD_VARIABLE


def test_git_is_handed_what_it_needs_and_no_secret_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program, seen = tmp_path / "bin" / "git", tmp_path / "seen"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nenv >'{seen}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/agent")
    monkeypatch.setenv(PASSWORD_VARIABLE, "the database's password")
    assert list(GitPlace("ssh://git.example/x.git", "anchors", "ledger", tmp_path / "clone").published()) == []
    handed = dict(line.split("=", 1) for line in seen.read_text().splitlines())
    assert PASSWORD_VARIABLE not in handed
    assert (handed["SSH_AUTH_SOCK"], handed["GIT_TERMINAL_PROMPT"]) == ("/run/agent", "0")

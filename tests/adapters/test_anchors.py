"""Places of anchors: git as it is run for one, and folders."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from wardstead.adapters import anchors
from wardstead.adapters.anchors import FolderPlace, GitPlace
from wardstead.bootstrap.database import PASSWORD_VARIABLE
from wardstead.kernel.errors import PeerError


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


def repository(folder: Path) -> Path:
    subprocess.run(["git", "init", "--quiet", "--bare", str(folder)], check=True)
    return folder


def test_threads_and_commands_use_one_copy_in_turn(tmp_path: Path) -> None:
    place = GitPlace(str(repository(tmp_path / "there.git")), "anchors", "ledger", tmp_path / "clone")

    def work(number: int) -> int:
        for step in range(3):
            place.publish({f"{number}-{step}": b"content"})
            assert f"{number}-{step}" in dict(place.published()), "what was pushed is there"
        return 3

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(work, range(3))) == 9
    assert len(list(GitPlace(place.url, "anchors", "ledger", tmp_path / "other").published())) == 9


def pushed(tmp_path: Path, place: GitPlace, make: Callable[[Path], object]) -> None:
    """What somebody else puts into the repository."""
    work = tmp_path / "theirs"
    subprocess.run(["git", "init", "--quiet", str(work)], check=True)
    make(work)
    who = ("-c", "user.name=x", "-c", "user.email=x@x", "-c", "commit.gpgsign=false")
    for words in (
        ("add", "--force", "."),
        (*who, "commit", "--quiet", "-m", "x"),
        ("push", "--quiet", place.url, "HEAD:refs/heads/anchors"),
    ):
        subprocess.run(["git", "-C", str(work), *words], check=True)


def test_what_somebody_puts_into_the_repository_leads_nowhere_out_of_the_copy(tmp_path: Path) -> None:
    place = GitPlace(str(repository(tmp_path / "there.git")), "anchors", "ledger", tmp_path / "clone")
    outside, secret = tmp_path / "outside", tmp_path / "secret"
    secret.write_bytes(b"a secret")

    def links(work: Path) -> None:
        (work / "ledger").mkdir()
        (work / "ledger" / "9.checkpoint").symlink_to(outside)
        (work / "ledger" / "8.checkpoint").symlink_to(secret)
        (work / ".gitignore").write_text("*")

    pushed(tmp_path, place, links)
    place.publish({"9.checkpoint": b"9", "10.checkpoint": b"10"})
    assert not outside.exists()
    there = dict(place.published())
    assert (there["10.checkpoint"], b"a secret" in there.values()) == (b"10", False)


@pytest.mark.parametrize(
    "make", [lambda work: (work / "ledger").symlink_to("/tmp"), lambda work: (work / "ledger").write_text("x")]
)
def test_a_folder_that_is_none_there_is_told(tmp_path: Path, make: Callable[[Path], object]) -> None:
    place = GitPlace(str(repository(tmp_path / "there.git")), "anchors", "ledger", tmp_path / "clone")
    pushed(tmp_path, place, make)
    with pytest.raises(PeerError, match="takes nothing"):
        place.publish({"10.checkpoint": b"10"})
    assert not Path("/tmp/10.checkpoint").exists()
    assert list(place.published()) == []


@pytest.mark.parametrize("left", [".git/index.lock", ".git/refs/remotes/origin/anchors.lock", ".git/config.lock"])
def test_a_git_that_was_killed_keeps_nobody_from_publishing(tmp_path: Path, left: str) -> None:
    place = GitPlace(str(repository(tmp_path / "there.git")), "anchors", "ledger", tmp_path / "clone")
    place.publish({"one": b"1"})
    (place.clone / left).parent.mkdir(parents=True, exist_ok=True)
    (place.clone / left).touch()
    place.publish({"two": b"2"})
    assert dict(place.published()) == {"one": b"1", "two": b"2"}


def test_a_copy_that_was_half_made_is_made(tmp_path: Path) -> None:
    place = GitPlace(str(repository(tmp_path / "there.git")), "anchors", "ledger", tmp_path / "clone")
    (place.clone / ".git").mkdir(parents=True)
    place.publish({"one": b"1"})
    assert dict(place.published()) == {"one": b"1"}


def test_where_no_copy_can_be_made_the_place_is_not_to_be_had(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    place = GitPlace(str(repository(tmp_path / "there.git")), "anchors", "ledger", tmp_path / "state" / "clone")
    with pytest.raises(PeerError, match="no copy"):
        list(place.published())


def test_a_file_that_a_full_disk_did_not_take_does_not_count_as_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = FolderPlace(tmp_path / "ledger")

    def full(_fd: int) -> None:
        raise OSError(errno.ENOSPC, "no space")

    with monkeypatch.context() as patched:
        patched.setattr(anchors.os, "fsync", full)
        with pytest.raises(PeerError, match="takes nothing"):
            place.publish({"one": b"1"})
    place.publish({"one": b"1"})
    assert dict(place.published()) == {"one": b"1"}
    (place.folder / "two").touch()  # in a folder in which nothing can be taken away
    with pytest.raises(PeerError, match="never written"):
        place.publish({"two": b"2"})

"""Places outside of a deployment where its checkpoints are published: a folder that only grows, a git repository.

A place holds a folder for each ledger, and in it one file for each checkpoint. Nothing there is ever written twice.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from wardstead.adapters.locks import alone_in
from wardstead.adapters.store.engine.durable_file import sync_folder
from wardstead.kernel.errors import PeerError

_MOST_BYTES = 64 * 1024
_GIT_S = 30.0
_HANDED = ("PATH", "HOME", "TZ", "SSH_AUTH_SOCK", "XDG_CONFIG_HOME", "https_proxy", "no_proxy")
"""What git needs of our environment; what opens keys or the database is there as well."""
_CAREFULLY = ("-c", "core.hooksPath=/dev/null", "-c", "protocol.ext.allow=never", "-c", "core.symlinks=false")
"""What whoever writes the repository puts there runs nothing here, and leads nowhere out of the copy."""


class AnchorPlace(Protocol):
    """Where files are published. Both raise ``PeerError`` when the place is not to be had."""

    def publish(self, files: Mapping[str, bytes]) -> None:
        """Add files that are not there yet; what is there stays as it is."""
        ...

    def published(self) -> Iterator[tuple[str, bytes]]:
        """All that is there now: names and contents."""
        ...


@dataclass(frozen=True, slots=True)
class FolderPlace:
    """A folder of another machine or owner, mounted here; it may be one in which nothing can be changed."""

    folder: Path

    def publish(self, files: Mapping[str, bytes]) -> None:
        """See ``AnchorPlace``. Nothing is renamed: in append-only folders nothing can be."""
        try:
            self.folder.mkdir(exist_ok=True)
            for name, content in files.items():
                _create(self.folder / name, content)
            sync_folder(self.folder)
        except OSError as error:
            raise PeerError("the folder takes nothing", where=str(self.folder), why=error.strerror or "") from None

    def published(self) -> Iterator[tuple[str, bytes]]:
        """See ``AnchorPlace``."""
        if not self.folder.parent.is_dir():
            raise PeerError("the folder is not there", where=str(self.folder.parent), next_step="is it mounted?")
        try:
            yield from _files_in(self.folder)
        except OSError as error:
            raise PeerError("the folder cannot be read", where=str(self.folder), why=error.strerror or "") from None


def _create(path: Path, content: bytes) -> None:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o444)
    except FileExistsError:
        if not path.stat().st_size:  # the disk was full, or the power went
            next_step = "remove it, where that can be done; the next checkpoint has a file of its own"
            raise PeerError("a file there was begun and never written", where=str(path), next_step=next_step) from None
        return
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        with suppress(OSError):  # in a folder in which nothing can be changed it stays, and does not count
            path.unlink()
        raise


def _files_in(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_file():
            with path.open("rb") as file:
                yield path.name, file.read(_MOST_BYTES)


@dataclass(frozen=True, slots=True)
class GitPlace:
    """A branch of a repository elsewhere, through a copy of it in ``clone``. It is pushed to, never by force.

    The copy is whoever's turn it is: threads and commands publish, verify and list through the same one.
    """

    url: str
    branch: str
    folder: str
    clone: Path

    def publish(self, files: Mapping[str, bytes]) -> None:
        """See ``AnchorPlace``."""
        with self._turn():
            try:
                self._publish(files)
            except OSError as error:
                raise PeerError("the copy takes nothing", where=str(self.clone), why=error.strerror or "") from None

    def _publish(self, files: Mapping[str, bytes]) -> None:
        self._fetch()
        place = self.clone / self.folder
        place.mkdir(exist_ok=True)
        fresh = {name: content for name, content in files.items() if not (place / name).exists()}
        if not fresh:
            return
        for name, content in fresh.items():
            (place / name).write_bytes(content)
        self._git("add", "--force", "--", self.folder)
        who = ("-c", "user.name=wardstead", "-c", "user.email=wardstead@localhost", "-c", "commit.gpgsign=false")
        self._git(*who, "commit", "--quiet", "--no-verify", "-m", f"{self.folder}: {', '.join(sorted(fresh))}")
        self._git("push", "--quiet", "--", self.url, f"HEAD:refs/heads/{self.branch}")

    def published(self) -> Iterator[tuple[str, bytes]]:
        """See ``AnchorPlace``."""
        with self._turn():
            self._fetch()
            found = list(_files_in(self.clone / self.folder))
        yield from found

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """What a git that was killed had locked is free again: nobody else is at it."""
        try:
            self.clone.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PeerError("no copy can be made here", where=str(self.clone), why=error.strerror or "") from None
        with alone_in(self.clone):
            inside = self.clone / ".git"
            for left in (*inside.glob("*.lock"), *(inside / "refs").rglob("*.lock")):
                with suppress(OSError):  # git says what is in its way
                    left.unlink()
            yield

    def _fetch(self) -> None:
        """Make the copy what the branch is now; a branch that is not there yet is empty."""
        self._git("init", "--quiet")  # also where that was broken off
        self._git("update-ref", "-d", f"refs/remotes/origin/{self.branch}")
        self._git("fetch", "--quiet", "--no-tags", "--", self.url, "+refs/heads/*:refs/remotes/origin/*")
        there = self._git("for-each-ref", "--format=%(refname)", f"refs/remotes/origin/{self.branch}")
        if there.strip():
            self._git("checkout", "--quiet", "--force", "--detach", f"refs/remotes/origin/{self.branch}")
        else:
            self._git("checkout", "--quiet", "--force", "--orphan", "empty")
            self._git("rm", "-r", "-f", "--quiet", "--ignore-unmatch", ".")
        self._git("clean", "-d", "-f", "-x", "--quiet")

    def _git(self, *arguments: str) -> str:
        """One command, which asks nobody anything, runs no hook and ends in time."""
        command = ["git", *_CAREFULLY, "-C", str(self.clone), *arguments]
        handed = {name: os.environ[name] for name in _HANDED if name in os.environ}
        environment = {**handed, "GIT_TERMINAL_PROMPT": "0", "GIT_SSH_COMMAND": "ssh -o BatchMode=yes", "LC_ALL": "C"}
        try:
            done = subprocess.run(  # noqa: S603 -- a list of arguments, no shell
                command, env=environment, capture_output=True, text=True, timeout=_GIT_S, check=False, stdin=subprocess.DEVNULL
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise PeerError("git did not end", where=self.url, why=type(error).__name__) from None
        if done.returncode:
            said = done.stderr.strip().splitlines()
            raise PeerError(f"git {_word(arguments)} failed", where=self.url, why=said[-1][:200] if said else "")
        return done.stdout


def _word(arguments: tuple[str, ...]) -> str:
    """The command among the arguments, for a message."""
    known = ("init", "update-ref", "fetch", "for-each-ref", "checkout", "rm", "clean", "add", "commit", "push")
    return next((one for one in arguments if one in known), "")

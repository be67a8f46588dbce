"""A PostgreSQL server in a folder, on a socket, for tests. It refuses to run as root, so then it runs as its package's user."""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import psycopg

_FOUND = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or [
    Path(one) for one in (shutil.which("initdb"),) if one is not None
]
PROGRAMS = _FOUND[-1].parent if _FOUND else None
INSTALLED = PROGRAMS is not None
USER = "wardstead"


class Server:
    """One server; stopped and removed by ``close``."""

    def __init__(self, settings: Sequence[str] = ()) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a socket's path must be short
        self._as: dict[str, object] = {}
        if os.getuid() == 0:
            who = pwd.getpwnam("postgres")
            os.chown(self.folder, who.pw_uid, who.pw_gid)
            self._as = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}
        self.folder.chmod(0o755)
        self.settings = [f"unix_socket_directories={self.folder}", "listen_addresses=", *settings]
        self._run("initdb", "-D", self.data, "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync")
        self.start()

    @property
    def data(self) -> str:
        return str(self.folder / "data")

    def start(self) -> None:
        options = " ".join(f"-c {one}" for one in self.settings)
        self._run("pg_ctl", "-D", self.data, "-w", "-l", str(self.folder / "log"), "-o", options, "start")

    def stop(self, mode: str = "immediate") -> None:
        self._run("pg_ctl", "-D", self.data, "-w", "-m", mode, "stop")

    def close(self) -> None:
        try:
            self.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def database(self, like: str = "template1") -> str:
        """The address of a new database: an empty one, or a copy."""
        name = f"w{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {like}")
        return self.url(name)

    def url(self, name: str) -> str:
        return f"postgresql://{USER}@/{name}?host={self.folder}"

    def _run(self, program: str, *arguments: str) -> None:
        assert PROGRAMS is not None
        command = [str(PROGRAMS / program), *arguments]
        done = subprocess.run(command, capture_output=True, cwd="/", timeout=60, check=False, **self._as)  # type: ignore[call-overload]
        assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()


def name_of(url: str) -> str:
    return url.split("/")[3].split("?", maxsplit=1)[0]


@cache
def shared() -> Server:
    """One for all tests of a process that need no server of their own; ended with the process. No test of it cuts power."""
    server = Server(["fsync=off", "max_connections=300"])
    atexit.register(server.close)
    return server


def wait_until(holds: object, within_s: float = 20.0) -> None:
    """Until ``holds()``; fails after a while that no test should need."""
    deadline = time.monotonic() + within_s
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not come to that in time"
        time.sleep(0.02)

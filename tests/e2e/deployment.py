"""A whole deployment, as a user starts one: ``wardstead init``, ``wardstead up --detach``, keys, ``wardstead down``."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from tests.ports import free_port

from wardstead.bootstrap.deployment import Deployment as Opened
from wardstead.bootstrap.detection.inspection import inspector

WARDSTEAD = Path(sys.executable).with_name("wardstead")


@dataclass
class Deployment:
    """A deployment folder, and the commands of its owner."""

    directory: Path
    port: int
    admin_secret: str = ""
    model: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    """What its owner's shell says beside the rest."""

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    @property
    def ca_file(self) -> str:
        return str(self.directory / "tls" / "ca.crt")

    @property
    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca_file)

    def run(self, *arguments: str, check: bool = True, timeout: float = 180) -> subprocess.CompletedProcess[str]:
        """``wardstead -C DIR …``."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("WARDSTEAD_")}
        environment |= self.environment
        done = subprocess.run(
            [str(WARDSTEAD), "-C", str(self.directory), *arguments],
            capture_output=True, text=True, timeout=timeout, check=False, env=environment, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        if check and done.returncode:
            raise AssertionError(f"wardstead {' '.join(arguments)} exited {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done

    def json(self, *arguments: str, check: bool = True) -> Any:
        """``wardstead -C DIR … --json``, parsed."""
        return json.loads(self.run(*arguments, "--json", check=check).stdout)

    def key(self, user: str, *arguments: str) -> str:
        """A new API key of ``user``."""
        return str(self.json("key", "create", "--user", user, *arguments)["key"])

    def up(self, *arguments: str) -> None:
        self.run("up", "--port", str(self.port), "--detach", *arguments)

    def down(self) -> None:
        self.run("down", check=False)

    def logs(self) -> str:
        """Everything that the deployment logged."""
        return "\n".join(path.read_text(errors="replace") for path in sorted((self.directory / "logs").glob("*")))


def create(directory: Path) -> Deployment:
    """As ``wardstead init`` makes one: a copy, for each costs seconds. So all of a run have the same keys and certificates."""
    folder, made = _made()
    shutil.copytree(folder, directory, dirs_exist_ok=True)
    return Deployment(directory, free_port(), made["admin"]["secret"], made["model"])


@cache
def _made() -> tuple[Path, Any]:
    """A deployment that nobody starts, and what ``wardstead init`` said of it. Its patterns are compiled, as after a start."""
    place = Path(tempfile.mkdtemp(prefix="wardstead-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    folder = place / "deployment"
    done = subprocess.run(
        [str(WARDSTEAD), "init", str(folder), "--yes", "--json"],
        capture_output=True, text=True, timeout=180, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    opened = Opened(folder, {})
    inspector(opened)
    opened.engine.dispose()
    return folder, json.loads(done.stdout)

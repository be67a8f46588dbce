"""How what reads hostile files is started: one guest of ours, and the packages that it needs, in the readers' sandbox."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from pathlib import Path

from wardstead.isolation.plan import GUEST, LaunchPlan, ReaderProfile
from wardstead.kernel.errors import ConfigurationError


def reader_profile(guest: Path, packages: Mapping[str, str], programs: Mapping[str, str] | None = None) -> ReaderProfile:
    """What is given to a guest on this machine; ``programs`` beside it. Both are names in the sandbox to places here."""
    return ReaderProfile(
        interpreter=os.path.realpath(sys.executable),
        interpreter_prefix=sys.base_prefix if sys.base_prefix not in {"/usr", "/"} else sysconfig.get_path("stdlib"),
        packages=packages,
        programs={GUEST.rpartition("/")[2]: str(guest), **(programs or {})},
        libraries=tuple(folder for folder in ("/usr/lib", "/usr/lib64", "/lib", "/lib64") if Path(folder).is_dir()),
    )


def package_places(names: Iterable[str]) -> dict[str, str]:
    """Where packages are looked for (``a/b`` for ``a.b``) to where they are installed. Raises ``ConfigurationError``."""
    found = {}
    for name in names:
        spec = importlib.util.find_spec(name)
        if spec is None or not spec.submodule_search_locations:
            raise ConfigurationError(f"the package {name} is not installed", next_step="Install Wardstead anew")
        found[name.replace(".", "/")] = str(Path(spec.submodule_search_locations[0]).resolve())
    return found


def start_reader(plan: LaunchPlan | None, guest: Path, *, stdin: int, stdout: int) -> subprocess.Popen[bytes]:
    """By the plan, or (``None``) as an ordinary process. Raises ``OSError``, also where a plan has no filter of system calls."""
    arguments, filter_fd = [sys.executable, "-I", "-S", "-B", str(guest)], -1
    try:
        if plan is not None:
            if plan.seccomp_fd_argument is None:
                raise OSError("there is no filter of system calls")
            filter_fd = os.memfd_create("seccomp", 0)
            fill(filter_fd, plan.seccomp)
            arguments = list(plan.arguments)
            arguments[plan.seccomp_fd_argument] = str(filter_fd)
        return subprocess.Popen(  # noqa: S603 -- our own plan, no shell
            arguments,
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.DEVNULL,  # what a parser complains of may quote what it reads
            env={},
            pass_fds=[filter_fd] if filter_fd >= 0 else [],
        )
    finally:
        if filter_fd >= 0:
            os.close(filter_fd)


def fill(descriptor: int, *blocks: bytes) -> None:
    """Write all of it, and go back to its beginning."""
    for block in blocks:
        view = memoryview(block)
        while view:
            view = view[os.write(descriptor, view) :]
    os.lseek(descriptor, 0, os.SEEK_SET)

"""From what a model server may have to exactly how it is started: pure data, the same for the same profile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from wardstead.isolation.seccomp import encode, program, reading, starting


class Mode(StrEnum):
    """How a model server is isolated."""

    BUBBLEWRAP = "bubblewrap"
    NONE = "none"
    """Not at all. Works only where it is spelled out, and is shouted everywhere."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What one model server may have. Paths are the host's; sizes in bytes."""

    interpreter: str
    interpreter_prefix: str
    packages: Mapping[str, str]
    """Name inside the sandbox to folder on the host: the runtime's packages."""
    programs: Mapping[str, str]
    """Name inside the sandbox to file on the host: our own guest programs."""
    socket_folder: str
    libraries: Sequence[str]
    """Folders of shared libraries that exist on this host."""
    weights_sealed: bool = True
    """Whether the weights are given as data (a sealed copy); else their open file is bound, read-only."""
    memory_bytes: int = 0
    open_files: int = 512
    processes: int = 4096


@dataclass(frozen=True, slots=True)
class ReaderProfile:
    """What a reader of documents may have: see ``Profile``. Its limits it sets itself, before it reads a byte."""

    interpreter: str
    interpreter_prefix: str
    packages: Mapping[str, str]
    programs: Mapping[str, str]
    libraries: Sequence[str]


@dataclass(frozen=True, slots=True)
class LaunchPlan:
    """What is executed. The environment is empty; the limits are set before the program starts.

    ``weights_fd_argument`` and ``seccomp_fd_argument`` index the arguments in which the launcher puts file descriptors.
    """

    arguments: tuple[str, ...]
    limits: Mapping[str, int]
    seccomp: bytes
    weights_fd_argument: int | None
    seccomp_fd_argument: int | None


WEIGHTS = "/model/weights.gguf"
GUEST = "/wardstead/guest.py"
SOCKETS = "/run/model"


def bubblewrap_plan(tool: str, profile: Profile, machine: str) -> LaunchPlan:
    """The plan for bubblewrap: every namespace, no capability, nothing writable but the socket folder and a small /tmp."""
    arguments = _walls(tool, "model")
    arguments += ["--proc", "/proc", "--dev", "/dev", "--size", str(16 << 20), "--tmpfs", "/tmp"]  # noqa: S108 -- the sandbox's own
    # Under host root's uid /proc's settings are writable whatever the capabilities: they are checked by uid alone.
    for kernel_file in ("/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs"):
        arguments += ["--ro-bind-try", kernel_file, kernel_file]
    arguments += _python(profile.interpreter, profile.interpreter_prefix, profile.libraries)
    arguments += _given(profile.packages, profile.programs)
    arguments += ["--perms", "0400", "--ro-bind-data"] if profile.weights_sealed else ["--ro-bind-fd"]
    arguments += ["", WEIGHTS]
    weights_at = len(arguments) - 2
    arguments += ["--bind", profile.socket_folder, SOCKETS]
    arguments += ["--remount-ro", "/", "--chdir", "/"]
    arguments += ["--seccomp", ""]
    seccomp_at = len(arguments) - 1
    arguments += ["--", profile.interpreter, "-I", "-S", "-B", GUEST]
    return LaunchPlan(tuple(arguments), _limits(profile), encode(program(machine)), weights_at, seccomp_at)


def reader_plan(tool: str, profile: ReaderProfile, machine: str, *, starts: bool = False) -> LaunchPlan:
    """The plan for what reads one document and ends: nothing writable, no /proc, no socket of any kind, no second process.

    ``starts``: it starts a process for each thing that is read, and puts that under the same filter as any other reader.
    """
    arguments = _walls(tool, "reader")
    arguments += ["--dev", "/dev"]
    arguments += _python(profile.interpreter, profile.interpreter_prefix, profile.libraries)
    arguments += _given(profile.packages, profile.programs)
    arguments += ["--remount-ro", "/", "--chdir", "/"]
    arguments += ["--seccomp", ""]
    seccomp_at = len(arguments) - 1
    arguments += ["--", profile.interpreter, "-I", "-S", "-B", GUEST]
    return LaunchPlan(tuple(arguments), {}, encode((starting if starts else reading)(machine)), None, seccomp_at)


def _walls(tool: str, name: str) -> list[str]:
    arguments = [tool]
    arguments += ["--unshare-all", "--unshare-user", "--die-with-parent", "--new-session", "--as-pid-1", "--clearenv"]
    return [*arguments, "--cap-drop", "ALL", "--uid", "65534", "--gid", "65534", "--hostname", name]


def _python(interpreter: str, prefix: str, libraries: Sequence[str]) -> list[str]:
    arguments: list[str] = []
    for folder in libraries:
        arguments += ["--ro-bind", folder, folder]
    arguments += ["--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"]
    arguments += ["--ro-bind", prefix, prefix]
    if not interpreter.startswith(prefix.rstrip("/") + "/"):
        # A distribution's Python: its prefix is all of /usr, so only its library folder is given, and the program beside it.
        arguments += ["--ro-bind", interpreter, interpreter]
    return arguments


def _given(packages: Mapping[str, str], programs: Mapping[str, str]) -> list[str]:
    arguments: list[str] = []
    for name, place in sorted(packages.items()):
        arguments += ["--ro-bind", place, f"/packages/{name}"]
    for name, file in sorted(programs.items()):
        arguments += ["--ro-bind", file, f"/wardstead/{name}"]
    return arguments


def bare_plan(profile: Profile) -> LaunchPlan:
    """No isolation: the same guest as an ordinary process."""
    guest = profile.programs["guest.py"]
    return LaunchPlan((profile.interpreter, "-I", "-S", "-B", guest), _limits(profile), b"", None, None)


def _limits(profile: Profile) -> dict[str, int]:
    limits = {
        "CORE": 0,
        "NOFILE": profile.open_files,
        "NPROC": profile.processes,
        "MEMLOCK": 64 << 10,
    }
    if profile.memory_bytes:
        limits["AS"] = profile.memory_bytes
    return limits

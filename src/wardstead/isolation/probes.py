"""What each probe means: shown by ``doctor`` and the console beside its result."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from wardstead.kernel.text import harmless


class Severity(StrEnum):
    """How much an open probe matters."""

    RED = "red"
    AMBER = "amber"


@dataclass(frozen=True, slots=True)
class ProbeInfo:
    """A probe: what is tried, and what it would allow."""

    id: str
    title: str
    severity: Severity


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What came of a probe. ``open``: the attempt worked, or could not be shown to fail."""

    id: str
    open: bool
    detail: str
    title: str
    severity: Severity


_RED: Final = (
    ("network.families", "open a socket of any address family but AF_UNIX"),
    ("network.inet", "reach the host or the internet over IPv4"),
    ("network.inet6", "reach the host or the internet over IPv6"),
    ("network.vsock", "reach the hypervisor over AF_VSOCK"),
    ("network.interfaces", "see a network interface"),
    ("network.abstract-sockets", "see the host's abstract unix sockets"),
    ("process.host-processes", "see the host's processes"),
    ("process.launcher-environment", "read the launcher's environment"),
    ("process.own-environment", "find secrets in its own environment"),
    ("process.ptrace", "trace another process"),
    ("process.read-memory", "read another process's memory"),
    ("files.write-model", "change the weights"),
    ("files.write-root", "write to the root file system"),
    ("files.write-interpreter", "write to shared libraries"),
    ("files.write-guest", "change the program that it runs"),
    ("files.home", "see somebody's home folder"),
    ("files.secrets", "read accounts, keys or secrets of the host"),
    ("files.host-sockets", "reach the host's services (docker, dbus, systemd)"),
    ("files.kernel-memory", "read kernel memory or its log"),
    ("files.write-proc", "change kernel settings"),
    ("files.devices", "use device nodes"),
    ("privilege.root", "run as root"),
    ("privilege.capabilities", "hold a capability"),
    ("privilege.no-new-privileges", "gain privileges by executing a file"),
    ("privilege.seccomp", "call the kernel without a filter"),
    ("privilege.setuid", "change its user"),
    ("kernel.mount", "mount a file system"),
    ("kernel.mount-api", "use the newer mount calls"),
    ("kernel.unshare", "make namespaces"),
    ("kernel.clone-namespace", "make namespaces by clone"),
    ("kernel.setns", "enter other namespaces"),
    ("kernel.bpf", "load kernel programs"),
    ("kernel.io-uring", "use io_uring, around the filter"),
    ("kernel.userfaultfd", "use userfaultfd"),
    ("kernel.keyrings", "use the kernel's keyrings"),
    ("kernel.add-key", "add keys to the kernel's keyrings"),
    ("kernel.file-handles", "open files by handle, around the mounts"),
    ("kernel.modules", "load kernel modules"),
    ("kernel.kexec", "load another kernel"),
)
_AMBER: Final = (
    ("process.pidfd", "hold other processes by descriptor"),
    ("files.sys", "read the host's hardware and cgroups"),
    ("files.programs", "run a shell or tools"),
    ("files.setuid", "find set-user-id programs"),
    ("kernel.clone3", "use clone3, whose flags a filter cannot see"),
    ("kernel.chroot", "change its root folder"),
    ("kernel.perf", "use performance counters"),
    ("kernel.log", "read the kernel's log"),
    ("kernel.clock", "set the clock"),
    ("kernel.hostname", "change the host name"),
    ("kernel.terminal-injection", "type into the operator's terminal"),
    ("limits.core", "write core dumps"),
    ("limits.open-files", "open files without limit"),
    ("limits.processes", "make processes without limit"),
    ("limits.file-size", "write files without limit"),
    ("limits.memory", "take memory without limit"),
    ("host.name", "learn the host's name"),
)
CATALOGUE: Final = {
    name: ProbeInfo(name, title, severity)
    for severity, rows in ((Severity.RED, _RED), (Severity.AMBER, _AMBER))
    for name, title in rows
}


def _detail(said: object) -> str:
    return harmless(said[:200]) if isinstance(said, str) else ""


def results(raw: object) -> tuple[ProbeResult, ...]:
    """Checked results from what a sandbox said. A probe that is missing counts as open: the sandbox is not trusted.

    Nor may what it says of them steer the terminal that shows it.
    """
    said: dict[str, tuple[bool, str]] = {}
    for item in raw if isinstance(raw, list) else ():
        if isinstance(item, dict) and isinstance(item.get("id"), str) and isinstance(item.get("open"), bool):
            said[item["id"]] = (item["open"], _detail(item.get("detail")))
    made = []
    for info in CATALOGUE.values():
        is_open, detail = said.get(info.id, (True, "no answer from inside"))
        made.append(ProbeResult(info.id, is_open, detail, info.title, info.severity))
    return tuple(made)

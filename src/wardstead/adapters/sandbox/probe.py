"""Tries, from inside, what a compromised model server would try. Stands alone: the standard library and ctypes.

Each probe answers ``{"id", "open", "detail"}``: ``open`` means that the attempt worked. What each means: ``isolation.probes``.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import resource
import select
import signal
import socket
from collections.abc import Callable
from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)
_MACHINE = os.uname().machine
# (x86_64, aarch64), from the kernel's tables.
_NUMBERS = {
    "ptrace": (101, 117), "mount": (165, 40), "unshare": (272, 97), "setns": (308, 268), "bpf": (321, 280),
    "perf_event_open": (298, 241), "io_uring_setup": (425, 425), "userfaultfd": (323, 282), "keyctl": (250, 219),
    "add_key": (248, 217), "process_vm_readv": (310, 270), "kexec_load": (246, 104), "init_module": (175, 105),
    "open_by_handle_at": (304, 265), "pidfd_open": (434, 434), "clone3": (435, 435), "fsopen": (430, 430),
    "clock_settime": (227, 112), "sethostname": (170, 161), "reboot": (169, 142), "chroot": (161, 51),
    "setuid": (105, 146), "syslog": (103, 116), "personality": (135, 92), "quotactl": (179, 60), "swapon": (167, 224),
}  # fmt: skip
_BLOCKED = {errno.ENOSYS, errno.EPERM, errno.EACCES, errno.EAFNOSUPPORT}


def _call(name: str, *arguments: int) -> tuple[bool, str]:
    """Whether the kernel let the call through: any answer but 'not implemented' or 'not permitted' means that it did."""
    number = _NUMBERS[name][0 if _MACHINE == "x86_64" else 1]
    ctypes.set_errno(0)
    result = _LIBC.syscall(ctypes.c_long(number), *(ctypes.c_long(argument) for argument in arguments))
    code = ctypes.get_errno()
    if result >= 0:
        return True, "succeeded"
    return code not in _BLOCKED, errno.errorcode.get(code, str(code))


def _families() -> tuple[bool, str]:
    opened = []
    for family in range(2, 46):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
            try:
                socket.socket(family, kind).close()
            except OSError:
                continue
            opened.append(family)
            break
    return bool(opened), f"address families {opened}" if opened else "only AF_UNIX"


def _connect(family: int, address: tuple[str | int, int]) -> Callable[[], tuple[bool, str]]:
    def probe() -> tuple[bool, str]:
        try:
            with socket.socket(family, socket.SOCK_STREAM) as one:
                one.settimeout(1)
                one.connect(address)
        except OSError as error:
            reached = error.errno in {errno.ECONNREFUSED, errno.ECONNRESET}
            return reached, errno.errorcode.get(error.errno or 0, type(error).__name__)
        return True, "connected"

    return probe


def _interfaces() -> tuple[bool, str]:
    try:
        names = [line.split(":")[0].strip() for line in Path("/proc/net/dev").read_text().splitlines()[2:]]
    except OSError as error:
        return False, type(error).__name__
    others = [name for name in names if name != "lo"]
    return bool(others), ", ".join(names)


def _abstract_sockets() -> tuple[bool, str]:
    try:
        lines = Path("/proc/net/unix").read_text().splitlines()[1:]
    except OSError as error:
        return False, type(error).__name__
    named = [line.split()[-1] for line in lines if line.split()[-1].startswith("@")]
    return bool(named), f"{len(named)} abstract sockets in sight"


def _host_processes() -> tuple[bool, str]:
    try:
        seen = [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 -- names are all we need
    except OSError as error:
        return False, type(error).__name__
    return len(seen) > 3, f"{len(seen)} processes in sight"


def _launcher_environment() -> tuple[bool, str]:
    try:
        data = Path("/proc/1/environ").read_bytes()
    except OSError as error:
        return False, type(error).__name__
    names = sorted(part.split(b"=")[0].decode("ascii", "replace") for part in data.split(b"\0") if b"=" in part)
    return bool(set(names) - {"PWD"}), f"{len(names)} variables in sight"


def _own_environment() -> tuple[bool, str]:
    names = sorted(set(os.environ) - {"PWD", "LC_CTYPE"})
    return bool(names), f"{len(names)} variables"


def _write(path: str) -> Callable[[], tuple[bool, str]]:
    def probe() -> tuple[bool, str]:
        target = Path(path)
        try:
            if target.is_dir():
                made = target / ".wardstead-probe"
                made.write_bytes(b"x")
                made.unlink()
            else:
                with target.open("r+b"):
                    pass
        except OSError as error:
            return False, errno.errorcode.get(error.errno or 0, type(error).__name__)
        return True, f"{path} can be written"

    return probe


def _readable(*paths: str) -> Callable[[], tuple[bool, str]]:
    def probe() -> tuple[bool, str]:
        seen = []
        for path in paths:
            try:
                if Path(path).is_dir():
                    if os.listdir(path):  # noqa: PTH208
                        seen.append(path)
                else:
                    with Path(path).open("rb"):
                        seen.append(path)
            except OSError:
                continue
        return bool(seen), ", ".join(seen) or "none in sight"

    return probe


def _home() -> tuple[bool, str]:
    seen = []
    for parent in ("/root", "/home"):
        try:
            seen += [f"{parent}/{name}" for name in os.listdir(parent) if name != ".pyenv"]  # noqa: PTH208
        except OSError:
            continue
    return bool(seen), ", ".join(seen[:5]) or "no home in sight"


def _devices() -> tuple[bool, str]:
    usual = {
        "null",
        "zero",
        "full",
        "random",
        "urandom",
        "tty",
        "console",
        "ptmx",
        "pts",
        "shm",
        "fd",
        "stdin",
        "stdout",
        "stderr",
        "core",
    }
    try:
        names = sorted(set(os.listdir("/dev")) - usual)  # noqa: PTH208
    except OSError as error:
        return False, type(error).__name__
    return bool(names), ", ".join(names[:8]) or "the usual few"


def _capabilities() -> tuple[bool, str]:
    held = {}
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(("CapEff", "CapPrm", "CapInh", "CapAmb", "CapBnd")):
            name, value = line.split(":")
            held[name] = int(value, 16)
    return any(value for name, value in held.items()), ", ".join(f"{name} {value:x}" for name, value in held.items())


def _status(field: str, wanted: str) -> Callable[[], tuple[bool, str]]:
    def probe() -> tuple[bool, str]:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(field + ":"):
                value = line.split(":")[1].strip()
                return value != wanted, f"{field} {value}"
        return True, f"{field} is not shown"

    return probe


def _root() -> tuple[bool, str]:
    return os.getuid() == 0, f"uid {os.getuid()}"


def _namespace_clone() -> tuple[bool, str]:
    number = 56 if _MACHINE == "x86_64" else 220
    ctypes.set_errno(0)
    child = _LIBC.syscall(ctypes.c_long(number), ctypes.c_long(0x10000000 | 17), 0, 0, 0, 0)
    if child == 0:
        os._exit(0)
    if child > 0:
        os.waitpid(child, 0)
        return True, "a user namespace was made"
    return False, errno.errorcode.get(ctypes.get_errno(), "?")


def _terminal_injection() -> tuple[bool, str]:
    import fcntl

    try:
        fcntl.ioctl(0, 0x5412, b"x")
    except OSError as error:
        return False, errno.errorcode.get(error.errno or 0, "?")
    return True, "TIOCSTI"


def _programs() -> tuple[bool, str]:
    found = [
        path for path in ("/bin/sh", "/usr/bin/sh", "/bin/bash", "/usr/bin/env", "/usr/bin/curl") if os.access(path, os.X_OK)
    ]
    return bool(found), ", ".join(found) or "no shell, no tools"


def _setuid_files() -> tuple[bool, str]:
    found = []
    for folder in ("/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/lib"):
        try:
            entries = list(os.scandir(folder))
        except OSError:
            continue
        found += [entry.path for entry in entries if entry.is_file(follow_symlinks=False) and entry.stat().st_mode & 0o6000]
    return bool(found), ", ".join(found[:5]) or "none"


def _limit(which: int) -> Callable[[], tuple[bool, str]]:
    def probe() -> tuple[bool, str]:
        _, hard = resource.getrlimit(which)
        return hard == resource.RLIM_INFINITY, "unlimited" if hard == resource.RLIM_INFINITY else str(hard)

    return probe


def _hostname() -> tuple[bool, str]:
    name = os.uname().nodename
    return name != "model", "its own name" if name == "model" else "the host's name"


def _sys() -> tuple[bool, str]:
    return _readable("/sys/class", "/sys/fs/cgroup", "/sys/kernel")()


# Seize, not attach: where it works, the process that was traced must go on. A bad flag keeps kexec_load from unloading a kernel.
_PTRACE_SEIZE, _KEXEC_BAD_FLAG, _INVALID = 0x4206, 0x40000000, -1
_ATTEMPT_TIMEOUT_S = 5

PROBES: dict[str, Callable[[], tuple[bool, str]]] = {
    "network.families": _families,
    "network.inet": _connect(socket.AF_INET, ("127.0.0.1", 22)),
    "network.inet6": _connect(socket.AF_INET6, ("::1", 22)),
    "network.vsock": _connect(getattr(socket, "AF_VSOCK", 40), (2, 22)),
    "network.interfaces": _interfaces,
    "network.abstract-sockets": _abstract_sockets,
    "process.host-processes": _host_processes,
    "process.launcher-environment": _launcher_environment,
    "process.own-environment": _own_environment,
    "process.ptrace": lambda: _call("ptrace", _PTRACE_SEIZE, os.getppid(), 0, 0),
    "process.read-memory": lambda: _call("process_vm_readv", 1, 0, 0, 0, 0, 0),
    "process.pidfd": lambda: _call("pidfd_open", 1, 0),
    "files.write-model": _write("/model/weights.gguf"),
    "files.write-root": _write("/"),
    "files.write-interpreter": _write("/usr/lib"),
    "files.write-guest": _write("/wardstead/guest.py"),
    "files.home": _home,
    "files.secrets": _readable("/etc/shadow", "/etc/passwd", "/root/.ssh", "/etc/ssh", "/run/secrets"),
    "files.host-sockets": _readable("/var/run/docker.sock", "/run/dbus", "/run/systemd", "/var/run/dbus"),
    "files.sys": _sys,
    "files.kernel-memory": _readable("/proc/kcore", "/proc/kmsg", "/dev/mem"),
    "files.write-proc": _write("/proc/sys/kernel/core_pattern"),
    "files.devices": _devices,
    "files.programs": _programs,
    "files.setuid": _setuid_files,
    "privilege.root": _root,
    "privilege.capabilities": _capabilities,
    "privilege.no-new-privileges": _status("NoNewPrivs", "1"),
    "privilege.seccomp": _status("Seccomp", "2"),
    "privilege.setuid": lambda: _call("setuid", 0),
    "kernel.mount": lambda: _call("mount", 0, 0, 0, 0, 0),
    "kernel.mount-api": lambda: _call("fsopen", 0, 0),
    "kernel.unshare": lambda: _call("unshare", 0x10000000),
    "kernel.clone-namespace": _namespace_clone,
    "kernel.clone3": lambda: _call("clone3", 0, 0),
    "kernel.setns": lambda: _call("setns", _INVALID, 0),
    "kernel.chroot": lambda: _call("chroot", 0),
    "kernel.bpf": lambda: _call("bpf", 0, 0, 0),
    "kernel.perf": lambda: _call("perf_event_open", 0, 0, _INVALID, _INVALID, 0),
    "kernel.io-uring": lambda: _call("io_uring_setup", 0, 0),
    "kernel.userfaultfd": lambda: _call("userfaultfd", 0),
    "kernel.keyrings": lambda: _call("keyctl", 0, -3, 0),
    "kernel.add-key": lambda: _call("add_key", 0, 0, 0, 0, 0),
    "kernel.file-handles": lambda: _call("open_by_handle_at", _INVALID, 0, 0),
    "kernel.modules": lambda: _call("init_module", 0, 0, 0),
    "kernel.kexec": lambda: _call("kexec_load", 0, 0, 0, _KEXEC_BAD_FLAG),
    "kernel.log": lambda: _call("syslog", 10, 0, 0),
    "kernel.clock": lambda: _call("clock_settime", 0, 0),
    "kernel.hostname": lambda: _call("sethostname", 0, -1),
    "kernel.terminal-injection": _terminal_injection,
    "limits.core": lambda: (resource.getrlimit(resource.RLIMIT_CORE)[1] != 0, str(resource.getrlimit(resource.RLIMIT_CORE)[1])),
    "limits.open-files": _limit(resource.RLIMIT_NOFILE),
    "limits.processes": _limit(resource.RLIMIT_NPROC),
    "limits.file-size": _limit(resource.RLIMIT_FSIZE),
    "limits.memory": _limit(resource.RLIMIT_AS),
    "host.name": _hostname,
}


def run() -> list[dict[str, object]]:
    """Every probe, each in a process of its own: the filter ends whoever makes some of these calls, and that is an answer."""
    return [{"id": name, **_attempt(probe)} for name, probe in PROBES.items()]


def _attempt(probe: Callable[[], tuple[bool, str]]) -> dict[str, object]:
    """One probe in a child. What was not shown to be closed counts as open: a crash, a hang, a fork that fails."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        signal.alarm(_ATTEMPT_TIMEOUT_S)
        try:
            is_open, detail = probe()
        except Exception as error:  # noqa: BLE001 -- the probe stands alone: nothing else would report it
            is_open, detail = True, f"could not be tried: {type(error).__name__}"
        os.write(writing, json.dumps({"open": is_open, "detail": detail}).encode()[: select.PIPE_BUF])
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answers:
        answer = answers.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGSYS:
        return {"open": False, "detail": "ended by the system call filter"}
    try:
        found = json.loads(answer)
    except ValueError:
        return {"open": True, "detail": "could not be tried: no answer"}
    return {"open": bool(found["open"]), "detail": str(found["detail"])}

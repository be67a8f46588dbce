"""The plan, word for word, and what it never contains."""

from __future__ import annotations

from dataclasses import replace

from wardstead.isolation.plan import Profile, ReaderProfile, bare_plan, bubblewrap_plan, reader_plan
from wardstead.isolation.seccomp import encode, reading

PROFILE = Profile(
    interpreter="/opt/py/bin/python3.11",
    interpreter_prefix="/opt/py",
    packages={"xllamacpp": "/venv/xllamacpp"},
    programs={"guest.py": "/w/guest.py", "probe.py": "/w/probe.py"},
    socket_folder="/d/run/models/m",
    libraries=("/usr/lib", "/lib64"),
    memory_bytes=1 << 30,
)
KERNEL_FILES = " ".join(
    f"--ro-bind-try {one} {one}" for one in ("/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs")
)
GOLDEN = (
    "bwrap --unshare-all --unshare-user --die-with-parent --new-session --as-pid-1 --clearenv --cap-drop ALL"
    " --uid 65534 --gid 65534 --hostname model --proc /proc --dev /dev --size 16777216 --tmpfs /tmp " + KERNEL_FILES +
    " --ro-bind /usr/lib /usr/lib --ro-bind /lib64 /lib64 --ro-bind-try /etc/ld.so.cache /etc/ld.so.cache"
    " --ro-bind /opt/py /opt/py --ro-bind /venv/xllamacpp /packages/xllamacpp"
    " --ro-bind /w/guest.py /wardstead/guest.py --ro-bind /w/probe.py /wardstead/probe.py"
    " --perms 0400 --ro-bind-data  /model/weights.gguf --bind /d/run/models/m /run/model --remount-ro / --chdir / --seccomp "
    " -- /opt/py/bin/python3.11 -I -S -B /wardstead/guest.py"
)  # fmt: skip


def test_the_plan_is_exactly_this() -> None:
    plan = bubblewrap_plan("bwrap", PROFILE, "x86_64")
    assert " ".join(plan.arguments) == GOLDEN
    assert plan.weights_fd_argument is not None
    assert plan.arguments[plan.weights_fd_argument - 1] == "--ro-bind-data"
    assert plan.seccomp_fd_argument is not None
    assert plan.arguments[plan.seccomp_fd_argument - 1] == "--seccomp"
    assert plan.limits == {"CORE": 0, "NOFILE": 512, "NPROC": 4096, "MEMLOCK": 65536, "AS": 1 << 30}


def test_the_socket_folder_is_the_only_writable_part_of_the_host() -> None:
    arguments = bubblewrap_plan("bwrap", PROFILE, "x86_64").arguments
    writable = [arguments[at + 1] for at, one in enumerate(arguments) if one in {"--bind", "--bind-try", "--dev-bind"}]
    assert writable == ["/d/run/models/m"]


def test_a_distributions_interpreter_is_given_by_itself() -> None:
    arguments = bubblewrap_plan(
        "bwrap", replace(PROFILE, interpreter="/usr/bin/python3.11", interpreter_prefix="/usr/lib/python3.11"), "x86_64"
    ).arguments
    assert " --ro-bind /usr/bin/python3.11 /usr/bin/python3.11 " in " ".join(arguments)
    assert "/usr" not in arguments
    assert "/usr/bin" not in arguments


def test_weights_that_are_not_sealed_are_bound_read_only() -> None:
    plan = bubblewrap_plan("bwrap", replace(PROFILE, weights_sealed=False), "x86_64")
    assert plan.weights_fd_argument is not None
    assert plan.arguments[plan.weights_fd_argument - 1 : plan.weights_fd_argument + 2] == (
        "--ro-bind-fd",
        "",
        "/model/weights.gguf",
    )


def test_no_isolation_has_no_filter() -> None:
    plan = bare_plan(PROFILE)
    assert plan.arguments[0] == PROFILE.interpreter
    assert not plan.seccomp


READER = ReaderProfile(
    interpreter="/opt/py/bin/python3.11",
    interpreter_prefix="/opt/py",
    packages={"olefile": "/venv/olefile"},
    programs={"guest.py": "/w/guest.py", "reader": "/w/reader"},
    libraries=("/usr/lib", "/lib64"),
)


def test_the_plan_for_a_reader_is_exactly_this() -> None:
    plan = reader_plan("bwrap", READER, "x86_64")
    assert " ".join(plan.arguments) == (
        "bwrap --unshare-all --unshare-user --die-with-parent --new-session --as-pid-1 --clearenv --cap-drop ALL"
        " --uid 65534 --gid 65534 --hostname reader --dev /dev --ro-bind /usr/lib /usr/lib --ro-bind /lib64 /lib64"
        " --ro-bind-try /etc/ld.so.cache /etc/ld.so.cache --ro-bind /opt/py /opt/py --ro-bind /venv/olefile /packages/olefile"
        " --ro-bind /w/guest.py /wardstead/guest.py --ro-bind /w/reader /wardstead/reader --remount-ro / --chdir / --seccomp "
        " -- /opt/py/bin/python3.11 -I -S -B /wardstead/guest.py"
    )
    assert plan.seccomp == encode(reading("x86_64"))

"""The filter's verdict for every machine and call, by an interpreter of its own and by the kernel's own rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.isolation.interpreter import evaluate

from wardstead.isolation.seccomp import (
    ALLOW,
    ARCHITECTURES,
    CLONE_THREAD,
    EAFNOSUPPORT,
    ENOSYS,
    EPERM,
    KILL,
    NAMESPACE_FLAGS,
    computing,
    encode,
    program,
    reading,
    starting,
)
from wardstead.isolation.syscalls import ALLOWED, COMPUTING, CONDITIONAL, FATAL, HIGHEST_KNOWN
from wardstead.kernel.errors import ConfigurationError

MACHINES = tuple(ARCHITECTURES)
PROGRAMS = {machine: program(machine) for machine in MACHINES}
WORD = st.integers(0, 2**64 - 1)


def verdict(machine: str, name: str, *arguments: int) -> int:
    arch, numbers = ARCHITECTURES[machine]
    return evaluate(PROGRAMS[machine], arch, numbers[name], arguments)


@pytest.mark.parametrize("machine", MACHINES)
def test_every_call_gets_the_verdict_of_its_list(machine: str) -> None:
    numbers = ARCHITECTURES[machine][1]
    for name in numbers.keys() - CONDITIONAL:
        assert verdict(machine, name) == (ALLOW if name in ALLOWED else KILL), name
        assert (name in ALLOWED) != (name in FATAL), name


@pytest.mark.parametrize("machine", MACHINES)
@given(family=WORD)
def test_only_unix_sockets_can_be_made(machine: str, family: int) -> None:
    # The kernel takes an int: only the low 32 bits count, for it and for the filter.
    expected = ALLOW if family & 0xFFFFFFFF == 1 else EAFNOSUPPORT
    assert verdict(machine, "socket", family, 1, 0) == expected


@pytest.mark.parametrize("machine", MACHINES)
@given(first=WORD)
def test_a_reader_reaches_nobody_and_makes_threads_alone(machine: str, first: int) -> None:
    arch, numbers = ARCHITECTURES[machine]
    filter_ = reading(machine)
    for name in ("socket", "socketpair"):
        assert evaluate(filter_, arch, numbers[name], (first, 1, 0)) == EAFNOSUPPORT
    for name in {"fork", "vfork", "connect", "bind", "kill"} & numbers.keys():
        assert evaluate(filter_, arch, numbers[name], (first,)) == EPERM
    expected = KILL if first & NAMESPACE_FLAGS else ALLOW if first & CLONE_THREAD else EPERM
    assert evaluate(filter_, arch, numbers["clone"], (first,)) == expected


@pytest.mark.parametrize("machine", MACHINES)
@given(first=WORD)
def test_what_starts_readers_reaches_nobody_and_can_give_more_up(machine: str, first: int) -> None:
    arch, numbers = ARCHITECTURES[machine]
    filter_ = starting(machine)
    for name in ("socket", "socketpair"):
        assert evaluate(filter_, arch, numbers[name], (first, 1, 0)) == EAFNOSUPPORT
    for name in {"connect", "bind", "kill"} & numbers.keys():
        assert evaluate(filter_, arch, numbers[name], (first,)) == EPERM
    assert evaluate(filter_, arch, numbers["clone"], (first,)) == (KILL if first & NAMESPACE_FLAGS else ALLOW)
    assert evaluate(filter_, arch, numbers["seccomp"], (first,)) == ALLOW
    assert verdict(machine, "seccomp", first) == EPERM, "a model server has no use for it"


@pytest.mark.parametrize("machine", MACHINES)
@given(flags=WORD)
def test_no_clone_makes_a_namespace(machine: str, flags: int) -> None:
    assert verdict(machine, "clone", flags) == (KILL if flags & NAMESPACE_FLAGS else ALLOW)


@pytest.mark.parametrize("machine", MACHINES)
@given(flags=WORD)
def test_no_file_is_created(machine: str, flags: int) -> None:
    creating = bool(flags & 0o100 or flags & 0o20000000)
    assert verdict(machine, "openat", 0, 0, flags) == (EPERM if creating else ALLOW)


@pytest.mark.parametrize("machine", MACHINES)
@given(number=st.integers(0, 2**32 - 1), arch=st.integers(0, 2**32 - 1), arguments=st.lists(WORD, max_size=6))
def test_a_call_of_another_machine_ends_the_process(machine: str, number: int, arch: int, arguments: list[int]) -> None:
    if arch != ARCHITECTURES[machine][0]:
        assert evaluate(PROGRAMS[machine], arch, number, arguments) == KILL


@given(number=st.integers(0x40000000, 2**32 - 1))
def test_x32_calls_end_the_process(number: int) -> None:
    assert evaluate(PROGRAMS["x86_64"], ARCHITECTURES["x86_64"][0], number) == KILL


@pytest.mark.parametrize("machine", MACHINES)
@given(number=st.integers(0, 0x3FFFFFFF))
def test_what_is_on_no_list_is_refused(machine: str, number: int) -> None:
    arch, numbers = ARCHITECTURES[machine]
    if number not in numbers.values():
        assert evaluate(PROGRAMS[machine], arch, number) == (ENOSYS if number > HIGHEST_KNOWN else EPERM)


@pytest.mark.parametrize("machine", MACHINES)
def test_calls_whose_arguments_lie_in_memory_are_not_there(machine: str) -> None:
    assert verdict(machine, "clone3") == ENOSYS
    assert verdict(machine, "openat2") == ENOSYS


@pytest.mark.parametrize("machine", MACHINES)
def test_terminal_injection_is_refused(machine: str) -> None:
    assert verdict(machine, "ioctl", 0, 0x5412) == EPERM
    assert verdict(machine, "ioctl", 0, 0x541C) == EPERM
    assert verdict(machine, "ioctl", 0, 0x5413) == ALLOW


@pytest.mark.parametrize("name", ["symlink", "link", "rename", "mkdir", "mknod", "chmod", "chown", "unshare", "mount", "ptrace"])
def test_the_gateway_can_trust_what_a_path_in_the_socket_folder_is(name: str) -> None:
    assert name not in ALLOWED


@pytest.mark.parametrize("machine", MACHINES)
def test_the_program_fits_the_kernels_limit(machine: str) -> None:
    assert len(encode(PROGRAMS[machine])) == 8 * len(PROGRAMS[machine])
    assert len(PROGRAMS[machine]) <= 4096  # BPF_MAXINSNS


def test_an_unknown_machine_has_no_filter_and_says_so() -> None:
    with pytest.raises(ConfigurationError, match="riscv64"):
        program("riscv64")


@pytest.mark.parametrize("machine", MACHINES)
def test_a_process_that_only_computes_can_open_start_and_reach_nothing(machine: str) -> None:
    arch, numbers = ARCHITECTURES[machine]
    rules = computing(machine)
    for name, number in numbers.items():
        expected = ALLOW if name in COMPUTING else KILL if name in FATAL else EPERM
        assert evaluate(rules, arch, number) == expected, name
    forbidden = "open openat openat2 creat socket connect clone clone3 fork vfork execve execveat kill memfd_create prctl ioctl"
    assert not COMPUTING & set(forbidden.split())
    assert evaluate(rules, arch, HIGHEST_KNOWN + 1) == ENOSYS
    assert len(rules) <= 4096

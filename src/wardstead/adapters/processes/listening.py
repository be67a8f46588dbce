"""Whether a process accepts connections at a port already: asked of the kernel, for several may share the port."""

from __future__ import annotations

from pathlib import Path

_LISTEN = "0A"
"""proc_pid_net(5), tcp(7): the state TCP_LISTEN."""


def listens(pid: int, port: int) -> bool:
    """Whether one of its sockets listens at ``port``, of whatever address."""
    try:
        held = {one.readlink().name for one in Path(f"/proc/{pid}/fd").iterdir() if one.is_symlink()}
        tables = [Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:] for name in ("tcp", "tcp6")]
    except OSError:  # it has ended, or a descriptor was closed meanwhile: it is asked again
        return False
    fields = [line.split() for table in tables for line in table]
    at_port = (one for one in fields if one[3] == _LISTEN and int(one[1].rpartition(":")[2], 16) == port)
    return any(f"socket:[{one[9]}]" in held for one in at_port)

"""Ports for servers of tests."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket

_ports = itertools.count(os.getpid() * 37)


def free_port() -> int:
    """A port nobody listens on now, below those that Linux gives to outgoing connections: none takes it until it is used."""
    while True:
        port = 20_000 + next(_ports) % 12_000
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port

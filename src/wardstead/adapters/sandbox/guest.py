"""Runs inside the sandbox: llama.cpp's server on a unix socket, and a probe that forks from this very process.

Stands alone: the standard library and xllamacpp, nothing of Wardstead. Settings come as one JSON line on standard input.
"""

from __future__ import annotations

import json
import os
import resource
import runpy
import signal
import socket
import sys
from pathlib import Path


def main() -> None:
    """Serve until killed."""
    settings = json.loads(sys.stdin.buffer.readline())
    # Nothing in here has files to write: hard limits, before the (hostile) weights are parsed.
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    sys.path[:0] = settings["import_from"]
    folder = Path(settings["sockets"])
    for name in ("model.sock", "probe.sock"):
        (folder / name).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(folder / "probe.sock"))
    listener.listen(4)
    server = serve(settings, str(folder / "model.sock"))
    answer_probes(listener, settings["probe"])
    del server


def serve(settings: dict[str, object], path: str) -> object:
    """Start llama.cpp's server in its own threads. Its web interface, metrics, slots and prompt cache stay off."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(settings["weights"])
    params.model_alias = {str(settings["name"])}
    params.hostnames = [path]
    params.n_ctx = int(str(settings["context"])) * int(str(settings["parallel"]))
    params.n_parallel = int(str(settings["parallel"]))
    params.embedding = True
    params.use_jinja = True
    params.ui = False
    params.endpoint_metrics = False
    params.endpoint_slots = False
    params.endpoint_props = False
    params.offline = True
    # No key-value reuse between people: a prompt's timing would tell what others have asked (DESIGN: prefix cache).
    params.cache_prompt = False
    params.cache_ram_mib = 0
    params.slot_prompt_similarity = 0.0
    params.n_cache_reuse = 0
    params.cpuparams.n_threads = int(str(settings["threads"]))
    params.cpuparams_batch.n_threads = int(str(settings["threads"]))
    params.n_gpu_layers = int(str(settings["gpu_layers"]))
    params.verbosity = 0
    return xllamacpp.Server(params)


def answer_probes(listener: socket.socket, probe: str) -> None:
    """For each connection, run the probes in a fork: they see exactly what the model server sees."""
    while True:
        connection, _ = listener.accept()
        child = os.fork()
        if child == 0:
            try:
                results = runpy.run_path(probe)["run"]()
                connection.sendall(json.dumps(results).encode() + b"\n")
            finally:
                os._exit(0)
        connection.close()
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()

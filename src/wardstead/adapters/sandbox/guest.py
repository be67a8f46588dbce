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
import threading
from pathlib import Path


def main() -> None:
    """Serve until killed."""
    settings = json.loads(sys.stdin.buffer.readline() or sys.exit("the launcher is gone"))
    threading.Thread(target=end_with_launcher, daemon=True).start()
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


def end_with_launcher() -> None:
    """The launcher holds the other end of standard input: its end, however it comes, is ours.

    The kernel's signal for that (PR_SET_PDEATHSIG) is set by a child on itself, so a parent that dies before leaves an orphan.
    """
    while os.read(0, 1):
        pass
    os._exit(1)


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
    # Without pooling there is one vector for each token, which the OpenAI API cannot express: the server refuses.
    params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    params.use_jinja = True
    if settings["chat_template"]:
        params.chat_template = str(settings["chat_template"])
    params.ui = False
    params.endpoint_metrics = False
    params.endpoint_slots = False
    params.endpoint_props = False
    params.offline = True
    # No key-value reuse between people: a prompt's timing would tell what others have asked.
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

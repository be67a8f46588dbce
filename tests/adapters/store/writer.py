"""Writes exchanges until it is killed. Says on standard output what was acknowledged: ``intent <id>``, ``outcome <id>``."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from tests.adapters.store.deployment import commit, conclude, deploy


def main() -> None:
    deployment = deploy(Path(sys.argv[1]))
    journal = deployment.journal(sys.argv[2], reserve=deployment.reserve())

    def work() -> None:
        while True:
            exchange, seal = deployment.seal()
            refusal = commit(journal, seal, os.urandom(3000))
            if refusal is not None:
                os.write(2, f"{refusal}\n".encode())
                continue
            os.write(1, f"intent {exchange}\n".encode())
            if conclude(journal, seal, os.urandom(3000)) is None:
                os.write(1, f"outcome {exchange}\n".encode())

    for _ in range(4):
        threading.Thread(target=work, daemon=True).start()
    threading.Event().wait()


main()

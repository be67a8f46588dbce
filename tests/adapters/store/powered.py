"""Writes exchanges and has them sequenced and signed, one after the other; notes in ``acknowledged`` what was promised."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.adapters.store.deployment import commit, conclude, deploy

EXCHANGES = 5


def main(folder: Path) -> None:
    deployment = deploy(folder)
    journal, recorder = deployment.journal(), deployment.recorder()
    recorder.open()
    promised = os.open(folder / "acknowledged", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number in range(EXCHANGES):
        exchange, seal = deployment.seal(f"person-{number % 2}")
        assert commit(journal, seal, os.urandom(3000)) is None
        os.write(promised, f"intent {exchange}\n".encode())
        assert conclude(journal, seal, os.urandom(3000)) is None
        os.write(promised, f"outcome {exchange}\n".encode())
        recorder.step()
    recorder.close()
    journal.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

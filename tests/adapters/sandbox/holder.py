"""Starts a model server and stays, for tests that kill it: ``python -m … MODE FOLDER``."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from tests.adapters.sandbox.real_model import server

from wardstead.adapters.sandbox.launcher import Launcher
from wardstead.isolation.plan import Mode

if __name__ == "__main__":
    launcher = Launcher(server(Path(sys.argv[2]), Mode(sys.argv[1])))
    launcher.start()
    print("healthy", flush=True)
    sys.exit(launcher.run(threading.Event()))

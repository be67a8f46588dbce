"""Runs the recorder of a test deployment until it is killed."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from tests.adapters.store.deployment import deploy

deployment = deploy(Path(sys.argv[1]))
deployment.recorder().run(threading.Event(), interval_s=float(sys.argv[2]) if len(sys.argv) > 2 else 0.005)

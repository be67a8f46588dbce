"""Other scanners, measured in the same run. Each has an environment of its own outside the tree; what does not install is said."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from bench.quality.peers import NotInstalled, install

HERE: Final = Path(__file__).parent
NAMES: Final = ("picklescan", "fickling", "modelscan", "modelaudit")
PROCESSES: Final = 2
"""Of a peer at a time: some take seconds for a file."""
QUIET: Final = {"PROMPTFOO_DISABLE_TELEMETRY": "1", "NO_ANALYTICS": "1", "DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1"}
"""Measuring tells nobody."""


def ask(name: str, folder: Path, paths: Sequence[Path]) -> list[str]:
    """What a peer says of each path: ``block``, ``warn``, ``clean``, or ``error`` (it failed, or took more than a minute)."""
    python = install(name, folder, HERE.parent / "peers.txt")
    with ThreadPoolExecutor(PROCESSES) as pool:
        shares = list(pool.map(lambda first: _run(name, python, paths[first::PROCESSES]), range(PROCESSES)))
    return [shares[number % PROCESSES][number // PROCESSES] for number in range(len(paths))]


def _run(name: str, python: Path, paths: Sequence[Path]) -> list[str]:
    asked = "".join(json.dumps(str(path)) + "\n" for path in paths)
    environment = {**os.environ, **QUIET}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [python, HERE / f"run_{name}.py"], input=asked, check=False, capture_output=True, text=True, env=environment
    )
    said = [line.removeprefix("verdict ") for line in done.stdout.splitlines() if line.startswith("verdict ")]
    if len(said) != len(paths):
        raise NotInstalled(f"it does not run: {(done.stderr.strip().splitlines() or ['no output'])[-1][:120]}")
    return said

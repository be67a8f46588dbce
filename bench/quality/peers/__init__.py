"""Other products, measured in the same run. Each has an environment of its own outside the tree; what does not install is said."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from bench.quality.engine import Prediction

HERE: Final = Path(__file__).parent
RUNNERS: Final = {"presidio-md": "presidio"}
"""Peers that share another's runner."""
ENVIRONMENTS: Final = {"llm-guard-anonymize": "llm-guard"}
"""Peers that share another's environment."""
PROCESSES: Final = 2
"""Of a peer at a time: some take half a second for a text."""


class NotInstalled(Exception):
    """A peer that is not here, and why."""


def requirements(pinned: Path = HERE.parent / "peers.txt") -> dict[str, list[str]]:
    """What each peer needs, pinned."""
    lines = [line for line in pinned.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    return {name: wanted.split() for name, _, wanted in (line.partition(": ") for line in lines)}


def install(name: str, folder: Path, pinned: Path = HERE.parent / "peers.txt") -> Path:
    """The interpreter of a peer's environment under ``folder``, made when it is not there. Raises ``NotInstalled``."""
    python = folder / name / "bin" / "python"
    refused = folder / f"{name}.refused"
    if refused.is_file():
        raise NotInstalled(refused.read_text("utf-8"))
    if not python.is_file():
        print(f"· {name}: installing", file=sys.stderr)
        venv.create(folder / name, with_pip=True)
        command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements(pinned)[name]]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            why = next((line for line in reversed(done.stderr.splitlines()) if line.startswith("ERROR")), "pip failed")
            refused.write_text(why, "utf-8")
            raise NotInstalled(why)
    return python


def ask(name: str, folder: Path, texts: Sequence[str]) -> list[list[Prediction]]:
    """What a peer finds in each text. Raises ``NotInstalled``, also where it does not start."""
    python = install(ENVIRONMENTS.get(name, name), folder)
    runner = HERE / f"run_{RUNNERS.get(name, name).replace('-', '_')}.py"
    with ThreadPoolExecutor(PROCESSES) as pool:
        shares = list(pool.map(lambda first: _run(python, runner, texts[first::PROCESSES]), range(PROCESSES)))
    return [shares[number % PROCESSES][number // PROCESSES] for number in range(len(texts))]


def _run(python: Path, runner: Path, texts: Sequence[str]) -> list[list[Prediction]]:
    asked = "".join(json.dumps(text) + "\n" for text in texts)
    done = subprocess.run([python, runner], input=asked, check=False, capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("[")]
    if done.returncode or len(lines) != len(texts):
        raise NotInstalled(f"it does not run: {(done.stderr.strip().splitlines() or ['no output'])[-1][:120]}")
    return [[Prediction(*one) for one in json.loads(line)] for line in lines]

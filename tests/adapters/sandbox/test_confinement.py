"""A confined process computes, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_nothing_can_be_opened_started_or_reached_any_more() -> None:
    script = Path(__file__).parent / "confined.py"
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=True)
    said = dict(line.split(":") for line in done.stdout.split())
    assert said.pop("sum") == "499500"
    assert set(said) == {"read", "write", "network", "unix", "fork", "run", "thread", "kill", "memory"}
    assert set(said.values()) == {"refused"}, said

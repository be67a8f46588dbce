"""modelscan with its own settings. Runs in its own environment."""

from pathlib import Path

from each import answer
from modelscan.modelscan import ModelScan


def verdict(path):
    scan = ModelScan()
    scan.scan(Path(path))
    found = {one.severity.name for one in scan.issues.all_issues}
    if found & {"CRITICAL", "HIGH"}:
        return "block"
    if found:
        return "warn"
    return "error" if scan.errors else "clean"


answer(verdict)

"""modelaudit with its own settings. Runs in its own environment."""

import contextlib
import io

from each import answer
from modelaudit.core import scan_model_directory_or_file


def verdict(path):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        found = scan_model_directory_or_file(path)
    said = {str(getattr(one.severity, "value", one.severity)).lower() for one in found.issues}
    if "critical" in said:
        return "block"
    return "warn" if "warning" in said else "clean"


answer(verdict)

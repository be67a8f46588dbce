"""What the runners share: a path a line in, a verdict a line out, with a limit on time. Imports nothing but the standard library."""

import json
import signal
import sys

LIMIT_S = 60


def _late(*_):
    raise TimeoutError


def answer(verdict):
    """Ask ``verdict(path)`` for each line."""
    signal.signal(signal.SIGALRM, _late)
    for line in sys.stdin:
        signal.alarm(LIMIT_S)
        try:
            said = verdict(json.loads(line))
        except BaseException:
            said = "error"
        finally:
            signal.alarm(0)
        print(f"\nverdict {said}", flush=True)

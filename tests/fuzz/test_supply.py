"""Model files, damaged by the thousand: every one ends in a verdict, soon, and within a limit of memory."""

from __future__ import annotations

import itertools
import os
import resource
import time

from tests.supply.hostile import examine, files

EXAMPLES = int(os.environ.get("WARDSTEAD_FUZZ_EXAMPLES", "300")) * 100
SEED = int(os.environ.get("WARDSTEAD_FUZZ_SEED", "20261126"))
SLOWEST_S = 30
GROWTH_KB = 600_000


def test_damaged_model_files() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number, (name, data) in enumerate(itertools.islice(files(SEED), EXAMPLES)):
        begun = time.process_time()
        examine(name, data)
        assert time.process_time() - begun < SLOWEST_S, (SEED, number, name)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < GROWTH_KB

"""Hypothesis profiles: fast for every run, deep for ``make fuzz``."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

collect_ignore = [] if "WARDSTEAD_FUZZ_EXAMPLES" in os.environ else ["fuzz"]

settings.register_profile("fast", max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("deep", max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))

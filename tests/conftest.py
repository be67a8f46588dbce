"""Hypothesis profiles: fast for every run, deep for ``make fuzz``. What takes long to compile is compiled once."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

from tests import compiled

collect_ignore = [] if "WARDSTEAD_FUZZ_EXAMPLES" in os.environ else ["fuzz"]

settings.register_profile("fast", max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("deep", max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))


def pytest_configure(config: pytest.Config) -> None:
    """Before any test file is read: many compile what they need when they are imported."""
    cache = getattr(config, "cache", None)  # '-p no:cacheprovider'
    if cache is not None:
        compiled.share(cache.mkdir("compiled"))

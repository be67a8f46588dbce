"""LLM Guard's scanner for secrets. Runs in its own environment; its scanner for personal data wants a model from a hub."""

import json
import logging
import sys

import structlog
from llm_guard.input_scanners import Secrets

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
scanner = Secrets()
for line in sys.stdin:
    _, valid, _ = scanner.scan(json.loads(line))
    print(json.dumps([] if valid else [["secret", 0, 0]]), flush=True)

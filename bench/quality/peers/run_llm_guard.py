"""LLM Guard's scanner for secrets, as it is. Runs in its own environment.

Its settings are entered once and not anew for each text, which changes no finding: it imports its hundred plug-ins each time.
"""

import contextlib
import json
import logging
import sys

import structlog
from llm_guard.input_scanners import Secrets
from llm_guard.input_scanners import secrets as module

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
scanner = Secrets()
with module.transient_settings(scanner._detect_secrets_config):
    module.transient_settings = lambda _: contextlib.nullcontext()
    for line in sys.stdin:
        _, valid, _ = scanner.scan(json.loads(line))
        print(json.dumps([] if valid else [["secret", 0, 0]]), flush=True)

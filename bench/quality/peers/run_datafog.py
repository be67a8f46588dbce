"""DataFog's default engine for personal data. Runs in its own environment."""

import json
import sys

import datafog

for line in sys.stdin:
    found = datafog.scan(json.loads(line)).entities
    print(json.dumps([[one.type, one.start, one.end] for one in found]), flush=True)

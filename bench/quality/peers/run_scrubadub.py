"""scrubadub with its default detectors. Runs in its own environment."""

import json
import sys

import scrubadub

scrubber = scrubadub.Scrubber()
for line in sys.stdin:
    found = scrubber.iter_filth(json.loads(line))
    print(json.dumps([[one.type, one.beg, one.end] for one in found]), flush=True)

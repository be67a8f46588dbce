"""The snippets of docs/how-to/connect-clients.md, run as they stand: only the port is this deployment's own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.e2e.deployment import Deployment

pytestmark = pytest.mark.e2e

PAGE = Path(__file__).parents[2] / "docs/how-to/connect-clients.md"
SECTION = re.compile(r"^## (.+)\n", re.MULTILINE)
CODE = re.compile(r"^```(python|js|sh)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def snippets() -> list[tuple[str, str, str]]:
    """(section, language, code) of each."""
    parts = SECTION.split(PAGE.read_text())[1:]
    return [(title, *found) for title, text in zip(parts[::2], parts[1::2], strict=True) for found in CODE.findall(text)]


SNIPPETS = snippets()


@pytest.mark.parametrize(("title", "language", "code"), SNIPPETS, ids=[title for title, _, _ in SNIPPETS])
def test_a_snippet_runs_as_it_stands(
    deployment: Deployment, key: str, tmp_path: Path, title: str, language: str, code: str
) -> None:
    code = code.replace("localhost:8443", f"localhost:{deployment.port}")
    script = tmp_path / "hello.mjs"
    script.write_text(code)
    command = {"python": [sys.executable, "-c", code], "js": ["node", str(script)], "sh": ["sh", "-c", code]}[language]
    if shutil.which(command[0]) is None:
        pytest.skip(f"there is no {command[0]} here")
    (tmp_path / "deployment").symlink_to(deployment.directory)
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "WARDSTEAD_KEY": key, "LANG": "C.UTF-8"}
    if title != "Without the environment":
        environment |= {"SSL_CERT_FILE": deployment.ca_file, "NODE_EXTRA_CA_CERTS": deployment.ca_file}
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_every_client_has_a_snippet() -> None:
    assert [title for title, _, _ in SNIPPETS] == [
        "curl", "openai", "anthropic", "ollama", "LangChain", "Node", "Without the environment",
    ]  # fmt: skip

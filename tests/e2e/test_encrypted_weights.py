"""Weights that are encrypted at rest: decrypted into the sandbox alone, with the real model; altered ones are not served."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest
import yaml
from tests.e2e.deployment import Deployment, create
from tests.e2e.echo import ask
from tests.e2e.test_root_key import PASSPHRASE, secret

pytestmark = pytest.mark.e2e


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Deployment]:
    made = create(tmp_path / "deployment")
    path = made.directory / "wardstead.yaml"
    config = yaml.safe_load(path.read_text())
    config["inspection"] = {"names": {"enabled": False}}
    path.write_text(yaml.safe_dump(config))
    try:
        yield made
    finally:
        made.down()


def refused(client: openai.OpenAI, model: str) -> str | None:
    """As what a question is refused. From the start nobody serves the model; a moment later it is suspended, and says why."""
    deadline = time.monotonic() + 60
    while True:
        with pytest.raises(openai.APIStatusError) as caught:
            ask(client, "Say one word.", model).parse()
        if caught.value.status_code < 500 or time.monotonic() > deadline:
            return caught.value.code
        time.sleep(0.1)


def test_encrypted_weights_serve_and_altered_ones_do_not(made: Deployment, tmp_path: Path) -> None:
    (weights,) = (made.directory / "models").glob("*.gguf")
    start = weights.read_bytes()[:4096]
    said = made.json("model", "encrypt", made.model)
    assert said["encrypted"]
    assert not weights.exists()
    file = Path(said["path"])
    assert file.read_bytes().find(start[64:128]) == -1
    assert made.run("model", "encrypt", made.model, check=False).returncode == 2
    passphrase = secret(tmp_path / "passphrase", PASSPHRASE)
    made.json("keys", "protect", "passphrase", "--secret-file", str(passphrase))
    made.environment = {"WARDSTEAD_UNSEAL_FILES": str(passphrase)}
    key = made.key("alice")
    made.up()
    http = httpx.Client(verify=made.tls, timeout=120)
    client = openai.OpenAI(base_url=f"{made.url}/v1", api_key=key, http_client=http, max_retries=0)
    assert ask(client, "Say one word.", made.model).parse().choices[0].message.content
    checks = {one["id"]: one for one in made.json("status")["posture"]["checks"]}
    assert checks[f"isolation.{made.model}"]["state"] == "green", "its weights cannot change any more"
    assert made.run("model", "decrypt", made.model, check=False).returncode == 4, "it runs"
    made.down()
    bare = json.loads(made.run("up", "--detach", "--isolation", "none", "--json", check=False).stdout)["error"]
    assert "sandbox alone" in f"{bare['what']} {bare.get('why', '')}"
    with file.open("r+b") as opened:
        opened.seek(5_000_000)
        opened.write(b"x")
    made.up()
    assert refused(client, made.model) == "model_not_admitted"
    found = made.json("model", "list", check=False)
    assert found["serving"] == {made.model: False}
    assert [one["state"] for one in found["admissions"]] == ["suspended"]
    made.down()
    assert made.run("model", "decrypt", made.model, check=False).returncode == 5

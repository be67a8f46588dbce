"""The root key under a passphrase, shares and a token: a deployment starts, answers, restarts; without them it does not."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from tests.e2e.deployment import Deployment
from tests.e2e.echo import Echo, ask, before

pytestmark = pytest.mark.e2e
MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
PASSPHRASE = "correct horse battery staple"


@pytest.fixture
def made(tmp_path: Path, echo: Echo) -> Iterator[Deployment]:
    made = before(echo, tmp_path / "deployment", {"public": None})
    try:
        yield made
    finally:
        made.down()


def secret(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text + "\n")
    return path


def answer(made: Deployment, key: str) -> Any:
    http = httpx.Client(verify=made.tls, timeout=60)
    client = openai.OpenAI(base_url=f"{made.url}/v1", api_key=key, http_client=http, max_retries=0)
    return ask(client, "The tide is high.", "public").parse().choices[0].message.content


def verified(made: Deployment) -> dict[str, Any]:
    said = made.json("ledger", "verify", "--contents")
    assert said["ok"], said
    assert said["contents"]["opened"] == said["entries"] + said["pending"]
    return said  # type: ignore[no-any-return]


def test_a_passphrase_is_wanted_at_each_start_and_rotations_lose_nothing(made: Deployment, tmp_path: Path) -> None:
    before = made.key("alice")
    file = secret(tmp_path / "passphrase", PASSPHRASE)
    said = made.json("keys", "protect", "passphrase", "--secret-file", str(file))
    assert said["provider"] == "passphrase"
    error = json.loads(made.run("up", "--port", str(made.port), "--detach", "--json", check=False).stdout)["error"]
    assert "passphrase is wanted" in error["what"]
    assert made.json("status", check=False)["running"] is False, "looking asks nobody"
    assert made.json("ledger", "verify")["ok"]
    made.environment = {"WARDSTEAD_UNSEAL_FILES": str(secret(tmp_path / "wrong", "incorrect horse battery"))}
    assert json.loads(made.run("up", "--detach", "--json", check=False).stdout)["error"]["code"] == "wrong_passphrase"
    made.environment = {"WARDSTEAD_UNSEAL_FILES": str(file)}
    made.up()
    assert answer(made, before)
    assert made.json("keys", "rotate")["epoch"] == 2
    assert answer(made, before), "it went on"
    sealed = (made.directory / "keys" / "root.key.sealed").read_bytes()
    assert made.json("keys", "rotate", "--root")["epoch"] == 3
    assert made.json("keys", "status")["rotation"] is None
    assert (made.directory / "keys" / "root.key.sealed").read_bytes() != sealed
    assert answer(made, before), "it went on"
    assert answer(made, made.key("bob")), "and with people who come now"
    made.down()
    assert made.json("keys", "rotate", "--root")["epoch"] == 4
    made.up()
    assert answer(made, before)
    assert PASSPHRASE not in made.logs()
    made.down()
    verified(made)
    plain = [path.name for path in (made.directory / "keys").iterdir() if path.suffix == ".key"]
    assert plain == []


def test_holders_of_shares_open_it_together(made: Deployment, tmp_path: Path) -> None:
    key = made.key("alice")
    said = made.json("keys", "protect", "shares", "--threshold", "2", "--holders", "3", "--output", str(tmp_path / "shares"))
    first, _, third = said["shares"]
    made.environment = {"WARDSTEAD_UNSEAL_FILES": first}
    refused = json.loads(made.run("up", "--detach", "--json", check=False).stdout)["error"]
    assert "share 2 of 2 is wanted" in refused["what"]
    made.environment = {"WARDSTEAD_UNSEAL_FILES": f"{third}:{first}"}
    made.up()
    assert made.json("keys", "rotate", "--root")["epoch"] == 2
    assert answer(made, key)
    made.down()
    made.json("keys", "protect", "file", "--yes")
    made.environment = {}
    made.up()
    assert answer(made, key)
    checks = {one["id"]: one["state"] for one in made.json("status")["posture"]["checks"]}
    assert checks["keys"] == "amber", "a plain file shouts"


@pytest.mark.skipif(not MODULE.exists() or shutil.which("softhsm2-util") is None, reason="SoftHSM is not installed")
def test_a_key_in_a_token_opens_it(made: Deployment, tmp_path: Path) -> None:
    (tmp_path / "tokens").mkdir()
    configuration = tmp_path / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {tmp_path / 'tokens'}\nobjectstore.backend = file\n")
    made.environment = {"SOFTHSM2_CONF": str(configuration)}
    make = ["softhsm2-util", "--init-token", "--free", "--label", "office", "--pin", "1234", "--so-pin", "12345678"]
    subprocess.run(make, check=True, capture_output=True, env=made.environment)
    key, pin = made.key("alice"), secret(tmp_path / "pin", "1234")
    token = ["--module", str(MODULE), "--token", "office", "--make-key", "--secret-file", str(pin)]
    assert made.json("keys", "protect", "pkcs11", *token)["provider"] == "pkcs11"
    made.environment["WARDSTEAD_UNSEAL_FILES"] = str(pin)
    made.up()
    assert answer(made, key)
    assert made.json("keys", "rotate", "--root")["epoch"] == 2
    assert answer(made, key), "the new root key is kept by the same token"
    made.down()
    verified(made)
    shutil.move(tmp_path / "tokens", tmp_path / "stolen")
    (tmp_path / "tokens").mkdir()
    refused = json.loads(made.run("up", "--detach", "--json", check=False).stdout)["error"]
    assert refused["code"] == "token_failed"

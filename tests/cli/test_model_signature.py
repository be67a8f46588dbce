"""``model sign-files`` at the command line: what it signs, leaves out and refuses."""

from __future__ import annotations

import json
from base64 import b64decode
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from typer.testing import CliRunner

from wardstead.cli.main import app
from wardstead.supply.admission import AdmittedFile
from wardstead.supply.admission_policy import Publisher
from wardstead.supply.model_signing import signer


@pytest.fixture
def key(tmp_path: Path) -> Path:
    made = tmp_path / "key.pem"
    secret = ec.generate_private_key(ec.SECP256R1())
    made.write_bytes(secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return made


@pytest.fixture
def model(tmp_path: Path) -> Path:
    root = tmp_path / "m"
    for name in ("w.gguf", "c/config.json", ".gitattributes", ".git/HEAD"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


def sign(path: Path, key: Path, output: Path) -> dict[str, object]:
    done = CliRunner().invoke(
        app, ["model", "sign-files", str(path), "--private-key", str(key), "--output", str(output), "--json"]
    )
    said: dict[str, object] = json.loads(done.stdout)
    return {"exit": done.exit_code, **said}


def test_every_file_but_gits_and_the_signature_is_signed(key: Path, model: Path) -> None:
    output = model / "model.sig"
    for _ in range(2):  # the second time the first signature lies there
        done = sign(model, key, output)
        digests = {name: sha256(name.encode()).hexdigest() for name in ("w.gguf", "c/config.json")}
        assert (done["exit"], done["files"]) == (0, digests)
    ours = Publisher(name="Us", public_key=str(done["public_key"]))
    files = [AdmittedFile(f"models/m/{name}", digest, 1) for name, digest in digests.items()]
    assert signer(output.read_bytes(), [ours], files, 0) == ours
    statement = json.loads(b64decode(json.loads(output.read_bytes())["dsseEnvelope"]["payload"]))
    assert "model.sig" in statement["predicate"]["serialization"]["ignore_paths"]
    assert statement["subject"][0]["name"] == "m"


def test_a_model_that_is_one_file(key: Path, model: Path, tmp_path: Path) -> None:
    assert list(sign(model / "w.gguf", key, tmp_path / "w.sig")["files"]) == ["."]  # type: ignore[call-overload]


def test_a_link_and_a_signature_in_the_models_place_are_refused(key: Path, model: Path, tmp_path: Path) -> None:
    (model / "again.gguf").symlink_to("w.gguf")
    done = sign(model, key, tmp_path / "m.sig")
    assert (done["exit"], done["error"]["code"], done["error"]["where"]) == (2, "not_signed", "again.gguf")  # type: ignore[index]
    assert not (tmp_path / "m.sig").exists()
    assert sign(model / "w.gguf", key, model / "w.gguf")["exit"] == 2
    assert (model / "w.gguf").read_text() == "w.gguf"

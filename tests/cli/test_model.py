"""``model scan``: what it says, as what, and how it ends. It needs no deployment."""

from __future__ import annotations

import hashlib
import json
import os
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

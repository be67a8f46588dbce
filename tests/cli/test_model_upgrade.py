"""``model upgrade-check``: what would change, file by file and finding by finding."""

from __future__ import annotations

import json
from pathlib import Path

from bench.supply.families.tensors import DATA, PLAIN, TENSORS, gguf
from typer.testing import CliRunner

from wardstead.cli.main import app

PLAIN_TEMPLATE = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"


def check(tmp_path: Path, *arguments: str) -> tuple[int, dict[str, object]]:
    done = CliRunner().invoke(app, ["-C", str(tmp_path / "none"), "model", "upgrade-check", *arguments, "--json"])
    return done.exit_code, json.loads(done.stdout)


def model(folder: Path, template: str, licence: str, **more: bytes) -> str:
    folder.mkdir()
    pairs = [*PLAIN, ("tokenizer.chat_template", template), ("general.license", licence)]
    (folder / "model.gguf").write_bytes(gguf(pairs, TENSORS, DATA))
    (folder / "LICENSE").write_text(f"SPDX-License-Identifier: {licence}\n")
    for name, data in more.items():
        (folder / f"{name}.pkl").write_bytes(data)
    return str(folder)


def test_what_would_change_is_told_and_what_is_new_and_grave_is_1(tmp_path: Path) -> None:
    old = model(tmp_path / "old", PLAIN_TEMPLATE, "MIT", gone=b"N.")
    new = model(tmp_path / "new", PLAIN_TEMPLATE + "{{ ''.__class__ }}", "AGPL-3.0-only", extra=b"cos\nsystem\n(S'true'\ntR.")
    code, said = check(tmp_path, old, new)
    assert code == 1
    assert said["files"] == {"added": ["extra.pkl"], "removed": ["gone.pkl"], "changed": ["LICENSE", "model.gguf"]}
    assert said["verdict"] == {"before": "clean", "after": "blocked"}
    findings = said["findings"]
    assert isinstance(findings, dict)
    assert {one["rule"] for one in findings["new"]} == {"pickle-code", "template-code"}
    assert said["template_changes"]
    licences = said["licences"]
    assert isinstance(licences, dict)
    assert "AGPL-3.0-only" in licences["after"]
    assert "AGPL-3.0-only" not in licences["before"]


def test_the_same_under_another_name_is_the_same(tmp_path: Path) -> None:
    for name in ("a-v1.gguf", "a-v2.gguf"):
        (tmp_path / name).write_bytes(gguf(PLAIN, TENSORS, DATA))
    code, said = check(tmp_path, str(tmp_path / "a-v1.gguf"), str(tmp_path / "a-v2.gguf"))
    assert (code, said["same"], said["asks"]) == (0, True, None)


def test_people_are_told_in_words(tmp_path: Path) -> None:
    old, new = model(tmp_path / "old", PLAIN_TEMPLATE, "MIT"), model(tmp_path / "new", PLAIN_TEMPLATE + " ", "MIT")
    told = CliRunner().invoke(app, ["-C", str(tmp_path / "none"), "model", "upgrade-check", old, new])
    assert told.exit_code == 0
    assert "the chat template" in told.output
    assert "clean before, clean after" in told.output

"""``model bom``: valid by the standards' own schemas, the same each time, complete where it is told everything."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from bench.supply.families.tensors import DATA, ENTRY, PLAIN, TENSORS, gguf, safetensors
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from spdx_python_model import v3_0_1 as spdx
from tests.cli.test_packages import Room, archive, record
from tests.supply.bom.test_facts import CARD
from typer.testing import CliRunner, Result

from wardstead.cli.main import app

EVERYTHING = """
name: Example
version: "1.0"
supplier: Example Ltd
author: Jane Doe
description: A model.
purpose: answers questions
domain: office work
autonomy: "no"
standards: [ISO/IEC 42001]
licences: [apache-2.0, Our own]
approach: self-supervised
task: text-generation
family: transformer
datasets: [{name: corpus, url: "https://data.example/c", description: public text}]
ancestors: [{name: base, relation: quantized, version: "2", url: "https://models.example/b"}]
metrics: [{type: accuracy, value: "0.7", dataset: mmlu}]
decision_threshold: none
training: on public text
hyperparameters: {layers: "2"}
preprocessing: deduplicated
sensitive_data: "no"
users: [employees]
uses: questions
limitations: English alone
safety: low
explainability: none
energy: {kwh: 12.5, activity: fine-tuning, source: grid}
download: https://models.example/1b
source: https://git.example/1b
documentation: https://docs.example/1b
"""


def model(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["model", *map(str, arguments)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "model"
    path.mkdir()
    (path / "model.gguf").write_bytes(gguf(PLAIN, TENSORS, DATA))
    (path / "bad.safetensors").write_bytes(safetensors({"a": ENTRY}, bytes(64) + b"payload"))
    (path / "README.md").write_text(CARD)
    (path / "config.json").write_text('{"architectures": ["LlamaForCausalLM"], "num_attention_heads": 2}')
    (tmp_path / "facts.yaml").write_text(EVERYTHING)
    return path


def written(*arguments: str | Path) -> dict[str, Any]:
    done = model("bom", *arguments)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)  # type: ignore[no-any-return]


@pytest.mark.parametrize(("form", "version"), [("cyclonedx-1.6", SchemaVersion.V1_6), ("cyclonedx-1.7", SchemaVersion.V1_7)])
@pytest.mark.parametrize("told", [False, True])
def test_a_bill_is_valid_by_the_official_schema(folder: Path, form: str, version: SchemaVersion, told: bool) -> None:
    facts = ["--facts", folder.parent / "facts.yaml"] if told else []
    document = written(folder, "--format", form, *facts)
    assert JsonStrictValidator(version).validate_str(json.dumps(document)) is None
    assert document["specVersion"] == form.removeprefix("cyclonedx-")


def test_a_bill_of_spdx_names_what_serves_and_what_is_wrong_with_it(folder: Path, tmp_path: Path) -> None:
    lock, known = tmp_path / "requirements.txt", tmp_path / "advisories.db"
    lock.write_text("vllm==0.6.0\nnumpy==2.0\n")
    malicious = archive(tmp_path / "all.zip", record("MAL-1", "vllm", "0.7", severity=[]))
    assert CliRunner().invoke(app, ["advisories", "import", str(malicious), "--advisories", str(known)]).exit_code == 0
    done = model("bom", folder, "--format", "spdx-3.0", "--serving", lock, "--advisories", known, "-o", tmp_path / "bom.json")
    assert done.exit_code == 0, done.output
    objects = spdx.SHACLObjectSet()
    with (tmp_path / "bom.json").open("rb") as file:
        spdx.JSONLDDeserializer().read(file, objects)
    assert {one.name for one in objects.foreach_type(spdx.software_Package)} >= {"vllm", "numpy"}
    assert [one.name for one in objects.foreach_type(spdx.security_Vulnerability)] == ["MAL-1"]


@pytest.mark.parametrize("told", [False, True])
def test_a_bill_of_spdx_is_read_by_the_standards_own_model(folder: Path, told: bool) -> None:
    facts = ["--facts", folder.parent / "facts.yaml"] if told else []
    done = model("bom", folder, "--format", "spdx-3.0", "-o", folder.parent / "bom.json", *facts)
    assert done.exit_code == 0
    objects = spdx.SHACLObjectSet()
    with (folder.parent / "bom.json").open("rb") as file:
        spdx.JSONLDDeserializer().read(file, objects)
    (package,) = [one for one in objects.foreach_type(spdx.ai_AIPackage) if one.name == "Example"]
    assert package.verifiedUsing[0].algorithm.endswith("sha256")
    assert {one.name for one in objects.foreach_type(spdx.software_File)} == {
        "model.gguf",
        "bad.safetensors",
        "README.md",
        "config.json",
    }
    assert objects.link() == set()


def test_every_file_has_its_digest_and_every_finding_its_place(folder: Path) -> None:
    document = written(folder)
    digests = {one["name"]: one["hashes"][0]["content"] for one in document["components"] if one["type"] == "file"}
    assert digests == {one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in folder.iterdir()}
    lines = "".join(f"{digests[name]}  {name}\n" for name in sorted(digests))
    assert document["metadata"]["component"]["hashes"][0]["content"] == hashlib.sha256(lines.encode()).hexdigest()
    found = {one["id"]: one for one in document["vulnerabilities"]}
    assert found["trailing-data"]["affects"] == [{"ref": "file:bad.safetensors"}]
    assert found["trailing-data"]["cwes"] == [506]
    assert "blocked" in document["declarations"]["attestations"][0]["summary"]


def test_the_same_files_give_the_same_bill_and_another_byte_another(folder: Path) -> None:
    first = model("bom", folder).stdout
    assert model("bom", folder).stdout == first
    (folder / "config.json").write_text("{}")
    second = json.loads(model("bom", folder, "--timestamp", "2026-01-02T03:04:05").stdout)
    assert second["serialNumber"] != json.loads(first)["serialNumber"]
    assert second["metadata"]["timestamp"] == "2026-01-02T03:04:05Z"


def test_what_serves_the_model_is_in_the_bill_with_its_advisories(folder: Path, tmp_path: Path) -> None:
    room = Room(tmp_path)
    room.take(archive(tmp_path / "all.zip", record("GHSA-1", "torch", "2.6.0", aliases=["CVE-2026-0001"])))
    document = written(folder, "--serving", room.lock("torch==2.5.0"), "--advisories", room.file)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(document)) is None
    assert "pkg:pypi/torch@2.5.0" in document["dependencies"][0]["dependsOn"]
    (one,) = [each for each in document["vulnerabilities"] if each["id"] == "CVE-2026-0001"]
    assert (one["affects"], one["recommendation"]) == ([{"ref": "pkg:pypi/torch@2.5.0"}], "Update to 2.6.0")


def ollama(store: Path, *weights: bytes) -> list[Path]:
    (store / "blobs").mkdir(parents=True)
    made = []
    for number, content in enumerate(weights):
        digest = hashlib.sha256(content).hexdigest()
        (store / "blobs" / f"sha256-{digest}").write_bytes(content)
        made.append(store / f"manifests/registry.ollama.ai/library/m{number}/latest")
        made[-1].parent.mkdir(parents=True)
        layer = {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{digest}", "size": len(content)}
        made[-1].write_text(json.dumps({"schemaVersion": 2, "layers": [layer]}))
    return made


def test_a_manifest_of_ollama_is_its_model_and_a_store_of_several_has_no_one_bill(tmp_path: Path) -> None:
    first, second = ollama(tmp_path / "models", gguf(PLAIN, TENSORS, DATA), b"not a model\x00" * 9)
    named = {one["name"] for one in written(first)["components"] if one["type"] == "file"}
    assert named == {"manifests/registry.ollama.ai/library/m0/latest", *(f"blobs/{one.name}" for one in blobs_of(first))}
    several = model("bom", tmp_path / "models", "-o", tmp_path / "bom.json")
    assert several.exit_code == 2
    assert "m0/latest" in several.output
    blobs_of(second)[0].write_bytes(b"another")
    scanned = json.loads(model("scan", second, "--json").stdout)
    assert [one["rule"] for one in scanned["findings"]] == ["digest-mismatch"]
    blobs_of(second)[0].unlink()
    assert json.loads(model("scan", second, "--json").stdout)["verdict"] == "blocked"


def test_the_licence_and_the_card_in_a_store_are_known_by_what_its_manifest_calls_them(tmp_path: Path) -> None:
    licences = (b"SPDX-License-Identifier: Apache-2.0\n", b"House Rules Community License\nYou may.\n")
    kinds = ("application/vnd.ollama.image.model", *2 * ("application/vnd.ollama.image.license",))
    weights = gguf(PLAIN, TENSORS, DATA)
    manifest = stored(
        tmp_path / "m", "-", "manifests/registry.ollama.ai/library/m/latest", (weights, *licences), kinds, ("",) * 3
    )
    assert licences_in(written(manifest)) == {"Apache-2.0", "House Rules Community License"}
    names = ("model.gguf", "docs/LICENSE", "README.md")
    parts = (weights, licences[0], CARD.encode())
    layout = stored(tmp_path / "o", "/", "index.json", parts, ("application/octet-stream",) * 3, names).parent
    assert licences_in(written(layout)) == {"our-licence"}
    assert written(layout)["metadata"]["component"]["description"] == "A small model for offices."
    only = stored(tmp_path / "n", "/", "index.json", parts[:2], ("application/octet-stream",) * 2, names[:2]).parent
    assert licences_in(written(only)) == {"Apache-2.0"}


def stored(root: Path, joint: str, index: str, parts: Sequence[bytes], kinds: Sequence[str], names: Sequence[str]) -> Path:
    """Blobs and their manifest, which in an OCI layout is a blob as well."""
    layers = []
    (root / "blobs" / "sha256").mkdir(parents=True)
    for data, kind, name in zip(parts, kinds, names, strict=True):
        digest = hashlib.sha256(data).hexdigest()
        (root / "blobs" / f"sha256{joint}{digest}").write_bytes(data)
        said = {"annotations": {"org.opencontainers.image.title": name}} if name else {}
        layers.append({"mediaType": kind, "digest": f"sha256:{digest}", "size": len(data), **said})
    manifest = json.dumps({"schemaVersion": 2, "layers": layers}).encode()
    path = root / index
    path.parent.mkdir(parents=True, exist_ok=True)
    if joint == "/":
        digest = hashlib.sha256(manifest).hexdigest()
        (root / "blobs" / "sha256" / digest).write_bytes(manifest)
        manifest = json.dumps({"schemaVersion": 2, "manifests": [{"digest": f"sha256:{digest}"}]}).encode()
    path.write_bytes(manifest)
    return path


def licences_in(bill: dict[str, Any]) -> set[str]:
    (model,) = [one for one in bill["components"] if one["type"] == "machine-learning-model"] or [bill["metadata"]["component"]]
    return {one["license"].get("id") or one["license"]["name"] for one in model.get("licenses", ())}


def blobs_of(manifest: Path) -> list[Path]:
    layers = json.loads(manifest.read_text())["layers"]
    return [manifest.parents[4] / "blobs" / one["digest"].replace(":", "-") for one in layers]


def test_completeness_is_counted_and_what_is_missing_is_told(folder: Path, tmp_path: Path) -> None:
    bare, full = tmp_path / "bare.json", tmp_path / "full.json"
    model("bom", folder / "config.json", "-o", bare)
    model("bom", folder, "--facts", tmp_path / "facts.yaml", "-o", full)
    done = model("bom-score", bare, "--json")
    said = json.loads(done.stdout)
    assert done.exit_code == 1
    assert {"SBOM author", "limitation"} <= {one["field"] for one in said["missing"]}
    assert said["score"] == round(sum(said["categories"].values()), 1) < 60
    done = model("bom-score", full, "--json")
    assert (done.exit_code, json.loads(done.stdout)["score"], json.loads(done.stdout)["missing"]) == (0, 100.0, [])
    assert json.loads(done.stdout)["minimum"] == json.loads(done.stdout)["minimum_of"]


def test_a_difference_names_what_changed(folder: Path, tmp_path: Path) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    model("bom", folder, "-o", old)
    (folder / "bad.safetensors").unlink()
    (folder / "config.json").write_text('{"architectures": ["Other"]}')
    model("bom", folder, "-o", new)
    done = model("bom-diff", old, new, "--json")
    said = {(one["kind"], one["place"]) for one in json.loads(done.stdout)["changes"]}
    assert done.exit_code == 1
    expected = {
        ("removed", "component file bad.safetensors"), ("removed", "finding trailing-data in file:bad.safetensors"),
        ("changed", "component file config.json"), ("changed", "model modelCard.modelParameters.modelArchitecture"),
    }  # fmt: skip
    assert expected <= said
    assert model("bom-diff", old, old).exit_code == 0


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b"\xff",
        b'{"bomFormat": "CycloneDX", "metadata": 3}',
        b'{"bomFormat": "CycloneDX", "metadata": {"component": ' + b'{"a": ' * 900 + b"1" + b"}" * 902,
    ],
)
def test_what_is_no_bill_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    for command in (("bom-score", path), ("bom-diff", path, path), ("bom-score", tmp_path / "missing")):
        done = model(*command, "--json")
        assert (done.exit_code, json.loads(done.stdout)["error"]["code"]) == (2, "no_bill")


def test_software_alone_has_a_bill_too(tmp_path: Path) -> None:
    room = Room(tmp_path)
    room.take(archive(tmp_path / "all.zip", record("GHSA-1", "torch", "2.6.0")))
    done = room.run("packages", "bom", room.lock("torch==2.5.0", "numpy==2.0"), "--name", "server", "--advisories", room.file)
    document = json.loads(done.stdout)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(done.stdout) is None
    assert [one["purl"] for one in document["components"]] == ["pkg:pypi/numpy@2.0", "pkg:pypi/torch@2.5.0"]
    assert [one["id"] for one in document["vulnerabilities"]] == ["GHSA-1"]


def test_our_own_bill_is_valid_and_names_what_is_compiled_in(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["-C", str(tmp_path), "packages", "bom"])
    document = json.loads(done.stdout)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(done.stdout) is None
    assert document["metadata"]["component"]["name"] == "wardstead"
    purls = {one["purl"].partition("@")[0] for one in document["components"]}
    assert {"pkg:pypi/cryptography", "pkg:pypi/msgspec"} <= purls
    assert any(one.startswith("pkg:cargo/") for one in purls)

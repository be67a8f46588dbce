"""What a deployment knows of its own: made by commands, kept as digests, refused when altered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.inspection.known.test_passages import CONTRACT
from typer.testing import CliRunner

from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.detection import known
from wardstead.bootstrap.detection.detectors import text_detectors
from wardstead.cli.main import app
from wardstead.kernel.errors import CallerError, ConfigurationError, IntegrityError


def run(deployment: Deployment, *arguments: str) -> tuple[int, dict[str, object]]:
    result = CliRunner().invoke(app, ["-C", str(deployment.places.directory), "classify", *arguments, "--json"])
    return result.exit_code, json.loads(result.stdout)


@pytest.fixture
def ids(tmp_path: Path) -> Path:
    path = tmp_path / "customers.csv"
    path.write_text("name;id;note\nAnn;AC-104-22;x\nBob;AC-988-17;\nCy;;\n")
    return path


def test_values_are_imported_from_a_column_and_found(deployment: Deployment, ids: Path) -> None:
    code, made = run(deployment, "import-values", "--type", "customer-id", "--column", "id", str(ids))
    assert (code, made["count"], made["too_short"], made["type"]) == (0, 2, 1, "customer-id")
    data = Path(str(made["file"])).read_bytes()
    assert b"104" not in data
    assert b"ac10422" not in data
    assert Path(str(made["file"])).stat().st_mode & 0o077 == 0
    (matcher,) = known.windowed(deployment)
    assert [(place.start, place.end) for place in matcher.matches(b"for ac 104 22.", 0, 14)] == [(4, 13)]


def test_a_column_may_be_a_number_and_an_import_replaces_the_one_before(deployment: Deployment, ids: Path) -> None:
    for column in ("2", "id"):
        code, made = run(deployment, "import-values", "--type", "customer-id", "--column", column, str(ids))
        assert (code, made["count"]) == (0, 2)
    assert len(known.indexes(deployment)) == 1
    for column in ("nothing", "0", "9"):
        with pytest.raises(CallerError, match="no column") as caught:
            known.import_values(deployment, ids, name="ids", kind="customer-id", category="own-data", column=column)
        assert "'id'" in caught.value.why  # an error names the columns that there are


def test_a_document_is_known_after_its_fingerprint(deployment: Deployment, tmp_path: Path) -> None:
    file = tmp_path / "contract.txt"
    file.write_text(CONTRACT)
    code, made = run(deployment, "fingerprint", "frame-contract", str(file))
    assert code == 0
    assert made["type"] == "known-document"
    (detector,) = [one for one in text_detectors(deployment) if one.id == "known-documents"]
    assert detector.detect([CONTRACT.upper()])[0][0].type == "known-document"
    assert run(deployment, "fingerprint", "No Name", str(file))[0] == 2


def test_dictionaries_are_files_and_all_is_listed(deployment: Deployment, ids: Path) -> None:
    folder = deployment.places.policies / "dictionaries"
    folder.mkdir()
    (folder / "project-name.txt").write_text("Operation Heron\n# not this\nBlue Manta\n")
    run(deployment, "import-values", "--type", "customer-id", "--column", "id", str(ids))
    code, shown = run(deployment, "known")
    rows = shown["known"]
    assert isinstance(rows, list)
    assert code == 0
    assert [(row["kind"], row["type"], row["count"]) for row in rows] == [
        ("dictionary", "project-name", 2),
        ("values", "customer-id", 2),
    ]
    assert len(known.windowed(deployment)) == 2


def test_an_altered_index_or_a_lost_key_is_refused(deployment: Deployment, ids: Path) -> None:
    _, made = run(deployment, "import-values", "--type", "customer-id", "--column", "id", str(ids))
    path = Path(str(made["file"]))
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(IntegrityError) as caught:
        known.windowed(deployment)
    assert caught.value.where == str(path)
    path.write_bytes(data)
    (deployment.places.keys / "known.key").unlink()
    with pytest.raises(ConfigurationError):
        known.windowed(deployment)
    with pytest.raises(ConfigurationError, match="is gone"):
        known.import_values(deployment, ids, name="ids", kind="customer-id", category="own-data", column="id")


def test_an_index_that_is_gone_is_missed_until_it_is_forgotten(deployment: Deployment, ids: Path) -> None:
    _, made = run(deployment, "import-values", "--type", "customer-id", "--column", "id", str(ids))
    path = Path(str(made["file"]))
    path.unlink()
    with pytest.raises(IntegrityError, match="is gone") as caught:
        known.windowed(deployment)
    assert caught.value.where == str(path)
    code, said = run(deployment, "known")
    assert code == 5
    assert "forget" in json.dumps(said)
    assert run(deployment, "forget", "customer-id", "--yes") == (0, {"forgotten": [path.name]})
    assert known.windowed(deployment) == ()
    assert run(deployment, "forget", "customer-id", "--yes")[0] == 2
    # Made again, it is wanted again. One that was made before there was a list is wanted from the next start on.
    run(deployment, "import-values", "--type", "customer-id", "--column", "id", str(ids))
    (deployment.places.state / "known.json").unlink()
    known.begin(deployment)
    path.rename(path.with_suffix(".away"))
    with pytest.raises(IntegrityError, match="is gone"):
        known.windowed(deployment)
    path.with_suffix(".away").rename(path)
    assert len(known.windowed(deployment)) == 1
    (deployment.places.state / "known.json").write_text("[]")
    with pytest.raises(IntegrityError, match="list of indexes"):
        known.windowed(deployment)


def test_what_the_policy_says_nothing_of_is_not_imported(deployment: Deployment, ids: Path) -> None:
    with pytest.raises(ConfigurationError, match="no rule covers"):
        known.import_values(deployment, ids, name="ids", kind="customer-id", category="surprise", column="id")
    with pytest.raises(CallerError):
        known.import_values(deployment, ids, name="ids", kind="Customer", category="own-data", column="id")
    empty = ids.with_name("empty.txt")
    empty.write_text("1\n2\n")
    with pytest.raises(CallerError, match="nothing is left"):
        known.import_values(deployment, empty, name="ids", kind="customer-id", category="own-data")
    assert known.listed(deployment) == []


def test_classify_knows_terms_values_and_documents(deployment: Deployment, ids: Path, tmp_path: Path) -> None:
    config = deployment.places.config
    config.write_text(config.read_text().replace("enabled: true", "enabled: false"))  # a model sees names everywhere in it
    folder = deployment.places.policies / "dictionaries"
    folder.mkdir()
    (folder / "project-name.txt").write_text("Operation Heron\n")
    contract, text = tmp_path / "contract.txt", tmp_path / "text.txt"
    contract.write_text(CONTRACT)
    run(deployment, "import-values", "--type", "customer-id", "--column", "id", str(ids))
    run(deployment, "fingerprint", "frame-contract", str(contract))
    text.write_text(f"operation HERON for ac 104 22: {CONTRACT}")
    code, shown = run(deployment, str(text))
    findings = shown["findings"]
    assert isinstance(findings, list)
    assert code == 0
    own = [one for one in findings if one["category"] in {"own-data", "known-document"}]
    assert {one["type"]: one["detector"] for one in own} == {
        "project-name": "dictionary:project-name.txt",
        "customer-id": "values:customer-id",
        "known-document": "known-documents",
    }
    assert shown["label"] == {"level": "confidential", "compartments": ["legal"]}


def test_an_error_about_columns_tells_no_values(deployment: Deployment, tmp_path: Path) -> None:
    headless = tmp_path / "ids.csv"
    for first in ("AC-10422,Berlin", "m.okafor@example.org,Berlin", "4111 1111 1111 1111,x"):
        headless.write_text(f"{first}\nAC-10423,Paris\n")
        with pytest.raises(CallerError, match="no column") as caught:
            known.import_values(deployment, headless, name="ids", kind="customer-id", category="own-data", column="id")
        assert caught.value.why == "it has 2 columns"

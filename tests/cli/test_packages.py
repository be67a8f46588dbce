"""``advisories`` and ``packages``: what they say, as what, and how they end."""

from __future__ import annotations

import gzip
import io
import json
import os
import sqlite3
import struct
import tarfile
import time
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.supply.packages.test_go_programs import OLLAMA, build_information
from typer.testing import CliRunner, Result

from wardstead.cli.main import app

NOW = datetime.now(UTC)
HIGH = [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H"}]
CRITICAL = [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]


def record(name: str, package: str, fixed: str, *, ecosystem: str = "PyPI", age: int = 0, **more: Any) -> dict[str, Any]:
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}]
    affected = [{"package": {"ecosystem": ecosystem, "name": package}, "ranges": ranges}]
    modified = (NOW - timedelta(days=age)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"id": name, "modified": modified, "affected": affected, "summary": f"{package} does harm.", "severity": HIGH} | more


def archive(path: Path, *records: dict[str, Any], age: int = 0) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for one in records:
            info = zipfile.ZipInfo(f"{one['id']}.json", (NOW - timedelta(days=age)).timetuple()[:6])
            file.writestr(info, json.dumps(one))
    return path


class Room:
    """A place with advisories of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "advisories.db"

    def run(self, *arguments: str | Path) -> Result:
        return CliRunner().invoke(app, ["-C", str(self.folder / "deployment"), *map(str, arguments)])

    def take(self, *sources: Path, more: tuple[str, ...] = ()) -> Result:
        return self.run("advisories", "import", *sources, "--advisories", self.file, *more, "--json")

    def audit(self, *arguments: str | Path) -> tuple[int, dict[str, Any]]:
        done = self.run("packages", "audit", *arguments, "--advisories", self.file, "--json")
        return done.exit_code, json.loads(done.stdout)

    def lock(self, *lines: str) -> Path:
        path = self.folder / "requirements.txt"
        path.write_text("\n".join(lines))
        return path


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def test_a_package_with_an_advisory_is_found_with_what_mends_it(room: Room) -> None:
    done = room.take(archive(room.folder / "all.zip", record("GHSA-1", "torch", "2.6.0", aliases=["CVE-2026-0001"])))
    assert done.exit_code == 0
    assert json.loads(done.stdout)["imported"][0]["ecosystems"] == ["PyPI"]
    code, said = room.audit(room.lock("torch==2.5.0", "numpy==2.0.0"))
    (one,) = said["weaknesses"]
    assert (code, said["gaps"], said["packages"]) == (1, [], 2)
    assert (one["id"], one["package"], one["severity"], one["score"], one["fixed"]) == (
        "CVE-2026-0001", "pkg:pypi/torch@2.5.0", "warn", 8.8, ["2.6.0"],
    )  # fmt: skip
    assert one["next_step"] == "Update to 2.6.0"
    assert room.audit(room.lock("torch==2.6.0")) == (0, {"packages": 1, "ecosystems": {"PyPI": 1}, "weaknesses": [], "gaps": []})


def test_without_advisories_nothing_is_called_sound(room: Room) -> None:
    code, said = room.audit(room.lock("torch==2.6.0"))
    assert (code, [one["rule"] for one in said["gaps"]]) == (1, ["no-advisories"])
    assert "PyPI" in said["gaps"][0]["what"]


def test_old_advisories_are_a_finding(room: Room) -> None:
    room.take(archive(room.folder / "all.zip", record("GHSA-1", "x", "1", age=30), age=30))
    code, said = room.audit(room.lock("torch==2.6.0"))
    assert (code, [one["rule"] for one in said["gaps"]]) == (1, ["stale-advisories"])
    assert room.audit(room.lock("torch==2.6.0"), "--max-age-days", "31")[0] == 0


def test_an_update_replaces_what_is_older_and_never_what_is_newer(room: Room) -> None:
    room.take(archive(room.folder / "all.zip", record("GHSA-1", "torch", "2.6.0", age=2), record("GHSA-2", "flask", "2", age=2)))
    newer = room.folder / "changes"
    newer.mkdir()
    (newer / "a.json").write_text(json.dumps(record("GHSA-1", "torch", "2.7.0")))
    assert json.loads(room.take(newer).stdout)["imported"][0]["new"] == 1
    older = archive(room.folder / "older.zip", record("GHSA-1", "torch", "2.5.0", age=9), age=9)
    assert json.loads(room.take(older).stdout)["imported"][0]["new"] == 0
    _, said = room.audit(room.lock("torch==2.6.0", "flask==1.0"))
    assert {one["package"]: one["fixed"] for one in said["weaknesses"]} == {
        "pkg:pypi/torch@2.6.0": ["2.7.0"],
        "pkg:pypi/flask@1.0": ["2"],
    }
    assert said["gaps"] == []


def test_a_few_records_make_no_ecosystem_known(room: Room) -> None:
    folder = room.folder / "changes"
    folder.mkdir()
    (folder / "a.json").write_text(json.dumps(record("GHSA-1", "torch", "2.7.0")))
    room.take(folder)
    assert [one["rule"] for one in room.audit(room.lock("torch==2.7.0"))[1]["gaps"]] == ["no-advisories"]
    room.take(folder, more=("--ecosystem", "PyPI"))
    assert room.audit(room.lock("torch==2.7.0"))[1]["gaps"] == []


def test_a_few_records_make_what_is_there_look_no_newer(room: Room) -> None:
    room.take(archive(room.folder / "all.zip", record("GHSA-1", "x", "1", age=30), age=30))
    folder = room.folder / "changes"
    folder.mkdir()
    (folder / "a.json").write_text(json.dumps(record("GHSA-2", "torch", "2.7.0")))
    assert room.take(folder).exit_code == 0
    _, said = room.audit(room.lock("torch==2.6.0"))
    assert [one["rule"] for one in said["gaps"]] == ["stale-advisories"]
    assert [one["id"] for one in said["weaknesses"]] == ["GHSA-2"]


def test_a_stray_record_of_another_ecosystem_does_not_make_that_one_known(room: Room) -> None:
    many = [record(f"GHSA-{number}", f"p{number}", "1") for number in range(40)]
    room.take(archive(room.folder / "all.zip", *many, record("GHSA-x", "left-pad", "1.0.0", ecosystem="npm")))
    found = json.loads(room.run("advisories", "status", "--advisories", room.file, "--json").stdout)
    assert [one["ecosystem"] for one in found["imports"]] == ["PyPI"]


def known(room: Room) -> list[str]:
    return [
        one["ecosystem"]
        for one in json.loads(room.run("advisories", "status", "--advisories", room.file, "--json").stdout)["imports"]
    ]


def test_a_small_archive_makes_none_of_the_others_known_that_its_records_concern_too(room: Room) -> None:
    both = record("GHSA-2", "swift-nio", "1.0.0", ecosystem="SwiftURL")
    both["affected"] += record("x", "golang.org/x/net", "1.0.0", ecosystem="Go")["affected"]
    swift = archive(room.folder / "all.zip", record("GHSA-1", "grpc", "1.0.0", ecosystem="SwiftURL"), both)
    room.take(swift)
    assert known(room) == ["SwiftURL"]


def test_the_archive_of_a_release_tells_nothing_of_another(room: Room) -> None:
    eleven = [record(f"D-{number}", f"p{number}", "1", ecosystem="Debian:11") for number in range(3)]
    eleven[0]["affected"] += record("x", "p0", "1", ecosystem="Debian:12")["affected"]
    room.take(archive(room.folder / "all.zip", *eleven))
    assert known(room) == ["Debian:11"]
    root = room.folder / "root"
    (root / "etc").mkdir(parents=True)
    (root / "var/lib/dpkg").mkdir(parents=True)
    (root / "var/lib/dpkg/status").write_text("Package: zlib1g\nStatus: install ok installed\nSource: zlib\nVersion: 1-1\n")
    for release, gaps in (("11", []), ("12", ["no-advisories"])):
        (root / "etc/os-release").write_text(f"ID=debian\nVERSION_ID={release}\n")
        assert [one["rule"] for one in room.audit(root)[1]["gaps"]] == gaps
    room.take(archive(room.folder / "debian.zip", *eleven, record("D-9", "zlib", "1-2", ecosystem="Debian:12")))
    assert known(room) == ["Debian", "Debian:11"]
    code, said = room.audit(root)
    assert (code, [one["id"] for one in said["weaknesses"]], said["gaps"]) == (1, ["D-9"], [])


def test_records_that_cannot_be_read_stay_a_finding(room: Room) -> None:
    path = archive(room.folder / "all.zip", record("GHSA-1", "torch", "2.6.0"))
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("broken.json", "{")
    room.take(path)
    assert [one["rule"] for one in room.audit(room.lock("flask==2"))[1]["gaps"]] == ["unread-advisories"]
    room.take(archive(room.folder / "again.zip", record("GHSA-1", "torch", "2.6.0")))
    assert room.audit(room.lock("flask==2"))[1]["gaps"] == []


def test_a_record_of_the_future_is_not_taken_for_nothing_would_replace_it(room: Room) -> None:
    done = room.take(archive(room.folder / "all.zip", record("GHSA-1", "torch", "2.6.0"), record("GHSA-2", "a", "2", age=-3)))
    assert (done.exit_code, json.loads(done.stdout)["imported"][0]["unread"]) == (1, ["GHSA-2.json"])


@pytest.mark.parametrize("day", ["0000-00-00", "2026-13-45", "9999-12-31", "x"])
def test_a_day_that_there_is_not_is_refused(room: Room, day: str) -> None:
    kev, epss = room.folder / "kev.json", room.folder / "epss.csv"
    kev.write_text(json.dumps({"dateReleased": day, "vulnerabilities": []}))
    epss.write_text(f"#model_version:x,score_date:{day}T00:00:00Z\ncve,epss,percentile\n")
    for one in (kev, epss):
        done = room.take(one)
        assert (done.exit_code, json.loads(done.stdout)["error"]["code"]) == (2, "cannot_import")
    assert room.run("advisories", "status", "--advisories", room.file).exit_code == 0


def test_an_archive_of_the_future_looks_no_newer_than_its_records(room: Room) -> None:
    room.take(archive(room.folder / "all.zip", record("GHSA-1", "x", "1", age=30), age=-400))
    assert [one["rule"] for one in room.audit(room.lock("torch==2.6.0"))[1]["gaps"]] == ["stale-advisories"]


def test_an_advisory_is_shown_by_any_name_and_says_that_it_was_withdrawn(room: Room) -> None:
    room.take(archive(room.folder / "all.zip", record("GHSA-1", "torch", "2", aliases=["CVE-2026-0001"]),
                      record("PYSEC-1", "torch", "2", aliases=["CVE-2026-0001"], withdrawn=f"{NOW:%Y-%m-%dT%H:%M:%SZ}"),
                      record("PYSEC-2", "torch", "2", aliases=["CVE-2026-00010"])))  # fmt: skip
    shown = room.run("advisories", "show", "CVE-2026-0001", "--advisories", room.file, "--json")
    assert [(one["id"], one["withdrawn"]) for one in json.loads(shown.stdout)["advisories"]] == [
        ("GHSA-1", False),
        ("PYSEC-1", True),
    ]
    assert "took it back" in room.run("advisories", "show", "PYSEC-1", "--advisories", room.file).stdout
    assert room.run("advisories", "show", "CVE-2026-0002", "--advisories", room.file).exit_code == 2


def test_records_that_cannot_be_read_are_named_and_the_rest_is_taken(room: Room) -> None:
    path = archive(room.folder / "all.zip", record("GHSA-1", "torch", "2.6.0"))
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("broken.json", "{")
    done = room.take(path)
    assert done.exit_code == 1
    assert json.loads(done.stdout)["imported"][0]["unread"] == ["broken.json"]
    assert len(room.audit(room.lock("torch==2.5.0"))[1]["weaknesses"]) == 1


_GZIP = gzip.compress(bytes(range(256)) * 40)[:60] + bytes(60)
"""Broken where it is unpacked, not at its head."""


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04broken",
        b"{}",
        b"#nonsense\n",
        b"\x1f\x8bbroken",
        b'{"vulnerabilities": 3}',
        _GZIP,
        b"#score_date:2026-11-25\ncve,epss\nCVE-2026-0001," + b"0" * 200_000,
    ],
)
def test_what_holds_no_advisories_is_refused_and_changes_nothing(room: Room, content: bytes) -> None:
    room.take(archive(room.folder / "all.zip", record("GHSA-1", "torch", "2.6.0")))
    path = room.folder / "file"
    path.write_bytes(content)
    done = room.take(path)
    assert done.exit_code == 2
    assert json.loads(done.stdout)["error"]["code"] == "cannot_import"
    assert len(room.audit(room.lock("torch==2.5.0"))[1]["weaknesses"]) == 1


def test_a_file_of_something_else_is_refused_in_words(room: Room) -> None:
    room.file.write_bytes(b"not a database at all, but long enough to be looked at")
    done = room.run("packages", "audit", room.lock("a==1"), "--advisories", room.file, "--json")
    assert done.exit_code == 4
    assert "advisories import" in json.loads(done.stdout)["error"]["next_step"]


def test_what_was_used_by_attackers_and_what_is_critical_comes_first(room: Room) -> None:
    room.take(archive(
        room.folder / "all.zip", record("GHSA-1", "a", "2", aliases=["CVE-2026-0001"]),
        record("GHSA-2", "b", "2", aliases=["CVE-2026-0002"]),
        record("GHSA-3", "c", "2", severity=CRITICAL), record("MAL-4", "d", "2", severity=[]),
    ))  # fmt: skip
    kev = room.folder / "kev.json"
    kev.write_text(
        json.dumps({"dateReleased": NOW.isoformat(), "vulnerabilities": [{"cveID": "CVE-2026-0002", "dateAdded": "2026-02-01"}]})
    )
    epss = room.folder / "epss.csv"
    epss.write_text(f"#model_version:x,score_date:{NOW:%Y-%m-%d}T00:00:00Z\ncve,epss,percentile\nCVE-2026-0001,0.5,0.9\n")
    assert room.take(kev, epss).exit_code == 0
    _, said = room.audit(room.lock("a==1", "b==1", "c==1", "d==1"))
    found = [(one["id"], one["severity"], one["exploited_since"], one["epss"]) for one in said["weaknesses"]]
    assert found == [
        ("MAL-4", "block", None, None), ("CVE-2026-0002", "block", "2026-02-01", None), ("GHSA-3", "block", None, None),
        ("CVE-2026-0001", "warn", None, 0.5),
    ]  # fmt: skip


def test_advisories_that_are_one_by_their_aliases_are_told_once(room: Room) -> None:
    room.take(archive(room.folder / "all.zip", record("GHSA-1", "a", "2", aliases=["CVE-2026-0001"]),
                      record("PYSEC-1", "a", "2.1", aliases=["CVE-2026-0001"], severity=[]),
                      record("PYSEC-2", "a", "2")))  # fmt: skip
    _, said = room.audit(room.lock("a==1"))
    assert [one["names"] for one in said["weaknesses"]] == [["CVE-2026-0001", "GHSA-1", "PYSEC-1"], ["PYSEC-2"]]
    assert said["weaknesses"][0]["fixed"] == ["2", "2.1"]


STATEMENT = """version: 1
statements:
- {{advisory: CVE-2026-0001, packages: ["pkg:pypi/a"], status: not_affected, justification: component_not_present,
   reason: not shipped, owner: alice, expires: {day}}}
"""


def test_a_statement_suppresses_until_it_ends(room: Room) -> None:
    room.take(archive(room.folder / "all.zip", record("GHSA-1", "a", "2", aliases=["CVE-2026-0001"])))
    vex = room.folder / "deployment" / "policies" / "vex.yaml"
    vex.parent.mkdir(parents=True)
    vex.write_text(STATEMENT.format(day=f"{NOW + timedelta(days=9):%Y-%m-%d}"))
    code, said = room.audit(room.lock("a==1"))
    (one,) = said["weaknesses"]
    assert (code, one["severity"], one["statement"]["owner"]) == (0, "info", "alice")
    vex.write_text(STATEMENT.format(day=f"{NOW:%Y-%m-%d}"))
    code, said = room.audit(room.lock("a==1"))
    assert (code, said["weaknesses"][0]["severity"], [one["rule"] for one in said["gaps"]]) == (1, "warn", ["vex-expired"])
    vex.write_text("version: 2\n")
    assert room.run("packages", "audit", room.lock("a==1"), "--advisories", room.file).exit_code == 3


def test_what_is_still_looked_into_says_what_mends_it(room: Room) -> None:
    room.take(archive(room.folder / "all.zip", record("GHSA-1", "a", "2", aliases=["CVE-2026-0001"])))
    vex = room.folder / "vex.yaml"
    looking = STATEMENT.replace("not_affected, justification: component_not_present", "under_investigation")
    vex.write_text(looking.format(day=f"{NOW + timedelta(days=9):%Y-%m-%d}"))
    done = room.run("packages", "audit", room.lock("a==1"), "--advisories", room.file, "--vex", vex)
    assert done.exit_code == 1
    assert "alice: under_investigation" in done.stdout
    assert "Update to 2" in done.stdout


def test_sarif_has_rules_suppressions_and_gaps(room: Room) -> None:
    room.take(archive(room.folder / "all.zip", record("GHSA-1", "a", "2", aliases=["CVE-2026-0001"])))
    vex = room.folder / "vex.yaml"
    vex.write_text(STATEMENT.format(day=f"{NOW + timedelta(days=9):%Y-%m-%d}"))
    done = room.run("packages", "audit", room.lock("a==1", "b"), "--advisories", room.file, "--vex", vex, "--sarif")
    run = json.loads(done.stdout)["runs"][0]
    by_rule = {run["tool"]["driver"]["rules"][one["ruleIndex"]]["id"]: one for one in run["results"]}
    assert set(by_rule) == {"CVE-2026-0001", "unpinned"}
    assert by_rule["CVE-2026-0001"]["suppressions"][0]["justification"] == "alice: not shipped"
    assert by_rule["CVE-2026-0001"]["level"] == "note"


def test_what_was_decided_by_nobody_is_undecided(room: Room) -> None:
    room.take(archive(room.folder / "all.zip", record("GHSA-1", "a", "2")))
    _, said = room.audit(room.lock("a"))
    assert said["weaknesses"][0]["undecided"]
    assert [one["rule"] for one in said["gaps"]] == ["unpinned"]


def test_text_for_people_steers_no_terminal(room: Room) -> None:
    room.take(archive(room.folder / "all.zip", record("GHSA-1", "a", "2", summary="\x1b[2J[bold]x[/bold] \u202e")))
    done = room.run("packages", "audit", room.lock("a==1"), "--advisories", room.file)
    assert done.exit_code == 1
    assert "\x1b[2J" not in done.stdout
    assert "\u202e" not in done.stdout
    assert "[bold]x[/bold]" in done.stdout


# What an inventory sees.


def program(listed: str = OLLAMA) -> bytes:
    return b"\x7fELF" + bytes(5 << 20) + build_information(listed) + bytes(100)


def names(done: Result) -> set[tuple[str, str, str]]:
    return {(one["ecosystem"], one["name"], one["version"]) for one in json.loads(done.stdout)["packages"]}


def rpm_database() -> bytes:
    data = b"openssl\0003.0.7\0001.el9\0" + struct.pack(">I", 1)
    tags = [(1000, 6, 0), (1001, 6, 8), (1002, 6, 14), (1003, 4, 20)]
    index = b"".join(struct.pack(">IIII", tag, kind, at, 1) for tag, kind, at in tags)
    blob = struct.pack(">II", len(tags), len(data)) + index + data
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB)")
    connection.execute("INSERT INTO Packages VALUES (1, ?)", (blob,))
    connection.commit()
    return connection.serialize()


def test_a_system_is_read_with_its_environments_and_programs(room: Room) -> None:
    root = room.folder / "root"
    for name, content in {
        "etc/os-release": b"ID=debian\nVERSION_ID=12\n",
        "var/lib/dpkg/status": b"Package: libssl3\nStatus: install ok installed\nSource: openssl\nVersion: 3.0.1-1\n",
        "usr/lib/python3/site-packages/vllm-0.6.dist-info/METADATA": b"Name: vllm\nVersion: 0.6\n",
        "usr/lib/python3/site-packages/vllm-0.6.dist-info/RECORD": b"",
        "usr/bin/ollama": program(),
        "usr/bin/not-a-program": b"#!/bin/sh\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
        if "bin/" in name:
            (root / name).chmod(0o755)
    (root / "outside").symlink_to("/etc")
    done = room.run("packages", "list", root, "--json")
    assert done.exit_code == 0
    assert names(done) == {
        ("Debian:12", "openssl", "3.0.1-1"), ("PyPI", "vllm", "0.6"), ("AI server", "ollama", "0.1.33"),
        ("Go", "github.com/ollama/ollama", "0.1.33"), ("Go", "github.com/gin-gonic/gin", "1.10.0"),
        ("Go", "golang.org/x/net", "0.25.0"),
        ("Go", "stdlib", "1.22.1"),
    }  # fmt: skip


def layer(files: dict[str, bytes]) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as archive_:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o755
            archive_.addfile(info, io.BytesIO(content))
    return held.getvalue()


def image(path: Path, *layers: bytes) -> Path:
    with tarfile.open(path, "w") as archive_:
        entries = {f"blobs/{number}": one for number, one in enumerate(layers)}
        entries["manifest.json"] = json.dumps(
            [{"Config": "c", "Layers": [f"blobs/{one}" for one in range(len(layers))]}]
        ).encode()
        for name, content in entries.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive_.addfile(info, io.BytesIO(content))
    return path


def test_an_image_is_read_as_its_layers_lie_upon_one_another(room: Room) -> None:
    site = "usr/lib/python3/site-packages"
    path = image(
        room.folder / "image.tar",
        layer({"etc/os-release": b"ID=rocky\nVERSION_ID=9.4\n", f"{site}/old-1.dist-info/METADATA": b"Name: old\nVersion: 1\n",
               "opt/a/gone-1.dist-info/METADATA": b"Name: gone\nVersion: 1\n", "./usr/bin/ollama": program()}),
        layer({f"{site}/.wh.old-1.dist-info": b"", f"{site}/old-2.dist-info/METADATA": b"Name: old\nVersion: 2\n",
               "opt/a/.wh..wh..opq": b"",
               "var/lib/rpm/rpmdb.sqlite": rpm_database()}),
    )  # fmt: skip
    done = room.run("packages", "list", path, "--json")
    assert done.exit_code == 0
    found = names(done)
    assert {("PyPI", "old", "2"), ("Rocky Linux:9", "openssl", "1:3.0.7-1.el9"), ("AI server", "ollama", "0.1.33")} <= found
    assert not {"gone", "1"} & {part for one in found for part in one[1:]}


def test_llama_cpp_is_known_by_its_programs_and_its_library(room: Room) -> None:
    for name in ("llama-server", "libllama.so.0.0.4711", "llama-server.txt", "libllama.so"):
        path = room.folder / "llama" / "bin" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\x7fELF" + bytes(600) if ".txt" not in name else b"words")
        path.chmod(0o755)
    path.unlink()
    path.symlink_to("libllama.so.0.0.4711")
    done = room.run("packages", "list", room.folder / "llama", "--json")
    assert names(done) == {("AI server", "llama.cpp", ""), ("AI server", "llama.cpp", "b4711")}


def test_a_bill_names_what_no_advisories_are_kept_for_as_well(room: Room) -> None:
    room.take(archive(room.folder / "all.zip", record("D-1", "zlib", "1:1.2.14-1", ecosystem="Debian:12")))
    bill = room.folder / "image.cdx.json"
    purls = ["pkg:deb/debian/zlib1g@1%3A1.2.13-1?arch=amd64&distro=debian-12&upstream=zlib", "pkg:generic/openssl@1.1.1",
             "pkg:huggingface/a/b@1", "pkg:rpm/centos/krb5-libs@1.15.1-55.el7_9"]  # fmt: skip
    bill.write_text(json.dumps({"components": [{"purl": one} for one in purls]}))
    _, said = room.audit(bill)
    assert [one["package"] for one in said["weaknesses"]] == ["pkg:deb/debian/zlib@1:1.2.13-1?distro=debian-12"]
    assert [one["what"].partition(":")[0] for one in said["gaps"]] == [
        "there are no advisories for Red Hat",
        "there are no advisories for generic",
    ]
    assert "look yourself" in said["gaps"][1]["next_step"]


def test_a_list_for_scripts_has_tabs_between(room: Room) -> None:
    assert room.run("packages", "list", room.lock("a==1")).stdout.split("\t")[:3] == ["PyPI", "a", "1"]


def test_a_folder_that_cannot_be_looked_into_is_a_finding(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = room.folder / "root/closed"
    closed.mkdir(parents=True)
    (room.folder / "root/requirements.txt").write_text("a==1")
    look = os.scandir

    def scandir(path: Any) -> Any:
        if Path(path) == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return look(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert gaps(room, room.folder / "root") == [f"{closed}: Permission denied"]


def test_a_list_that_cannot_be_read_is_a_finding(room: Room) -> None:
    (room.folder / "root").mkdir()
    (room.folder / "root" / "uv.lock").write_text("[")
    (room.folder / "root" / "go.mod").write_text("require github.com/x/y v1.0.0\n")
    done = room.run("packages", "list", room.folder / "root", "--json")
    assert (done.exit_code, [one["rule"] for one in json.loads(done.stdout)["gaps"]]) == (1, ["unreadable"])


@pytest.mark.parametrize("content", [b"", b"x" * 600])
def test_what_lists_no_packages_is_refused(room: Room, content: bytes) -> None:
    path = room.folder / "file"
    path.write_bytes(content)
    for one in (path, room.folder / "missing"):
        done = room.run("packages", "list", one, "--json")
        assert done.exit_code == 2
        assert json.loads(done.stdout)["error"]["code"] == "nothing_to_audit"


def test_an_archive_that_is_no_image_is_a_finding(room: Room) -> None:
    path = room.folder / "file.tar"
    path.write_bytes(bytes(2048))
    done = room.run("packages", "list", path, "--json")
    assert (done.exit_code, json.loads(done.stdout)["gaps"][0]["rule"]) == (1, "unreadable")


def headers(count: int) -> bytes:
    """An archive of one file with so many further headers before it, of which the library reads each from within the last."""
    one = tarfile.TarInfo("x")
    one.type, note = tarfile.XHDTYPE, b"13 comment=a\n"
    one.size = len(note)
    return (one.tobuf(tarfile.USTAR_FORMAT) + note.ljust(512, b"\0")) * count + tarfile.TarInfo("f").tobuf() + bytes(1024)


def gaps(room: Room, path: Path) -> list[str]:
    done = room.run("packages", "list", path, "--json")
    assert done.exit_code == 1, done.output
    return [one["what"] for one in json.loads(done.stdout)["gaps"]]


def test_an_archive_built_to_exhaust_is_a_finding(room: Room) -> None:
    path = room.folder / "file.tar"
    path.write_bytes(headers(1500))
    assert "recursion" in gaps(room, path)[0]
    assert "blobs/0" in gaps(room, image(room.folder / "image.tar", headers(1500)))[0]


def giant(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    """The header of a member that is far larger than it is."""
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.type = size, 0o755, kind
    return info.tobuf(tarfile.GNU_FORMAT)


def bombs() -> dict[str, bytes]:
    """Layers whose headers promise more than anybody should unpack, or take into memory."""
    zeros = gzip.compress(bytes(1 << 20))  # parts of a compressed file follow one another
    return {
        "one member": gzip.compress(giant("usr/lib/x", 1 << 40)) + zeros * 20,
        "a header": gzip.compress(giant("././@LongLink", 1 << 34, tarfile.GNUTYPE_LONGNAME)) + zeros * 20,
        "a further header": gzip.compress(giant("././@PaxHeader", 1 << 34, tarfile.XHDTYPE)) + zeros * 20,
    }


def test_an_image_that_unpacks_without_end_is_a_finding_before_it_is_unpacked(room: Room) -> None:
    for name, made in bombs().items():
        done = room.run("packages", "list", image(room.folder / "image.tar", made), "--json")
        (gap,) = json.loads(done.stdout)["gaps"]
        assert (done.exit_code, gap["rule"]) == (1, "bomb"), name
        assert "blobs/0" in gap["what"]
    path = room.folder / "bomb.tar.gz"
    path.write_bytes(bombs()["a further header"])
    assert json.loads(room.run("packages", "list", path, "--json").stdout)["gaps"][0]["rule"] == "bomb"


def test_what_follows_a_broken_header_of_a_layer_is_missed(room: Room) -> None:
    whole = bytearray(gzip.decompress(layer({f"a{one}-1.dist-info/METADATA": b"Name: a\nVersion: 1\n" for one in range(3)})))
    whole[2 * 1024] ^= 0xFF
    path = image(room.folder / "image.tar", layer({"b-1.dist-info/METADATA": b"Name: b\nVersion: 1\n"}), bytes(whole))
    assert "blobs/1: it is broken in the middle" in gaps(room, path)[0]
    assert ("PyPI", "b", "1") in names(room.run("packages", "list", path, "--json")), "the rest is read"


@pytest.mark.parametrize("rows", ["SELECT x'00' AS blob FROM c", "SELECT x'00' AS blob FROM c WHERE x < 0"])
def test_a_database_of_rpm_without_an_end_is_a_finding(room: Room, rows: str) -> None:
    path = room.folder / "root/var/lib/rpm/rpmdb.sqlite"
    path.parent.mkdir(parents=True)
    connection = sqlite3.connect(path)
    connection.execute(f"CREATE VIEW Packages AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) {rows}")
    connection.close()
    assert "rpmdb.sqlite" in gaps(room, room.folder / "root")[0]


@pytest.mark.parametrize("line", ["a" + " " * 200_000 + "b", "a[" + " " * 200_000])
def test_a_long_line_is_read_in_time_that_grows_no_faster(room: Room, line: str) -> None:
    begun = time.process_time()
    assert "requirements.txt" in gaps(room, room.lock(line))[0]
    assert time.process_time() - begun < 5


def test_long_yaml_is_not_read(room: Room) -> None:
    path = room.folder / "pnpm-lock.yaml"
    path.write_text("packages:\n" + "  /a@1:\n" * 2_200_000)
    assert "of YAML" in gaps(room, path)[0]


def test_our_own_environment_is_the_default(room: Room) -> None:
    done = room.run("packages", "list", "--json")
    assert {"wardstead", "cryptography", "msgspec"} <= {one["name"] for one in json.loads(done.stdout)["packages"]}
    assert "crates.io" in {one["ecosystem"] for one in json.loads(done.stdout)["packages"]}

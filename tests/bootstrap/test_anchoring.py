"""Checkpoints are stamped and published elsewhere, and what is there is held against the ledger: whoever has the keys."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.authority import TimeAuthority
from tests.bootstrap.test_witnessing import grow

from wardstead.adapters.store.transactions import write_transaction
from wardstead.adapters.timestamps import Authority, Stamped, ask_authority
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.ledger.anchoring import anchor_checks, anchor_round, anchored, anchored_checkpoints, require_anchors
from wardstead.bootstrap.ledger.timestamping import signed_size, stamp_checks, stamp_round, stamped_checkpoints
from wardstead.bootstrap.ledger.verifying import verify
from wardstead.bootstrap.processes import condition
from wardstead.cli.main import app
from wardstead.isolation.posture import State
from wardstead.kernel.errors import ConfigurationError


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TimeAuthority]:
    made = TimeAuthority(tmp_path_factory.mktemp("time") / "tsa")
    with made.serving():
        yield made


def configured(deployment: Deployment, ledger: str) -> Deployment:
    path = deployment.places.config
    path.write_text(f"{path.read_text()}\nledger:\n{ledger}")
    return Deployment(deployment.places.directory, {})


@pytest.fixture
def stamping(deployment: Deployment, authority: TimeAuthority) -> Deployment:
    authority.away = False
    shutil.copy(authority.root, deployment.places.tls / "time.pem")
    one = f"{{name: time, url: '{authority.url}', certificates: tls/time.pem}}"
    made = configured(deployment, f"  timestamps: [{one}]\n  timestamp_timeout_s: 5\n")
    grow(made)
    return made


def repository(folder: Path) -> Path:
    subprocess.run(["git", "init", "--quiet", "--bare", str(folder)], check=True)
    return folder


@pytest.fixture(params=["folder", "git"])
def anchoring(deployment: Deployment, request: pytest.FixtureRequest) -> Deployment:
    outside = deployment.places.directory.parent / "outside"
    if request.param == "folder":
        outside.mkdir()
        place = f"{{name: elsewhere, kind: folder, folder: '{outside}'}}"
    else:
        place = f"{{name: elsewhere, kind: git, url: '{repository(outside)}'}}"
    made = configured(deployment, f"  anchors: [{place}]\n")
    grow(made)
    return made


def codes(deployment: Deployment) -> set[str]:
    return {problem.code for problem in verify(deployment, deployment.ledger).problems}


def test_a_checkpoint_is_stamped_once_and_again_when_it_is_time(stamping: Deployment, authority: TimeAuthority) -> None:
    asked = authority.posted
    (stand,) = stamp_round(stamping)
    assert (stand.size, stand.why) == (signed_size(stamping), "")
    grow(stamping)
    stamp_round(stamping)
    assert authority.posted == asked + 1  # the hour is not over
    (stand,) = stamp_round(stamping, now=True)
    assert stand.size == signed_size(stamping)
    notes, problems = stamped_checkpoints(stamping)
    assert (len(notes), problems) == (2, [])
    assert verify(stamping, stamping.ledger).ok
    assert [check.state for check in stamp_checks(stamping)] == [State.GREEN]


def test_an_authority_that_is_away_stops_nothing_and_is_shown(stamping: Deployment, authority: TimeAuthority) -> None:
    authority.away = True
    (stand,) = stamp_round(stamping)
    assert "503" in stand.why
    (check,) = stamp_checks(stamping)
    assert check.state is State.AMBER
    assert "503" in check.evidence
    assert check in condition.posture(stamping)
    assert verify(stamping, stamping.ledger).ok
    authority.away = False
    (stand,) = stamp_round(stamping)
    assert (stand.size, stand.why) == (signed_size(stamping), "")


ALTERATIONS = {
    "DELETE FROM time_stamp": "timestamp-missing",
    "UPDATE time_stamp SET time_ms = time_ms - 86400000": "timestamp-altered",
    "UPDATE time_stamp SET response = CAST(substr(response, 1, length(response) - 1) || x'00' AS BLOB)": "timestamp-altered",
    "UPDATE time_stamp SET response = x'3000'": "timestamp-altered",
    "UPDATE time_stamp SET note = (SELECT note FROM checkpoint ORDER BY size DESC)": "timestamp-altered",
    "UPDATE time_stamp SET note = x'00'": "timestamp-altered",
}


def test_what_was_done_to_a_time_stamp_is_named(stamping: Deployment) -> None:
    stamp_round(stamping)
    grow(stamping)
    with write_transaction(stamping.engine, stamping.turn) as connection:
        (kept,) = connection.execute(text("SELECT size, authority, note, response, time_ms FROM time_stamp")).mappings()
    for change, code in ALTERATIONS.items():
        with write_transaction(stamping.engine, stamping.turn) as connection:
            connection.execute(text(change))
        assert codes(stamping) == {code}, change
        with write_transaction(stamping.engine, stamping.turn) as connection:
            connection.execute(text("DELETE FROM time_stamp"))
            connection.execute(text("INSERT INTO time_stamp VALUES (:size, :authority, :note, :response, :time_ms)"), dict(kept))
    assert codes(stamping) == set()


def test_a_stamp_by_somebody_else_is_not_kept(stamping: Deployment, tmp_path: Path) -> None:
    other = TimeAuthority(tmp_path / "other", key="ec")

    def ask(authority: Authority, message: bytes) -> Stamped:
        with other.serving() as url:
            return ask_authority(Authority(authority.name, url, authority.roots), message)

    (stand,) = stamp_round(stamping, ask=ask)
    assert "does not verify" in stand.why
    assert stamped_checkpoints(stamping) == ([], [])


def test_a_checkpoint_is_published_and_read_back(anchoring: Deployment) -> None:
    anchor_round(anchoring)
    first = signed_size(anchoring)
    grow(anchoring)
    anchor_round(anchoring)
    assert [(one.checkpoints, one.size, one.why) for one in anchored(anchoring)] == [(1, first, "")]  # the hour is not over
    anchor_round(anchoring, now=True)
    assert [(one.checkpoints, one.size, one.why) for one in anchored(anchoring)] == [(2, first + 1, "")]
    notes, problems = anchored_checkpoints(anchoring)
    assert (len(notes), problems) == (2, [])
    assert verify(anchoring, anchoring.ledger).ok
    assert [check.state for check in anchor_checks(anchoring)] == [State.GREEN]


def test_a_ledger_that_was_put_back_with_all_its_keys_does_not_extend_what_is_published(anchoring: Deployment) -> None:
    directory = anchoring.places.directory
    anchoring.engine.dispose()
    older = directory.with_name("older")
    shutil.copytree(directory, older)
    for _ in range(2):
        grow(anchoring)
    anchor_round(anchoring, now=True)
    rolled_back = Deployment(older, {})
    assert codes(rolled_back) == {"truncated"}
    for _ in range(3):
        grow(rolled_back)
    assert codes(rolled_back) == {"rewritten"}
    anchor_round(rolled_back, now=True)  # both histories are there to be seen
    (problem,) = verify(anchoring, anchoring.ledger).problems
    assert (problem.code, problem.where.partition(" of ")[2]) == ("truncated", "anchor elsewhere"), "whose it is, is told"


def test_what_is_gone_from_a_folder_or_not_ours_is_named(deployment: Deployment, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    made = configured(deployment, f"  anchors: [{{name: elsewhere, kind: folder, folder: '{outside}'}}]\n")
    grow(made)
    anchor_round(made)
    (kept,) = outside.glob("*/*.checkpoint")
    content = kept.read_bytes()
    kept.unlink()
    size = signed_size(made)
    kept.write_bytes(content.replace(b"\n%d\n" % size, b"\n%d\n" % (size + 1)))
    assert codes(made) == {"anchor-altered", "anchor-missing"}
    shutil.rmtree(outside)
    assert verify(made, made.ledger).ok  # it is not mounted: told, and no alteration
    assert "is it mounted" in anchored(made)[0].why


def test_time_stamps_are_published_with_their_checkpoint(stamping: Deployment, authority: TimeAuthority, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    path = stamping.places.config
    path.write_text(f"{path.read_text()}  anchors: [{{name: elsewhere, kind: folder, folder: '{outside}'}}]\n")
    made = Deployment(stamping.places.directory, {})
    stamp_round(made)
    anchor_round(made)
    (note,), (token,) = outside.glob("*/*.checkpoint"), outside.glob("*/*.time.tsr")
    done = subprocess.run(
        ["openssl", "ts", "-verify", "-in", str(token), "-data", str(note), "-CAfile", str(authority.root)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Verification: OK" in done.stdout, done.stderr


def test_the_command_line_tells_and_publishes(anchoring: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    def say(*words: str) -> dict[str, object]:
        app(["-C", str(anchoring.places.directory), "ledger", *words, "--json"], standalone_mode=False)
        return json.loads(capsys.readouterr().out)  # type: ignore[no-any-return]

    assert say("anchor")["told"][0]["told_size"] == signed_size(anchoring)  # type: ignore[index]
    (place,) = say("anchors")["anchors"]  # type: ignore[misc,attr-defined]
    assert (place["checkpoints"], place["size"], place["failing"]) == (1, signed_size(anchoring), "")


def test_an_anchor_lies_outside(deployment: Deployment) -> None:
    inside = deployment.places.state
    made = configured(deployment, f"  anchors: [{{name: here, kind: folder, folder: '{inside}'}}]\n")
    with pytest.raises(ConfigurationError, match="does not belong"):
        require_anchors(made)

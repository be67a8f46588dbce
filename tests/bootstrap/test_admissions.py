"""From a file of somebody's to a signed statement, and what each step refuses; with the real store, scanner and policies."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from bench.supply.families.tensors import DATA, PLAIN, TENSORS, gguf
from msgspec import structs
from sqlalchemy import update
from tests.bootstrap.test_acts import acts
from tests.cli.test_packages import CRITICAL, NOW, archive, record
from typer.testing import CliRunner

from wardstead.access.memo import MemoisedDecisionPoint
from wardstead.access.ports import Identity
from wardstead.adapters.artifacts.files import Entry
from wardstead.adapters.store.admissions import NoSuchAdmission
from wardstead.adapters.store.tables.admissions import model_admission
from wardstead.adapters.store.transactions import write_transaction
from wardstead.bootstrap import initialise
from wardstead.bootstrap.acting import Acting, as_if_signed_in, at_the_command_line
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.desks.model_desk import DeploymentModelDesk
from wardstead.bootstrap.identity.entitlements import MayNot
from wardstead.bootstrap.identity.people import BadValue
from wardstead.bootstrap.identity.people import add as add_person
from wardstead.bootstrap.models import admissions, admitting, advisory_watch, evidence, guarding, overriding, rescanning
from wardstead.bootstrap.models.admissions import BadModel, NotReady
from wardstead.bootstrap.models.admitting import admission_check, bounded, standing
from wardstead.bootstrap.models.advisory_watch import advisories_check
from wardstead.bootstrap.models.scanning import Progress
from wardstead.cli.main import app
from wardstead.config.sections import LabelSection, ModelSection, UpstreamSection
from wardstead.console.model_desk import ModelShown
from wardstead.crypto.dsse import open_envelope
from wardstead.crypto.verity import VerityDigest
from wardstead.isolation.posture import State as Colour
from wardstead.kernel.errors import CallerError, IntegrityError
from wardstead.supply.admission import DAY_MS, Admission, Role, State
from wardstead.supply.admission_policy import load_admission
from wardstead.supply.bom.kept import packages
from wardstead.supply.rules import Finding
from wardstead.supply.scan import Scanned
from wardstead.supply.statement import files_in


def nothing(_count: int) -> None:
    """Nobody watches the progress."""


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """One for all of these: each admits anew, and the last that was signed counts."""
    folder = tmp_path_factory.mktemp("admissions") / "deployment"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(initialise, "_take_weights", lambda _places: ("models/none.gguf", "a" * 64))
        initialise.initialise(folder, lambda _step: None)
    made = Deployment(folder, {})
    yield made
    made.engine.dispose()


@pytest.fixture(scope="module")
def people(deployment: Deployment) -> None:
    for name in ("ben", "cleo"):
        add_person(deployment, name, ["model-approver"], "confidential", [])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "tiny.gguf"
    made.write_bytes(gguf(PLAIN, TENSORS, DATA))
    return made


def by(deployment: Deployment, name: str) -> Acting:
    return at_the_command_line(deployment.directory.find(name))


def admit(deployment: Deployment, file: Path, up_to: str = "restricted") -> Admission:
    made = admissions.add(deployment, "tiny", file, by(deployment, "admin"), up_to=up_to)
    admissions.scan_added(deployment, made, nothing)
    admissions.review(deployment, "tiny", by(deployment, "ben"), "nothing stands out")
    for name in ("ben", "cleo"):
        admissions.approve(deployment, "tiny", by(deployment, name), "for our drafts")
    return admissions.sign(deployment, "tiny", by(deployment, "admin"))


def section(one: Admission, clearance: str = "restricted") -> ModelSection:
    weights = one.candidate.file(Role.WEIGHTS)
    assert weights is not None
    upstream = UpstreamSection(kind="embedded", weights=weights.path, sha256=weights.sha256)
    return ModelSection(name="tiny", upstream=upstream, clearance=LabelSection(level=clearance))


def test_two_people_admit_what_a_third_added_and_the_statement_names_every_file(
    deployment: Deployment, people: None, file: Path
) -> None:
    done = admit(deployment, file)
    stands = standing(deployment, section(done))
    assert stands.refused == ""
    assert stands.ceiling == "restricted"
    assert admission_check(stands).state is Colour.GREEN
    payload = open_envelope(done.envelope, deployment.keys.verifying())
    (named,) = files_in(payload, "tiny")
    assert (deployment.places.directory / named.path).read_bytes() == file.read_bytes()
    by_verity = VerityDigest()
    by_verity.update(file.read_bytes())
    assert named.verity == by_verity.hexdigest()
    predicate = json.loads(payload)["predicate"]
    assert predicate["policy"] == deployment.policies().version
    assert [act["by"] for act in predicate["approved"]] == ["ben", "cleo"]
    assert deployment.admissions.report(done.candidate.id)


def test_what_a_launcher_refused_is_told_before_anybody_has_suspended_it(
    deployment: Deployment, people: None, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = admit(deployment, file)
    settings = structs.replace(deployment.settings, models=(section(done),))
    monkeypatch.setitem(deployment.__dict__, "settings", settings)
    assert admitting.not_serving(deployment) == []
    admitting.attest(deployment, "tiny", admitting.REFUSED)
    (told,) = admitting.not_serving(deployment)
    assert told.why == "its files are not those that were admitted"
    weights = deployment.places.directory / done.candidate.files[0].path
    weights.rename(weights.with_suffix(".aside"))
    (told,) = admitting.not_serving(deployment)
    assert done.candidate.files[0].path in told.why
    weights.with_suffix(".aside").rename(weights)
    admitting.forget_attestations(deployment)
    assert admitting.not_serving(deployment) == [], "what an earlier run said counts no more"
    guarding.suspend(deployment, done, "a rumour", guarding.Cause.FILE)
    (told,) = admitting.not_serving(deployment)
    assert "a rumour" in told.why
    assert "wardstead model resume tiny" in told.next_step


def test_whoever_added_it_has_no_part_in_its_approval(deployment: Deployment, people: None, file: Path) -> None:
    made = admissions.add(deployment, "tiny", file, by(deployment, "admin"))
    admissions.scan_added(deployment, made, nothing)
    for act in (admissions.review, admissions.approve):
        with pytest.raises(MayNot, match="may not do this") as told:
            act(deployment, "tiny", by(deployment, "admin"), "mine")
        assert "somebody else must approve it" in told.value.why
    with pytest.raises(MayNot):
        admissions.add(deployment, "other", file, by(deployment, "ben"))


def test_nobody_approves_twice_before_the_review_or_without_a_reason(deployment: Deployment, people: None, file: Path) -> None:
    made = admissions.add(deployment, "tiny", file, by(deployment, "admin"), up_to="restricted")
    with pytest.raises(NotReady, match="nothing to review"):
        admissions.review(deployment, "tiny", by(deployment, "ben"), "x")
    admissions.scan_added(deployment, made, nothing)
    with pytest.raises(NotReady, match="not reviewed"):
        admissions.approve(deployment, "tiny", by(deployment, "ben"), "x")
    admissions.review(deployment, "tiny", by(deployment, "ben"), "x")
    admissions.approve(deployment, "tiny", by(deployment, "ben"), "x")
    for who, reason, said in (("ben", "x", "already"), ("cleo", " ", "say why")):
        with pytest.raises(admissions.CallerError, match=said):
            admissions.approve(deployment, "tiny", by(deployment, who), reason)
    with pytest.raises(NotReady) as told:
        admissions.sign(deployment, "tiny", by(deployment, "admin"))
    assert told.value.why == "one more person has to approve it, not admin"


def test_who_approves_at_the_same_moment_counts_and_nobody_counts_twice(
    deployment: Deployment, people: None, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    admissions.scan_added(deployment, admissions.add(deployment, "tiny", file, by(deployment, "admin")), nothing)
    seen = admissions.review(deployment, "tiny", by(deployment, "ben"), "x")
    monkeypatch.setattr(admissions, "candidate", lambda *_: seen)  # as all three saw it before one was done
    admissions.approve(deployment, "tiny", by(deployment, "ben"), "x")
    done = admissions.approve(deployment, "tiny", by(deployment, "cleo"), "x")
    assert [act.by for act in done.approvals] == ["ben", "cleo"]
    with pytest.raises(admissions.CallerError, match="already"):
        admissions.approve(deployment, "tiny", by(deployment, "ben"), "x")


def test_an_approval_of_what_another_scan_has_undone_does_not_come_back(
    deployment: Deployment, people: None, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = admissions.add(deployment, "tiny", file, by(deployment, "admin"))
    admissions.scan_added(deployment, made, nothing)
    admissions.review(deployment, "tiny", by(deployment, "ben"), "x")
    seen = admissions.approve(deployment, "tiny", by(deployment, "ben"), "x")
    assert seen.scan is not None
    other = structs.replace(seen.scan, sha256="0" * 64)
    deployment.admissions.revise(made.id, lambda found: admissions._scanned(found, other), "model.scan", {})
    with monkeypatch.context() as patch:
        patch.setattr(admissions, "candidate", lambda *_: seen)
        for act in (admissions.review, admissions.approve):
            with pytest.raises(admissions.CallerError, match="changed meanwhile"):
                act(deployment, "tiny", by(deployment, "cleo"), "x")
    left = admissions.candidate(deployment, "tiny")
    assert (left.reviewed, left.approvals) == (None, ())


def test_nobody_lets_serve_again_what_somebody_took_out_for_good_meanwhile(
    deployment: Deployment, people: None, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    admit(deployment, file)
    seen = admissions.take_out(deployment, "tiny", by(deployment, "admin"), "a doubt", for_good=False)
    admissions.take_out(deployment, "tiny", by(deployment, "admin"), "it is certain", for_good=True)
    monkeypatch.setattr(admissions, "in_force", lambda *_: seen)
    with pytest.raises(admissions.CallerError, match="changed meanwhile"):
        admissions.resume(deployment, "tiny", by(deployment, "ben"), "no doubt")
    with pytest.raises(admissions.CallerError, match="changed meanwhile"):
        admissions.take_out(deployment, "tiny", by(deployment, "admin"), "x", for_good=False)
    assert deployment.admissions.of("tiny")[-1].state is State.WITHDRAWN


def test_a_path_that_leaves_the_folder_is_copied_in_like_any_other(deployment: Deployment, people: None, file: Path) -> None:
    outside = deployment.places.directory.parent / "outside.gguf"
    outside.write_bytes(file.read_bytes())
    way = deployment.places.directory / "models" / ".." / ".." / "outside.gguf"
    (deployment.places.directory / "models").mkdir(exist_ok=True)
    (taken,) = admissions.add(deployment, "tiny", way, by(deployment, "admin")).files
    assert ".." not in taken.path
    assert (deployment.places.directory / taken.path).read_bytes() == file.read_bytes()


def test_weights_are_told_by_what_they_are_as_in_ollama_s_store(deployment: Deployment, people: None, tmp_path: Path) -> None:
    blobs = tmp_path / "blobs"
    blobs.mkdir()
    (blobs / "sha256-1").write_bytes(b"{}")
    (blobs / "sha256-2").write_bytes(gguf(PLAIN, TENSORS, DATA))
    made = admissions.add(deployment, "tiny", tmp_path, by(deployment, "admin"), up_to="public")
    assert [Path(one.path).name for one in made.files if one.role is Role.WEIGHTS] == ["sha256-2"]


def test_a_harmful_file_is_never_signed(deployment: Deployment, people: None, tmp_path: Path) -> None:
    bad = tmp_path / "tiny.pkl"
    bad.write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    made = admissions.add(deployment, "tiny", bad, by(deployment, "admin"), up_to="public")
    admissions.scan_added(deployment, made, nothing)
    admissions.review(deployment, "tiny", by(deployment, "ben"), "looked")
    admissions.approve(deployment, "tiny", by(deployment, "ben"), "looked")
    with pytest.raises(NotReady) as told:
        admissions.sign(deployment, "tiny", by(deployment, "admin"))
    assert told.value.why == "the scan blocks it"


def test_what_changes_between_the_steps_is_not_signed(deployment: Deployment, people: None, file: Path) -> None:
    made = admissions.add(deployment, "tiny", file, by(deployment, "admin"), up_to="public")
    kept = deployment.places.directory / made.files[0].path
    whole = kept.read_bytes()
    kept.write_bytes(whole[:-1] + b"x")
    with pytest.raises(BadModel, match="another than was added"):
        admissions.scan_added(deployment, made, nothing)
    kept.write_bytes(whole)
    admissions.scan_added(deployment, made, nothing)
    admissions.review(deployment, "tiny", by(deployment, "ben"), "x")
    admissions.approve(deployment, "tiny", by(deployment, "ben"), "x")
    kept.write_bytes(whole[:-1] + b"x")
    with pytest.raises(BadModel, match="not the file that was admitted"):
        admissions.sign(deployment, "tiny", by(deployment, "admin"))


def test_the_source_may_change_afterwards(deployment: Deployment, people: None, file: Path) -> None:
    done = admit(deployment, file)
    file.write_bytes(b"other")
    guarding.Guard(deployment).look()
    assert standing(deployment, section(done)).refused == ""


def served(monkeypatch: pytest.MonkeyPatch, deployment: Deployment, one: ModelSection) -> None:
    monkeypatch.setitem(vars(deployment), "settings", structs.replace(deployment.settings, models=(one,)))


def test_the_guard_suspends_what_changed_and_looks_no_further_while_nothing_did(
    deployment: Deployment, people: None, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = admit(deployment, file)
    served(monkeypatch, deployment, section(done))
    guard = guarding.Guard(deployment)
    guard.look()
    assert standing(deployment, section(done)).refused == ""
    kept = deployment.places.directory / done.candidate.files[0].path
    before = kept.stat()
    kept.write_bytes(kept.read_bytes()[:-1] + b"x")
    os.utime(kept, ns=(before.st_atime_ns, before.st_mtime_ns))
    guard.look()
    found = standing(deployment, section(done))
    assert "is not the file that was admitted" in found.refused, "also where its time was set back"
    assert admission_check(found).state is Colour.RED
    with pytest.raises(BadModel):
        admissions.resume(deployment, "tiny", by(deployment, "ben"), "x")


def test_a_model_that_cannot_be_looked_at_keeps_no_other_from_it(
    deployment: Deployment, people: None, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = admit(deployment, file)
    unclear = structs.replace(section(done), name="unclear")
    monkeypatch.setitem(vars(deployment), "settings", structs.replace(deployment.settings, models=(unclear, section(done))))
    of = deployment.admissions.of

    def found(model: str) -> list[Admission]:
        if model == "unclear":
            raise IntegrityError("what is kept of a model's admission is not ours")
        return of(model)

    monkeypatch.setattr(deployment.admissions, "of", found)
    kept = deployment.places.directory / done.candidate.files[0].path
    kept.write_bytes(kept.read_bytes()[:-1] + b"y")
    with pytest.raises(IntegrityError):
        guarding.Guard(deployment).look()
    assert "is suspended" in standing(deployment, section(done)).refused


def test_what_the_kernel_keeps_by_the_admitted_digest_is_not_read_again(
    deployment: Deployment, people: None, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stands = standing(deployment, section(admit(deployment, file)))
    (admitted,) = stands.files
    (deployment.places.directory / admitted.path).write_bytes(b"what the kernel would not give out")
    assert "is not the file that was admitted" in admitting.changed_file(deployment, stands, {})
    monkeypatch.setattr(admitting, "measured", lambda _file: admitted.verity)
    assert admitting.changed_file(deployment, stands, {}) == ""
    monkeypatch.setattr(admitting, "measured", lambda _file: "0" * 64)
    assert "is not the file that was admitted" in admitting.changed_file(deployment, stands, {})


def test_a_file_that_one_admission_is_right_with_is_another_s_at_the_same_path(
    deployment: Deployment, people: None, file: Path
) -> None:
    stands = standing(deployment, section(admit(deployment, file)))
    (admitted,) = stands.files
    stamps: admitting.Stamps = {}
    assert admitting.changed_file(deployment, stands, stamps) == ""
    other = replace(stands, files=(structs.replace(admitted, sha256="0" * 64, verity=""),))
    assert "is not the file that was admitted" in admitting.changed_file(deployment, other, stamps)
    kept, aside = (deployment.places.directory / one for one in (admitted.path, "models/aside"))
    kept.rename(aside)
    kept.write_bytes(aside.read_bytes())
    assert admitting.changed_file(deployment, stands, stamps) == "", "a copy is the same file"
    kept.write_bytes(aside.read_bytes()[:-1] + b"z")
    assert "is not the file that was admitted" in admitting.changed_file(deployment, stands, stamps)
    aside.rename(kept)
    assert admitting.changed_file(deployment, stands, stamps) == ""


def test_what_serves_is_scanned_anew_when_its_time_has_come_or_the_scanner_is_another(
    deployment: Deployment, people: None, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = admit(deployment, file)
    served(monkeypatch, deployment, section(done))
    assert not rescanning.due(deployment), "it was scanned just now"
    day = 86_400_000
    monkeypatch.setattr(rescanning, "now_ms", lambda: done.candidate.scan.at_ms + day if done.candidate.scan else 0)
    assert rescanning.due(deployment) == [done]
    found = rescanning.rescan(deployment, done, nothing)
    assert (found.verdict, found.new, found.not_scanned) == ("clean", (), ())
    assert acts(deployment, "model.rescan")[-1]["verdict"] == "clean"
    assert not rescanning.due(deployment)
    monkeypatch.setattr(rescanning, "scanner", lambda: "a newer one")
    assert [one.candidate.id for one in rescanning.due(deployment)] == [done.candidate.id]
    assert standing(deployment, section(done)).refused == ""


def test_what_a_new_scan_finds_suspends_and_stays_so_until_it_finds_it_no_more(
    deployment: Deployment, people: None, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = admit(deployment, file, up_to="public")
    served(monkeypatch, deployment, section(done))
    place, real = done.candidate.files[0].path, rescanning.scan

    def finding(rule: str) -> None:
        def scan(found: list[Entry], progress: Progress) -> Iterator[Scanned]:
            return (structs.replace(one, findings=(Finding(rule, one.file, "x", 3),)) for one in real(found, progress))

        monkeypatch.setattr(rescanning, "scan", scan)

    finding("remote-code")
    assert not rescanning.rescan(deployment, done, nothing).new, "policy lets what is suspicious pass up to public"
    finding("template-code")
    assert [one.rule for one in rescanning.rescan(deployment, done, nothing).new] == ["template-code"]
    assert f"a new scan found template-code in {place}" in standing(deployment, section(done)).refused
    with pytest.raises(NotReady, match="template-code"):
        admissions.resume(deployment, "tiny", by(deployment, "ben"), "it looks fine")
    monkeypatch.setattr(rescanning, "scan", real)
    assert not rescanning.rescan(deployment, done, nothing).new
    admissions.resume(deployment, "tiny", by(deployment, "ben"), "a false alarm of the version before")
    assert standing(deployment, section(done)).refused == ""


def test_a_statement_that_was_altered_admits_nothing(deployment: Deployment, people: None, file: Path) -> None:
    done = admit(deployment, file)
    with write_transaction(deployment.engine, deployment.turn) as connection:
        connection.execute(update(model_admission).values(envelope=done.envelope.replace(b'"sig":"', b'"sig":"AAAA')))
    assert "is not genuine" in standing(deployment, section(done)).refused


def test_the_end_that_the_statement_names_counts_whatever_the_database_says(
    deployment: Deployment, people: None, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = admit(deployment, file)
    assert done.expires_ms is not None
    with write_transaction(deployment.engine, deployment.turn) as connection:
        connection.execute(update(model_admission).values(expires_ms=None))
    monkeypatch.setattr("wardstead.bootstrap.models.admitting.now_ms", lambda: (done.expires_ms or 0) + 1)
    assert "expired on" in standing(deployment, section(done)).refused


def test_other_weights_or_another_template_in_the_configuration_do_not_serve(
    deployment: Deployment, people: None, file: Path
) -> None:
    one = section(admit(deployment, file))
    for change in ({"sha256": "0" * 64}, {"weights": "models/x.gguf"}, {"chat_template": "models/smollm2.jinja"}):
        other = structs.replace(one, upstream=structs.replace(one.upstream, **change))
        assert "admitted; ask an operator" in standing(deployment, other).refused


def test_a_model_reads_no_higher_than_it_was_admitted_for(deployment: Deployment) -> None:
    label = deployment.levels.label("restricted", ["health"])
    assert bounded(deployment, label, "internal") == deployment.levels.label("internal", ["health"])
    assert bounded(deployment, deployment.levels.label("public"), "restricted") == deployment.levels.label("public")
    assert bounded(deployment, label, "no-level-any-more").level.name == "public"


def test_a_later_admission_takes_the_place_of_the_one_before(deployment: Deployment, people: None, file: Path) -> None:
    first, second = admit(deployment, file, "internal"), admit(deployment, file)
    states = {one.candidate.id: one.state for one in deployment.admissions.of("tiny")[-2:]}
    assert states == {first.candidate.id: State.REPLACED, second.candidate.id: State.ADMITTED}


def test_the_commands_say_what_comes_next(deployment: Deployment, people: None, file: Path) -> None:
    runner, where = CliRunner(), ["-C", str(deployment.places.directory)]

    def run(*words: str) -> str:
        done = runner.invoke(app, [*where, "model", *words])
        assert done.exit_code == 0, done.output
        return done.output

    assert "next: 'wardstead model scan tiny'" in run("add", "tiny", str(file), "--by", "admin", "--up-to", "public")
    assert "clean" in run("scan", "tiny")
    assert "one more person has to approve it" in run("review", "tiny", "--by", "ben", "--reason", "x")
    assert "'wardstead model sign tiny --by NAME' admits it" in run("approve", "tiny", "--by", "ben", "--reason", "x")
    assert "kind: embedded" in run("sign", "tiny", "--by", "admin")
    shown = run("show", "tiny")
    assert all(word in shown for word in ("admitted", "tiny.gguf", "clean", "ben"))
    assert json.loads(run("show", "tiny", "--statement"))["payloadType"] == "application/vnd.in-toto+json"


def test_two_people_let_it_serve_for_some_hours_and_that_is_shouted(
    deployment: Deployment, people: None, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = admit(deployment, file)
    served(monkeypatch, deployment, section(done))
    kept = deployment.places.directory / done.candidate.files[0].path
    kept.write_bytes(kept.read_bytes()[:-1] + b"x")
    guarding.Guard(deployment).look()
    assert standing(deployment, section(done)).refused
    for hours in (0.0, 25.0, float("nan")):
        with pytest.raises(BadValue):
            overriding.ask(deployment, "tiny", by(deployment, "admin"), "the ward waits", hours)
    overriding.ask(deployment, "tiny", by(deployment, "admin"), "the ward waits", 2)
    assert standing(deployment, section(done)).refused, "one person is not enough"
    with pytest.raises(MayNot):
        overriding.agree(deployment, "tiny", by(deployment, "admin"), "the ward waits")
    over = overriding.agree(deployment, "tiny", by(deployment, "ben"), "agreed by telephone")
    stands = standing(deployment, section(done))
    assert stands.refused == ""
    check = admission_check(stands)
    assert check.state is Colour.RED
    assert "IT SERVES BY OVERRIDE" in check.evidence
    assert "admin, ben; the ward waits" in check.evidence
    guarding.Guard(deployment).look()
    assert standing(deployment, section(done)).refused == "", "its files are those that the two let serve"
    assert over.expires_ms is not None
    later = over.expires_ms
    for module in ("admitting", "guarding"):
        monkeypatch.setattr(f"wardstead.bootstrap.models.{module}.now_ms", lambda: later)
    assert "is suspended" in standing(deployment, section(done)).refused, "what was before counts again"
    with pytest.raises(NoSuchAdmission):
        overriding.agree(deployment, "tiny", by(deployment, "ben"), "once more")


def test_an_override_is_asked_for_agreed_to_and_ended_at_the_console_by_the_same_rules(
    deployment: Deployment, people: None, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = admit(deployment, file)
    served(monkeypatch, deployment, section(done))
    desk = desk_of(deployment)
    admin, ben, cleo = (as_if_signed_in(deployment.directory.find(name)) for name in ("admin", "ben", "cleo"))

    def page(who: Identity) -> ModelShown:
        found = desk.model("tiny", who)
        assert found is not None
        return found

    assert "override" not in page(admin).may, "it serves"
    desk.act("tiny", "suspend", admin, "a rumour")
    assert page(admin).may >= {"override"}
    assert "override" not in page(ben).may
    with pytest.raises(MayNot):
        desk.ask("tiny", ben, "the ward waits", 2)
    with pytest.raises(BadValue):
        desk.ask("tiny", admin, "the ward waits", 25)
    with pytest.raises(CallerError, match="say why"):
        desk.ask("tiny", admin, " ", 2)
    assert desk.waiting(ben) == []
    desk.ask("tiny", admin, "the ward waits", 2)
    waiting = page(admin).waiting
    assert waiting is not None
    assert (waiting.asked.by, waiting.asked.reason, waiting.hours) == ("admin", "the ward waits", 2)
    assert waiting.why_not == "you asked for it, and somebody else has to"
    assert (page(admin).may & {"agree", "decline"}, page(ben).may & {"agree", "decline"}) == ({"decline"}, {"agree", "decline"})
    assert page(admin).admission == page(ben).admission
    assert desk.waiting(admin) == []
    assert [one.model for one in desk.waiting(ben)] == ["tiny"]
    assert [line.waits for line in desk.models() if line.name == "tiny"] == ["admin asks for an override"]
    with pytest.raises(MayNot):
        desk.act("tiny", "agree", admin, "me")
    desk.act("tiny", "agree", ben, "by telephone")
    assert acts(deployment, "model.override")[-1]["by"] == "ben"
    assert desk.waiting(ben) == []
    shown = page(ben)
    assert shown.refused == ""
    assert shown.override is not None
    assert shown.override.agreed is not None
    assert (shown.override.asked.by, shown.override.agreed.by) == ("admin", "ben")
    assert shown.may == {"withdraw"}, "whoever may agree may end it"
    desk.act("tiny", "withdraw", cleo, "the scan is done")
    assert "a rumour" in page(ben).refused, "what was before counts again"
    words = [one.what for one in page(ben).history.lines[:5]]
    assert words[0] == "Override ended"
    assert words[1].startswith("Serves by override: up to restricted, until")
    assert words[2:4] == ["Override agreed to", "Override asked for: for 2 hours"]


def test_nobody_agrees_to_files_that_changed_since_it_was_asked_for(
    deployment: Deployment, people: None, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = admit(deployment, file)
    served(monkeypatch, deployment, section(done))
    overriding.ask(deployment, "tiny", by(deployment, "admin"), "the ward waits", 2)
    kept = deployment.places.directory / done.candidate.files[0].path
    kept.write_bytes(kept.read_bytes()[:-1] + b"x")
    before = len(acts(deployment, "model.override"))
    with pytest.raises(BadModel, match="not the file") as refused:
        overriding.agree(deployment, "tiny", by(deployment, "ben"), "yes")
    assert refused.value.next_step == "ask anew"
    assert len(acts(deployment, "model.override")) == before, "nothing is recorded as agreed to"
    admissions.refuse(deployment, "tiny", by(deployment, "ben"), "another file", override=True)


def test_an_override_to_which_nobody_agreed_ends_within_a_day_and_that_is_recorded(
    deployment: Deployment, people: None, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = admit(deployment, file)
    served(monkeypatch, deployment, section(done))
    one = overriding.ask(deployment, "tiny", by(deployment, "admin"), "the ward waits", 2)
    guarding.Guard(deployment).look()
    assert overriding.asked_for(deployment, "tiny") == [one]
    for module in ("guarding", "overriding"):
        monkeypatch.setattr(f"wardstead.bootstrap.models.{module}.now_ms", lambda: one.added.at_ms + DAY_MS + 1)
    with pytest.raises(NotReady, match="more than a day ago"):
        overriding.agree(deployment, "tiny", by(deployment, "ben"), "late")
    guarding.Guard(deployment).look()
    assert overriding.asked_for(deployment, "tiny") == []
    assert acts(deployment, "model.override-over")[-1]["why"] == "nobody agreed to it within a day"
    assert standing(deployment, section(done)).refused == "", "what serves goes on"


def test_policy_that_changed_meanwhile_lets_nobody_agree(
    deployment: Deployment, people: None, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = admit(deployment, file)
    served(monkeypatch, deployment, section(done))
    overriding.ask(deployment, "tiny", by(deployment, "admin"), "the ward waits", 2)
    stricter = structs.replace(deployment.admission_policy(), override_hours=0)
    monkeypatch.setattr(Deployment, "admission_policy", lambda *_given: stricter)
    with pytest.raises(BadValue, match="nobody can override"):
        overriding.agree(deployment, "tiny", by(deployment, "ben"), "yes")
    with pytest.raises(BadValue, match="nobody can override"):
        overriding.ask(deployment, "tiny", by(deployment, "admin"), "the ward waits", 0.5)
    admissions.refuse(deployment, "tiny", by(deployment, "ben"), "no", override=True)


def desk_of(deployment: Deployment) -> DeploymentModelDesk:
    """As a worker has it, with the directory as it is now."""
    directory = deployment.directory.load()
    decisions = MemoisedDecisionPoint(deployment.decision_point(), directory)
    current = SimpleNamespace(decisions=decisions, directory=directory)
    return DeploymentModelDesk(deployment, SimpleNamespace(current=current))  # type: ignore[arg-type]


def test_the_console_offers_what_may_be_done_and_does_it_as_who_is_signed_in(
    deployment: Deployment, people: None, file: Path
) -> None:
    worlds = SimpleNamespace(
        current=SimpleNamespace(decisions=MemoisedDecisionPoint(deployment.decision_point(), deployment.directory.load()))
    )
    desk = DeploymentModelDesk(deployment, worlds)  # type: ignore[arg-type]
    made = admissions.add(deployment, "small", file, by(deployment, "admin"), up_to="public")
    admissions.scan_added(deployment, made, nothing)
    admin, ben = (as_if_signed_in(deployment.directory.find(name)) for name in ("admin", "ben"))

    def may(who: Identity) -> set[str]:
        found = desk.model("small", who)
        assert found is not None
        return set(found.may)

    assert (may(admin), may(ben)) == ({"refuse"}, {"review", "refuse"})
    desk.act("small", "review", ben, "read")
    assert may(ben) == {"approve", "refuse"}
    desk.act("small", "approve", ben, "good")
    assert (may(admin), may(ben)) == ({"sign", "refuse"}, {"refuse"})
    desk.act("small", "sign", admin, "the board said so")
    assert acts(deployment, "model.admit")[-1]["reason"] == "the board said so"
    assert (may(admin), may(ben)) == ({"suspend", "withdraw"}, set())
    desk.act("small", "suspend", admin, "a rumour")
    shown = desk.model("small", ben)
    assert shown is not None
    assert shown.may == {"resume"}
    assert shown.admission is not None
    assert shown.admission.why == "admin: a rumour"
    assert {"small", "smollm2"} <= {line.name for line in desk.models()}


def test_what_serves_can_be_taken_out_while_another_is_on_its_way_and_that_one_refused(
    deployment: Deployment, people: None, file: Path
) -> None:
    worlds = SimpleNamespace(
        current=SimpleNamespace(decisions=MemoisedDecisionPoint(deployment.decision_point(), deployment.directory.load()))
    )
    desk = DeploymentModelDesk(deployment, worlds)  # type: ignore[arg-type]
    admin, ben = (as_if_signed_in(deployment.directory.find(name)) for name in ("admin", "ben"))
    admit(deployment, file)
    made = admissions.add(deployment, "tiny", file, by(deployment, "admin"), up_to="public")
    admissions.scan_added(deployment, made, nothing)

    def may(who: Identity) -> set[str]:
        found = desk.model("tiny", who)
        assert found is not None
        return set(found.may)

    assert (may(admin), may(ben)) == ({"refuse", "suspend", "withdraw"}, {"review", "refuse"})
    desk.act("tiny", "refuse", ben, "its licence")
    refused = deployment.admissions.of("tiny")[-1]
    assert (refused.state, refused.why) == (State.WITHDRAWN, "ben refused it: its licence")
    assert may(admin) == {"suspend", "withdraw"}, "what serves goes on"
    with pytest.raises(NoSuchAdmission):
        admissions.approve(deployment, "tiny", by(deployment, "ben"), "after all")
    with pytest.raises(NoSuchAdmission):
        admissions.refuse(deployment, "tiny", by(deployment, "ben"), "once more")


def test_an_override_that_was_refused_or_asked_for_anew_is_agreed_to_no_more(
    deployment: Deployment, people: None, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = admit(deployment, file)
    served(monkeypatch, deployment, section(done))
    overriding.ask(deployment, "tiny", by(deployment, "admin"), "the ward waits", 2)
    overriding.ask(deployment, "tiny", by(deployment, "admin"), "the ward waits", 1)
    (one,) = overriding.asked_for(deployment, "tiny")
    assert one.lasts_ms == 3_600_000
    admissions.refuse(deployment, "tiny", by(deployment, "ben"), "no")
    with pytest.raises(NoSuchAdmission):
        overriding.agree(deployment, "tiny", by(deployment, "ben"), "yes")


def test_a_reason_steers_nobodys_terminal_and_turns_no_line_round(deployment: Deployment, people: None, file: Path) -> None:
    done = admit(deployment, file)
    admissions.take_out(deployment, "tiny", by(deployment, "admin"), "\x1b[2J\u202egone", for_good=False)
    refused = standing(deployment, section(done)).refused
    assert "gone" in refused
    assert not {"\x1b", "\u202e"} & set(refused)


def test_another_bill_undoes_review_and_approvals_and_the_same_does_not(
    deployment: Deployment, people: None, file: Path, tmp_path: Path
) -> None:
    made = admissions.add(deployment, "tiny", file, by(deployment, "admin"), up_to="restricted")
    admissions.scan_added(deployment, made, nothing)
    first, second, strange = tmp_path / "first.json", tmp_path / "second.json", tmp_path / "strange.json"
    assert CliRunner().invoke(app, ["model", "bom", str(file), "-o", str(first)]).exit_code == 0
    assert CliRunner().invoke(app, ["model", "bom", str(file), "--timestamp", "2026-01-01", "-o", str(second)]).exit_code == 0
    strange.write_text(second.read_text().replace(made.files[0].sha256, "a" * 64).replace('"gguf"', f'"{made.files[0].sha256}"'))
    kept = evidence.take_bom(deployment, "tiny", first, by(deployment, "admin"))
    assert deployment.admissions.bom(kept.id) == first.read_bytes()
    admissions.review(deployment, "tiny", by(deployment, "ben"), "nothing stands out")
    assert evidence.take_bom(deployment, "tiny", first, by(deployment, "admin")).reviewed is not None
    assert evidence.take_bom(deployment, "tiny", second, by(deployment, "admin")).reviewed is None
    with pytest.raises(BadModel, match="not about these weights"):
        evidence.take_bom(deployment, "tiny", strange, by(deployment, "admin"))


@pytest.mark.parametrize(
    "said", ['["{}"]', '{{"name": "{}"}}', '{{"bomFormat": "CycloneDX", "metadata": "{}"}}', '{{"@graph": "{}"}}', "[" * 100_000]
)
def test_what_names_the_weights_and_is_no_bill_is_not_kept(
    deployment: Deployment, people: None, file: Path, tmp_path: Path, said: str
) -> None:
    made = admissions.add(deployment, "tiny", file, by(deployment, "admin"), up_to="restricted")
    bill = tmp_path / "bill.json"
    bill.write_text(said.format(made.files[0].sha256))
    with pytest.raises(BadModel, match="no bill of materials"):
        evidence.take_bom(deployment, "tiny", bill, by(deployment, "admin"))


def test_a_bill_of_spdx_is_kept_with_what_serves(deployment: Deployment, people: None, file: Path, tmp_path: Path) -> None:
    bill, lock = tmp_path / "bill.json", tmp_path / "requirements.txt"
    lock.write_text("vllm==0.6.0")
    written = ["model", "bom", str(file), "--serving", str(lock), "--format", "spdx-3.0", "-o", str(bill)]
    assert CliRunner().invoke(app, ["-C", str(tmp_path), *written]).exit_code == 0
    admissions.add(deployment, "tiny", file, by(deployment, "admin"), up_to="restricted")
    kept = evidence.take_bom(deployment, "tiny", bill, by(deployment, "admin"))
    found = packages(json.loads(deployment.admissions.bom(kept.id)))
    assert [(one.name, one.version) for one in found] == [("vllm", "0.6.0")]


class Later(datetime):
    """Ten days from now."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + timedelta(days=10)


def test_an_advisory_on_what_serves_suspends_where_policy_says_so_until_somebody_states_why_not(
    deployment: Deployment, people: None, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["-C", str(deployment.places.directory)]
    done = admit(deployment, file)
    served(monkeypatch, deployment, section(done))
    guard = guarding.Guard(deployment)
    critical = archive(tmp_path / "all.zip", record("GHSA-1", "xllamacpp", "9999", severity=CRITICAL, aliases=["CVE-2026-0001"]))
    assert CliRunner().invoke(app, [*command, "advisories", "import", str(critical)]).exit_code == 0
    guard.look()
    assert standing(deployment, section(done)).refused == "", "no rule asks"
    asked = load_admission("version: 1\nrules: [{up_to: highest, advisories: suspend}]\n", "admission.yaml", deployment.levels)
    monkeypatch.setitem(vars(deployment), "admission_policy", lambda *_: asked)
    guard.look()
    assert "CVE-2026-0001 is critical and concerns xllamacpp" in standing(deployment, section(done)).refused
    with pytest.raises(NotReady, match="CVE-2026-0001"):
        admissions.resume(deployment, "tiny", by(deployment, "ben"), "we do not use it")
    vex = deployment.places.policies / "vex.yaml"
    vex.write_text(
        "version: 1\nstatements:\n- {advisory: CVE-2026-0001, packages: ['pkg:pypi/xllamacpp'], status: not_affected,"
        f" justification: component_not_present, reason: r, owner: ada, expires: {NOW + timedelta(days=9):%Y-%m-%d}}}\n"
    )
    admissions.resume(deployment, "tiny", by(deployment, "ben"), "stated")
    guard.look()
    assert standing(deployment, section(done)).refused == ""
    with monkeypatch.context() as later:
        later.setattr(advisory_watch, "datetime", Later)
        guard.look()
    assert "CVE-2026-0001" in standing(deployment, section(done)).refused, "what was stated has ended"
    admissions.resume(deployment, "tiny", by(deployment, "ben"), "stated")
    guard.look()
    assert standing(deployment, section(done)).refused == ""
    vex.write_text("version: 2\n")
    guard.look()
    assert "cannot be read" in standing(deployment, section(done)).refused, "what was stated is not known"
    vex.unlink()
    with pytest.raises(NotReady, match="CVE-2026-0001"):  # what was stated counts as long as it stands there
        admissions.resume(deployment, "tiny", by(deployment, "ben"), "mended")
    deployment.places.advisories.unlink()
    *_, told = acts(deployment, "advisories.import")
    assert (told["ecosystems"], told["new"]) == (["PyPI"], 1)


def test_where_advisories_stop_models_their_age_is_in_the_posture(deployment: Deployment, tmp_path: Path) -> None:
    assert advisories_check(deployment) == []
    asked = load_admission("version: 1\nrules: [{up_to: highest, advisories: suspend}]\n", "admission.yaml", deployment.levels)
    places = SimpleNamespace(advisories=tmp_path / "advisories.db")
    elsewhere: Any = SimpleNamespace(admission_policy=lambda: asked, places=places)
    states = [advisories_check(elsewhere)[0].state]
    for age in (30, 0):
        path = archive(tmp_path / f"{age}.zip", record("GHSA-1", "x", "1", age=age), age=age)
        taken = ["advisories", "import", str(path), "--advisories", str(places.advisories)]
        assert CliRunner().invoke(app, taken).exit_code == 0
        states.append(advisories_check(elsewhere)[0].state)
    places.advisories.write_bytes(b"something else")
    states.append(advisories_check(elsewhere)[0].state)
    assert states == [Colour.RED, Colour.AMBER, Colour.GREEN, Colour.RED]


def test_a_package_that_its_bill_names_counts_as_well(
    deployment: Deployment, people: None, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bill, lock = tmp_path / "bill.json", tmp_path / "requirements.txt"
    lock.write_text("vllm==0.6.0")
    written = ["model", "bom", str(file), "--serving", str(lock), "-o", str(bill)]
    assert CliRunner().invoke(app, ["-C", str(tmp_path), *written]).exit_code == 0
    made = admissions.add(deployment, "tiny", file, by(deployment, "admin"), up_to="restricted")
    admissions.scan_added(deployment, made, nothing)
    evidence.take_bom(deployment, "tiny", bill, by(deployment, "admin"))
    admissions.review(deployment, "tiny", by(deployment, "ben"), "x")
    for name in ("ben", "cleo"):
        admissions.approve(deployment, "tiny", by(deployment, name), "x")
    done = admissions.sign(deployment, "tiny", by(deployment, "admin"))
    served(monkeypatch, deployment, section(done))
    asked = load_admission("version: 1\nrules: [{up_to: highest, advisories: suspend}]\n", "admission.yaml", deployment.levels)
    monkeypatch.setitem(vars(deployment), "admission_policy", lambda *_: asked)
    guard = guarding.Guard(deployment)
    guard.look()
    assert standing(deployment, section(done)).refused == ""
    malicious = archive(tmp_path / "all.zip", record("MAL-1", "vllm", "0.7", severity=[]))
    assert (
        CliRunner().invoke(app, ["-C", str(deployment.places.directory), "advisories", "import", str(malicious)]).exit_code == 0
    )
    guard.look()
    assert "MAL-1 is malicious and concerns vllm 0.6.0" in standing(deployment, section(done)).refused
    deployment.places.advisories.unlink()

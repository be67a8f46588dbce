"""Access policies as versions: activated whole or refused whole, recorded, and gone back to."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import update
from typer.testing import CliRunner

from wardstead.access.policyset import PolicyFiles
from wardstead.access.ports import AccessRequest, Credential, CredentialKind, Identity, Principal, Resource
from wardstead.adapters.store.policies import RolesExclude, UnknownVersion
from wardstead.adapters.store.tables.policies import policy_set
from wardstead.adapters.store.transactions import write_transaction
from wardstead.bootstrap import deployment as wired
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.policy import policies
from wardstead.bootstrap.policy.policies import FolderInTheWay
from wardstead.bootstrap.processes import condition
from wardstead.bootstrap.processes.worker import KeyUses, inspectors_of, worlds_of
from wardstead.cli.main import app
from wardstead.gateway.pipeline.world import World
from wardstead.gateway.server.worlds import WorldHolder
from wardstead.isolation.posture import State
from wardstead.kernel.errors import ConfigurationError, IntegrityError
from wardstead.kernel.ids import CredentialId, PrincipalId

NOBODY = '@id("nobody-asks") @reason("closed for today") forbid (principal, action == Action::"infer", resource);'


@pytest.fixture(autouse=True)
def few_detectors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here looks at texts."""
    from tests.bootstrap.worlds import inspector

    made = inspector()
    monkeypatch.setattr("wardstead.bootstrap.processes.worker.inspector_of", lambda _deployment, **_: made)


def asked(world: World) -> str:
    who = Principal(PrincipalId("p"), "p", frozenset({"user"}))
    identity = Identity(who, Credential(CredentialId("c"), CredentialKind.API_KEY, b"", who.id))
    return world.decisions.decide(AccessRequest(identity, "infer", Resource("Model", "m"))).code


def add(deployment: Deployment, text: str = NOBODY, name: str = "90.cedar") -> None:
    (deployment.places.policies / name).write_text(text)


def load_of(deployment: Deployment) -> Callable[[], World]:
    return worlds_of(deployment, KeyUses(deployment.directory.touch), inspectors_of(deployment))


def recorded(deployment: Deployment) -> list[dict[str, object]]:
    """The acts of activation in the ledger, the newest first."""
    found = []
    for one in deployment.ledger.recent(50, None):
        opened = deployment.ledger.open_exchange(one.id, deployment.ring)
        assert opened is not None
        act = opened["entries"][0]["content"]
        if act.get("action") == "policy.activate":
            found.append(act["details"])
    return found


def test_the_first_start_puts_the_folder_in_force_and_an_edit_waits_until_it_is_activated(deployment: Deployment) -> None:
    assert deployment.policy_store.active() is None
    load = load_of(deployment)
    first = load()
    assert asked(first) == "allow"
    assert first.directory.policies == first.decisions.version == deployment.folder_policies().version
    add(deployment)
    assert policies.policy_state(deployment).edited == ("90.cedar",)
    assert asked(load()) == "allow", "an edited file is not in force"
    assert asked(load_of(deployment)()) == "allow", "nor after a restart"
    done = policies.activate(deployment, "holidays")
    assert (done.before, done.changed) == (first.decisions.version, True)
    second = load()
    assert asked(second) == "access.forbidden"
    assert second.decisions.version == done.version
    assert second.directory.version > first.directory.version, "what was decided by those before is stale"
    assert policies.policy_state(deployment).edited == ()
    assert policies.activate(deployment).changed is False


def test_an_activation_is_recorded_with_who_why_before_and_after(deployment: Deployment) -> None:
    load_of(deployment)
    add(deployment)
    done = policies.activate(deployment, "  holidays ")
    back = policies.roll_back(deployment)
    latest, activation, first = recorded(deployment)
    assert {key: activation[key] for key in ("before", "after", "reason", "files", "by")} == {
        "before": done.before, "after": done.version, "reason": "holidays", "files": ["90.cedar"], "by": "command line",
    }  # fmt: skip
    assert activation["os_user"]
    assert (latest["before"], latest["after"]) == (done.version, back.version)
    assert (first["before"], first["after"], first["reason"]) == ("", done.before, "the first start")
    history = deployment.policy_store.activations()
    assert [one.version for one in history] == [back.version, done.version, done.before]
    assert all("command line" in one.by for one in history[:2])


@pytest.mark.parametrize(
    ("name", "text", "where"),
    [
        ("90.cedar", "permit (", "90.cedar:1"),
        ("90.cedar", 'permit (principal, action == Action::"fly", resource);', "90.cedar"),
        ("schema.cedarschema", "entity {", "schema.cedarschema"),
        ("access.yaml", "version: 1\nroles:\n  a: {inherits: [a]}\n", "access.yaml:3: roles.a.inherits"),
        ("access.yaml", "version: 1\nrules: {}\n", "access.yaml:2: rules"),
        ("90.cedar", f"\n{NOBODY}\n{NOBODY}", "90.cedar:3"),
        ("90.cedar", NOBODY.replace("nobody-asks", "users-ask-models"), "90.cedar:1"),
        ("90.cedar", NOBODY.replace("nobody-asks", "sinks-get-only-what-they-are-cleared-for"), "90.cedar:1"),
    ],
)
def test_broken_policies_are_refused_with_their_place_and_those_before_stay(
    deployment: Deployment, name: str, text: str, where: str
) -> None:
    load = load_of(deployment)
    before = load()
    add(deployment, text, name)
    with pytest.raises(ConfigurationError) as caught:
        policies.activate(deployment)
    assert where in caught.value.where
    after = load()
    assert (after.directory.version, after.decisions.version) == (before.directory.version, before.decisions.version)
    assert asked(after) == "allow"
    (check,) = (one for one in condition.posture(deployment) if one.id == "policies")
    assert check.state is State.AMBER
    assert "not valid" in check.evidence


def test_going_back_takes_one_command_and_any_version(deployment: Deployment) -> None:
    load = load_of(deployment)
    first = load().decisions.version
    with pytest.raises(UnknownVersion, match="no other version"):
        policies.roll_back(deployment)
    add(deployment)
    second = policies.activate(deployment).version
    add(deployment, NOBODY.replace("today", "ever"))
    third = policies.activate(deployment).version
    assert policies.roll_back(deployment).version == second
    assert policies.roll_back(deployment, first[:6]).version == first
    assert asked(load()) == "allow"
    assert policies.policy_state(deployment).edited == ("90.cedar",), "the folder stays as it is"
    assert len({first, second, third}) == 3
    for unknown in ("zz", ""):
        with pytest.raises(UnknownVersion):
            deployment.policy_store.find(unknown)


def test_a_version_is_written_into_a_new_folder(deployment: Deployment, tmp_path: Path) -> None:
    load_of(deployment)
    version = deployment.policies().version
    _, written = policies.export(deployment, version, tmp_path / "new")
    assert {path.name for path in written} == {
        "10-roles.cedar", "schema.cedarschema", "access.yaml", "admission.yaml", "classification.yaml",
    }  # fmt: skip
    assert all(path.read_text() == (deployment.places.policies / path.name).read_text() for path in written)
    with pytest.raises(FolderInTheWay):
        policies.export(deployment, version, tmp_path / "new")


def test_a_policy_that_keeps_apart_what_somebody_is_waits_until_they_are_not(deployment: Deployment) -> None:
    own = deployment.places.policies / "access.yaml"
    text = own.read_text()
    own.write_text(text.replace("excludes: [auditor]", "excludes: []"))
    load_of(deployment)
    deployment.directory.create_principal(
        "ann", roles=["admin", "auditor"], clearance=deployment.directory.find("admin").clearance
    )
    own.write_text(text)
    with pytest.raises(RolesExclude, match="'ann' has the roles 'admin' and 'auditor'"):
        policies.activate(deployment)
    deployment.directory.set_active("ann", False)
    assert policies.activate(deployment).changed, "an account that is switched off is in nobody's way"


def test_another_version_of_the_product_makes_another_version_of_the_same_files(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_of(deployment)
    before = deployment.policies().version
    brought = wired.product_policies()
    extra = {**brought.mandatory, "wardstead: more": '@id("m") forbid (principal, action, resource) unless { principal.active };'}
    monkeypatch.setattr(wired, "product_policies", lambda: type(brought)(extra, brought.fitting, brought.rules))
    newer = Deployment(deployment.places.directory, {})
    with pytest.raises(IntegrityError, match="not those that were activated"):
        policies.in_force(newer, before)
    world = load_of(newer)()
    history = newer.policy_store.activations()
    assert world.decisions.version == history[0].version != before
    assert (history[0].by, history[1].version) == ("start", before)
    assert newer.policy_store.files(before) == newer.policy_store.files(history[0].version)
    newer.engine.dispose()


def test_what_was_altered_in_the_database_decides_nothing(deployment: Deployment) -> None:
    load = load_of(deployment)
    load()
    version = deployment.policies().version
    forged = PolicyFiles({**deployment.policy_files().texts, "99.cedar": "permit (principal, action, resource);"})
    with write_transaction(deployment.engine, deployment.turn) as connection:
        connection.execute(update(policy_set).values(files=forged.encode()))
    altered = Deployment(deployment.places.directory, {})
    with pytest.raises(IntegrityError, match="not those that were activated"):
        policies.in_force(altered, version)
    with write_transaction(deployment.engine, deployment.turn) as connection:
        connection.execute(update(policy_set).values(files=b"[1]"))
    with pytest.raises(IntegrityError):
        policies.in_force(Deployment(deployment.places.directory, {}), version)
    altered.engine.dispose()


async def test_a_worker_has_it_with_its_next_look(deployment: Deployment) -> None:
    holder = WorldHolder(load_of(deployment), deployment.directory.version)
    assert asked(holder.current) == "allow"
    add(deployment)
    version = policies.activate(Deployment(deployment.places.directory, {})).version
    world = await holder.refresh()
    assert (world.decisions.version, asked(world)) == (version, "access.forbidden")


def test_policies_are_compiled_once_for_each_version(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []
    compile_policies = wired.compile_policies

    def counting(files: PolicyFiles, product: object, where: str, brought: object) -> object:
        compiled.append(where)
        return compile_policies(files, product, where, brought)  # type: ignore[arg-type]

    monkeypatch.setattr(wired, "compile_policies", counting)
    load = load_of(deployment)
    load()
    compiled.clear()
    for name in ("ann", "bob"):
        deployment.directory.create_principal(name, roles=["user"], clearance=deployment.directory.find("admin").clearance)
        load()
    assert compiled == []


def test_the_command_line_says_it_all(deployment: Deployment, tmp_path: Path) -> None:
    run, where = CliRunner(), ["-C", str(deployment.places.directory), "access"]

    def said(*command: str, code: int = 0) -> dict[str, object]:
        result = run.invoke(app, [*where, *command, "--json"])
        assert result.exit_code == code, result.output
        value: dict[str, object] = json.loads(result.stdout)
        return value

    assert said("versions") == {"active": "", "edited": [], "wrong": "", "activations": []}
    first = said("activate", "--reason", "one")
    assert (first["before"], first["changed"]) == ("", True)
    add(deployment)
    assert said("versions")["edited"] == ["90.cedar"]
    second = said("activate", "--reason", "two")
    assert second["before"] == first["version"]
    assert said("activate")["changed"] is False
    back = said("rollback", "--yes")
    assert (back["version"], back["edited"]) == (first["version"], ["90.cedar"])
    add(deployment, "permit (")
    error = said("activate", code=3)["error"]
    assert isinstance(error, dict)
    assert error["where"] == "90.cedar:1"
    shown = said("versions")
    assert shown["active"] == first["version"]
    assert "90.cedar" in str(shown["wrong"])
    assert [one["reason"] for one in shown["activations"]] == [f"back to {first['version']}", "two", "one"]  # type: ignore[index, attr-defined]
    assert len(said("export", str(first["version"]), str(tmp_path / "out"))["files"]) == 5  # type: ignore[arg-type]
    assert said("rollback", "nothing", "--yes", code=2)["error"]
    for command in (["versions"], ["activate"], ["rollback", "--yes"]):
        result = run.invoke(app, [*where, *command])
        assert "Traceback" not in result.output


@pytest.mark.parametrize("place", ["principal == ?principal, action, resource", "principal, action, resource in ?resource"])
def test_a_policy_that_nobody_fills_in_is_not_put_in_force(deployment: Deployment, place: str) -> None:
    own = deployment.places.policies / "90-mine.cedar"
    own.write_text(f'// mine\n@id("others")\npermit (principal, action == Action::"listModels", resource);\n\nforbid({place});\n')
    with pytest.raises(ConfigurationError, match="never be in force") as refused:
        policies.activate(deployment)
    assert refused.value.where == f"{deployment.places.policies}/90-mine.cedar:5"


def test_a_policy_that_looks_at_what_no_resource_has_is_not_put_in_force(deployment: Deployment) -> None:
    """No list could be asked for it: the one before stays."""
    policies.activate(deployment)
    before = deployment.policy_store.active()
    schema = deployment.places.policies / "schema.cedarschema"
    text = schema.read_text()
    schema.write_text(text.replace("entity Template = {\n", 'entity Template = {\n  "kind"?: String,\n'))
    (deployment.places.policies / "99.cedar").write_text(
        'forbid (principal, action == Action::"readData", resource is Template) '
        'when { resource has kind && resource.kind == "draft" };'
    )
    with pytest.raises(ConfigurationError, match=r"resource\.kind"):
        policies.activate(deployment)
    assert deployment.policy_store.active() == before

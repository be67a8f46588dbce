"""``keys rotate --ledger``, as its command carries it out: admissions, certificates and backups go on, the old key goes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.bootstrap.test_backups import Kit, kit
from tests.bootstrap.test_erasing import ORDER
from tests.bootstrap.test_witnessing import Elsewhere, grow
from tests.cuts import Cut, cut_after

from wardstead.adapters.keys import folder
from wardstead.adapters.keys.folder import LEDGER
from wardstead.adapters.store.admissions import sign_anew
from wardstead.adapters.store.ledger.ledger_keys import SigningKeys
from wardstead.adapters.store.transactions import write_transaction
from wardstead.auditor.witness import Refusal, Witness
from wardstead.bootstrap.backup.backups import choose, erased_note, open_erased
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.forgetting.erasing import certificates, erase
from wardstead.bootstrap.keys import ledger_key, root_keys
from wardstead.bootstrap.keys.unsealing import passphrase_provider
from wardstead.bootstrap.ledger.verifying import verify
from wardstead.bootstrap.ledger.witnessing import stands, witness_round
from wardstead.config.sections import WitnessSection
from wardstead.crypto.signing import SigningKey
from wardstead.kernel.errors import BackendError, ConfigurationError, IntegrityError
from wardstead.ledger.certificate import open_certificate, sign_certificate
from wardstead.ledger.checkpoint import open_checkpoint
from wardstead.ledger.succession import KeyRetired, sign_change
from wardstead.ledger.witnessing import Reply, Standing

__all__ = ["kit"]


def again(deployment: Deployment) -> Deployment:
    """As the next command finds it."""
    return Deployment(deployment.places.directory, {})


def in_force(deployment: Deployment) -> SigningKey:
    """Rotated, signed with, and the old one destroyed."""
    rotated = ledger_key.rotate(deployment)
    assert not rotated.in_force, "nobody runs it"
    grow(deployment)
    ledger_key.retire(deployment)
    return deployment.signing_key()


def test_the_new_key_signs_whatever_is_signed_and_the_old_one_is_gone(deployment: Deployment) -> None:
    old, made_s = deployment.keys.ledger(), deployment.keys.created_s
    new = in_force(deployment)
    found = again(deployment)
    assert new.verifying != old.verifying
    assert found.signing_key().verifying == found.ledger.keys.newest == new.verifying
    assert not found.keys.has(LEDGER)
    assert not [path for path in found.places.directory.rglob("*") if path.is_file() and old.text().encode() in path.read_bytes()]
    assert not [path for path in found.places.directory.rglob("*") if path.is_file() and new.text().encode() in path.read_bytes()]
    assert found.keys.verifying() == old.verifying
    assert found.keys.created_s == made_s
    assert verify(found, found.ledger).problems == []
    newest = in_force(found)
    assert newest.verifying not in {old.verifying, new.verifying}
    assert verify(found, found.ledger).problems == []


def test_a_thief_of_the_old_key_certifies_nothing_that_came_after(deployment: Deployment) -> None:
    old = deployment.keys.ledger()
    deployment.directory.create_principal("zoe", roles=("user",), clearance=deployment.levels.label("public", []))
    grow(deployment)
    note = erase(deployment, "zoe", ORDER)
    in_force(deployment)
    keys = deployment.ledger.keys
    said = open_certificate(note, keys)
    assert certificates(deployment)[0]["id"] == said["id"], "it was signed before"
    size = open_checkpoint(deployment.ledger.checkpoint() or "", keys).size
    with pytest.raises(KeyRetired):
        open_certificate(sign_certificate(old, {**said, "checkpoint": [str(size), "x"]}), keys)
    with pytest.raises(KeyRetired):
        open_certificate(sign_certificate(old, {"id": "x"}), keys)


def test_admissions_are_signed_anew_and_what_was_forged_stays_forged(deployment: Deployment) -> None:
    with write_transaction(deployment.engine, deployment.turn) as connection:
        seen = list[bytes]()

        def keep(envelope: bytes) -> bytes:
            seen.append(envelope)
            return envelope

        sign_anew(connection, keep)
    old, new = deployment.keys.ledger(), SigningKey(deployment.keys.verifying().name, bytes(32))
    assert all(ledger_key._signed_anew(old.verifying, new, one) != one for one in seen)
    forged = b'{"payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":[]}'
    assert ledger_key._signed_anew(old.verifying, new, forged) == forged


@pytest.mark.parametrize("sealed", [False, True])
def test_root_and_provider_go_on_to_keep_it(deployment: Deployment, tmp_path: Path, sealed: bool) -> None:
    secret = tmp_path / "passphrase"
    secret.write_text("a passphrase of many words")
    secret.chmod(0o600)
    if sealed:
        root_keys.protect(deployment, passphrase_provider(secret))
        deployment = Deployment(deployment.places.directory, {"WARDSTEAD_UNSEAL_FILES": str(secret)})
    new = in_force(deployment)
    found = again(deployment)
    found.environment["WARDSTEAD_UNSEAL_FILES"] = str(secret)
    found.keys._environment = found.environment
    root_keys.rotate(found, root=True)
    assert found.signing_key().verifying == new.verifying
    found = Deployment(found.places.directory, found.environment)
    assert found.signing_key().verifying == new.verifying
    root_keys.protect(found, passphrase_provider(secret))
    root_keys.unprotect(found)
    assert again(found).signing_key().verifying == new.verifying


@pytest.mark.parametrize("at", range(4))
def test_a_kill_while_the_old_key_is_destroyed_leaves_it_to_the_next_try(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    ledger_key.rotate(deployment)
    grow(deployment)
    made_s = deployment.keys.created_s
    counted = cut_after(at)
    with monkeypatch.context() as patch:
        patch.setattr(folder, "write_durably", counted(folder.write_durably))
        patch.setattr(Path, "replace", counted(Path.replace))
        patch.setattr(folder, "_overwrite", counted(folder._overwrite))
        if at < 3:
            with pytest.raises(Cut):
                ledger_key.retire(deployment)
        else:
            ledger_key.retire(deployment)
    found = again(deployment)
    assert verify(found, found.ledger).problems == []
    ledger_key.retire(found)
    assert not found.keys.has(LEDGER)
    assert not list(found.places.keys.glob(".*.gone"))
    assert found.keys.created_s == made_s
    grow(found)
    assert verify(found, found.ledger).problems == []


def test_what_cannot_be_ordered_is_not_carried_out(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    before = deployment.ledger.keys

    def cut(*_: object) -> None:
        raise Cut

    for broken in ((ledger_key, "sign_anew"), (SigningKeys, "order"), (type(deployment.admin_record), "append")):
        with monkeypatch.context() as patch:
            patch.setattr(*broken, cut)
            with pytest.raises(Cut):
                ledger_key.rotate(deployment)
    assert again(deployment).ledger.keys == before
    ledger_key.rotate(deployment)
    with pytest.raises(BackendError, match="not in force yet"):
        ledger_key.rotate(deployment)


def test_backups_of_before_and_after_are_restored(kit: Kit) -> None:
    before = kit.back_up("before.backup")
    old = kit.deployment.keys.ledger()
    ledger_key.rotate(kit.deployment)
    between = kit.back_up("between.backup")
    grow(kit.deployment)
    ledger_key.retire(kit.deployment)
    after = kit.back_up("after.backup")
    keys = kit.deployment.ledger.keys
    assert before.key == old.verifying
    assert between.key == after.key == keys.newest
    for head in (before, between, after):
        assert choose(head.path, keys, "", None).id == head.id
        made = kit.restored(choose(head.path, None, "", None))
        grow(made)
        assert verify(made, made.ledger).problems == []
        assert made.ledger.keys.newest == head.key
    assert not made.keys.has(LEDGER)
    note = erased_note(kit.deployment)
    assert open_erased(note, old.verifying) == open_erased(note, keys.newest) == open_erased(note, keys)
    with pytest.raises(IntegrityError):
        open_erased(note, SigningKey(keys.name, bytes(32)).verifying)


def test_a_gateway_without_the_key_does_not_start_to_sign(deployment: Deployment) -> None:
    (deployment.places.keys / LEDGER).unlink()
    with pytest.raises(ConfigurationError, match="a key file is missing"):
        again(deployment).signing_key()


def test_witnesses_follow_and_refuse_the_old_key_from_then_on(deployment: Deployment) -> None:
    elsewhere = Elsewhere(deployment, "w1.example", "w2.example")
    made = elsewhere.configured(deployment)
    grow(made)
    witness_round(made, elsewhere)
    elsewhere.away.add("w2.example")
    old = made.keys.ledger()
    for _ in range(2):
        ledger_key.rotate(made)
        grow(made)
        witness_round(made, elsewhere)
    elsewhere.away.clear()
    witness_round(made, elsewhere)
    assert [one.standing for one in stands(made)] == [Standing.COSIGNED] * 2, "one missed two changes, and followed both"
    size = open_checkpoint(made.ledger.checkpoint() or "", made.ledger.keys).size
    assert {one.size for one in stands(made)} == {size}
    stolen = old.sign_note((made.ledger.checkpoint() or "").rpartition("\n\n")[0] + "\n")
    for one in elsewhere.made.values():
        with pytest.raises(Refusal) as refused:
            one.add_checkpoint(f"old {size}\n\n{stolen}".encode())
        assert refused.value.status == 403
        again_read = Witness(one._folder, lambda: elsewhere.clock_s)
        assert [key.text() for key in again_read.logs[old.verifying.name].keys] == [made.ledger.keys.text()]
    report = verify(made, made.ledger)
    assert report.problems == []


def test_a_witness_follows_no_change_that_is_not_signed_or_not_in_the_tree(deployment: Deployment) -> None:
    elsewhere = Elsewhere(deployment, "w1.example")
    made = elsewhere.configured(deployment)
    witness_round(made, elsewhere)
    in_force(made)
    witness = elsewhere.made["w1.example"]
    asked: list[bytes] = []

    def spy(section: WitnessSection, what: str, body: bytes) -> Reply:
        asked.append(body)
        return Reply(403)

    witness_round(made, spy)
    good = json.loads(asked[-1])
    (change,) = good["keys"]
    stranger = SigningKey(deployment.keys.verifying().name, bytes(32))
    root, size = bytes(32), 0
    unknown = sign_change(stranger, SigningKey(stranger.verifying.name, bytes(range(32))), size, root).decode()
    wrong = [
        ([], 403), ([{**change, "body": unknown}], 422), ([{**change, "key_index": 0}], 422),
        ([{**change, "key_index": "1"}], 400),
        ([{**change, "inclusion_proof": []}], 422), ([{**change, "body": change["body"].replace('"size":', '"size":1')}], 403),
        ([{**change, "header": "{}"}], 400), ([{}], 400), ("x", 400),
        ([{**change, "header": "no JSON"}], 400), ([{**change, "header": "[]"}], 400),
    ]  # fmt: skip
    for keys, status in wrong:
        with pytest.raises(Refusal) as refused:
            witness.add_keys(json.dumps({**good, "keys": keys}).encode())
        assert refused.value.status == status
    no_text = {**good, "checkpoint": good["checkpoint"].replace("\n\n", "\n\ud800\n\n", 1)}
    for body in (b"", b"[]", b"{}", json.dumps({**good, "proof": ["AA=="]}).encode(), json.dumps(no_text).encode()):
        with pytest.raises(Refusal):
            witness.add_keys(body)
    before = [key.text() for key in witness.logs[stranger.verifying.name].keys]
    assert before == [made.keys.verifying().text()]
    assert witness.add_keys(json.dumps(good).encode()).startswith("\N{EM DASH} w1.example")

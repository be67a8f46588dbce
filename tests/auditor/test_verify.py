"""``wardstead-verify`` accepts what was recorded, and names whatever was changed in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from sqlalchemy import text
from tests.auditor.made import Line, Made, codes, make, verified, written

from wardstead.auditor import verify
from wardstead.auditor.verify import Trust, of_leaf
from wardstead.crypto.signing import SigningKey
from wardstead.ledger.certificate import sign_certificate

VECTORS = Path(__file__).parents[2] / "docs" / "reference" / "ledger-vectors"
DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """One for all: none of these changes it."""
    one = make(tmp_path_factory.mktemp("made"))
    yield one
    one.deployment.keys.close()
    one.deployment.engine.dispose()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


def test_every_slice_verifies_and_is_witnessed(made: Made, path: Path) -> None:
    for first in range(13):
        for stop in range(first, 13):
            report = verified(path, made.lines(first, stop), made.witnessed)
            assert report.ok, (first, stop, report.problems)
            assert (report.entries, report.first, report.size, report.witnessed) == (stop - first, first, 12, 12)


def test_without_a_key_from_elsewhere_it_says_so(made: Made, path: Path) -> None:
    report = verified(path, made.lines(), Trust())
    assert (report.ok, report.own_key, report.checkpoints) == (True, True, 3)


def test_a_slice_is_proven_by_the_checkpoint_that_a_witness_cosigned(tmp_path: Path) -> None:
    made = make(tmp_path)
    made.grow()
    assert verified(tmp_path / "x", made.lines(3, 9), made.witnessed).ok
    report = verified(tmp_path / "x", made.lines(), made.witnessed)
    assert codes(report) == {"unwitnessed"}, "what came since is not witnessed"
    assert verified(tmp_path / "x", made.lines(), made.trust).ok
    assert codes(verified(tmp_path / "x", made.lines(0, 12), replace(made.witnessed, quorum=2))) == {"unwitnessed"}


# -- the matrix: what is done to an export, and how it is called -------------------------------------------------------------


def entries(lines: list[Line]) -> list[int]:
    return [number for number, line in enumerate(lines) if "index" in line]


def delete(lines: list[Line]) -> list[Line]:
    return [line for line in lines if line.get("index") != 4]


def delete_and_count_anew(lines: list[Line]) -> list[Line]:
    kept = delete(lines)
    for line in kept:
        if line.get("index", 0) > 4:
            line["index"] -= 1
    kept[0] |= {"to": 11, "size": 11}
    return kept


def reorder(lines: list[Line]) -> list[Line]:
    first, *_ = entries(lines)
    lines[first + 4], lines[first + 5] = lines[first + 5], lines[first + 4]
    return lines


def reorder_and_count_anew(lines: list[Line]) -> list[Line]:
    reorder(lines)
    for index, number in enumerate(entries(lines)):
        lines[number]["index"] = index
    return lines


def insert(lines: list[Line]) -> list[Line]:
    at = entries(lines)[6]
    return [*lines[:at], lines[at], *lines[at:]]


def insert_a_forged_one(lines: list[Line]) -> list[Line]:
    """Behind the last checkpoint, where nothing signed contradicts it."""
    lines[0] |= {"to": 13, "size": 13}
    return [*lines, {**forged(lines[-1]), "index": 12}]


def truncate(lines: list[Line]) -> list[Line]:
    return lines[:-2]


def roll_back(lines: list[Line]) -> list[Line]:
    """As the export was before the last checkpoint: everything in it fits."""
    lines[0] |= {"to": 8, "size": 8}
    return [line for line in lines if line.get("index", 0) < 8 and not ("checkpoint" in line and line["size"] > 8)]


def edit_header(lines: list[Line]) -> list[Line]:
    line = lines[entries(lines)[3]]
    line["header"] = line["header"].replace('"outcome":"answered"', '"outcome":"refused"')
    return lines


def edit_body(lines: list[Line]) -> list[Line]:
    line = lines[entries(lines)[3]]
    body = b64decode(line["body"])
    line["body"] = b64encode(bytes([body[0] ^ 1]) + body[1:]).decode()
    return lines


def forged(line: Line) -> Line:
    """An entry of somebody's own making, which hashes to its leaf."""
    header = line["header"].replace('"exchange":"0', '"exchange":"1')
    return {**line, "header": header, "leaf_hash": of_leaf(header.encode(), sha256(b64decode(line["body"])).digest()).hex()}


def edit_everything(lines: list[Line]) -> list[Line]:
    """The leaf is made anew: only the signed root contradicts."""
    at = entries(lines)[0]
    lines[at] = forged(lines[at])
    return lines


def edit_leaf(lines: list[Line]) -> list[Line]:
    lines[entries(lines)[3]]["leaf_hash"] = "00" * 32
    return lines


def swap_ciphertexts(lines: list[Line]) -> list[Line]:
    one, other = (lines[entries(lines)[number]] for number in (2, 4))
    one["body"], other["body"] = other["body"], one["body"]
    return lines


def swap_entries_whole(lines: list[Line]) -> list[Line]:
    one, other = (lines[entries(lines)[number]] for number in (2, 4))
    for name in ("body", "header", "leaf_hash"):
        one[name], other[name] = other[name], one[name]
    return lines


def reuse_a_nonce(lines: list[Line]) -> list[Line]:
    intent, outcome = (lines[entries(lines)[number]] for number in (0, 1))
    nonces = [json.loads(line["header"])["nonce"] for line in (intent, outcome)]
    outcome["header"] = outcome["header"].replace(nonces[1], nonces[0])
    return lines


def empty_an_entry(lines: list[Line]) -> list[Line]:
    lines[entries(lines)[3]] |= {"header": None, "body": None}
    return lines


def no_checkpoint(lines: list[Line]) -> list[Line]:
    return [line for line in lines if "checkpoint" not in line]


def other_size(lines: list[Line]) -> list[Line]:
    lines[1]["size"] += 1
    return lines


def edit_checkpoint(lines: list[Line]) -> list[Line]:
    lines[1]["checkpoint"] = lines[1]["checkpoint"].replace("\n4\n", "\n5\n")
    return lines


def another_log(lines: list[Line]) -> list[Line]:
    lines[1]["checkpoint"] = lines[1]["checkpoint"].replace("ledger.test", "ledger.best")
    return lines


def edit_cosignature(lines: list[Line]) -> list[Line]:
    (line,) = [one for one in lines if "witness.test" in one.get("checkpoint", "")]
    note, encoded, _ = line["checkpoint"].rpartition(line["checkpoint"].split(" ")[-1])
    blob = b64decode(encoded.strip())
    line["checkpoint"] = note + b64encode(blob[:-1] + bytes([blob[-1] ^ 1])).decode() + "\n"
    return lines


def no_cosignature(lines: list[Line]) -> list[Line]:
    for line in lines:
        if "checkpoint" in line:
            head, _, tail = line["checkpoint"].rpartition("\n\n")
            line["checkpoint"] = f"{head}\n\n" + "".join(f"{one}\n" for one in tail.splitlines() if "witness.test" not in one)
    return lines


def say_more(lines: list[Line]) -> list[Line]:
    lines[3]["note"] = "hidden"
    return lines


MATRIX: list[tuple[Callable[[list[Line]], list[Line]], set[str]]] = [
    (delete, {"entry-missing", "outcome-without-intent", "truncated"}),
    (delete_and_count_anew, {"rewritten", "rolled-back", "checkpoint-missing"}),
    (reorder, {"reordered", "rewritten"}),
    (reorder_and_count_anew, {"rewritten"}),
    (insert, {"entry-inserted", "entry-repeated", "rewritten"}),
    (insert_a_forged_one, {"checkpoint-missing"}),
    (truncate, {"truncated"}),
    (roll_back, {"unwitnessed"}),
    (edit_header, {"entry-altered"}),
    (edit_body, {"entry-altered"}),
    (edit_everything, {"rewritten", "checkpoint-missing"}),
    (edit_leaf, {"entry-altered", "rewritten"}),
    (swap_ciphertexts, {"entry-altered"}),
    (swap_entries_whole, {"rewritten"}),
    (reuse_a_nonce, {"entry-altered", "nonce-reused"}),
    (empty_an_entry, {"entry-deleted"}),
    (no_checkpoint, {"checkpoint-missing", "unwitnessed"}),
    (other_size, {"checkpoint-altered"}),
    (edit_checkpoint, {"checkpoint-signature"}),
    (another_log, {"checkpoint-signature"}),
    (edit_cosignature, {"cosignature-altered", "unwitnessed"}),
    (no_cosignature, {"unwitnessed"}),
    (say_more, {"export-malformed"}),
]


@pytest.mark.parametrize(("change", "named"), MATRIX, ids=lambda one: getattr(one, "__name__", ""))
def test_what_was_done_to_an_export_is_named(
    made: Made, path: Path, change: Callable[[list[Line]], list[Line]], named: set[str]
) -> None:
    report = verified(path, change(made.lines()), made.witnessed)
    assert named <= codes(report), report.problems


def test_a_whole_export_of_an_older_time_contradicts_a_checkpoint_that_was_kept(made: Made, path: Path) -> None:
    kept = next(line["checkpoint"] for line in made.lines() if line.get("size") == 12 and "checkpoint" in line)
    older = roll_back(made.lines())
    assert verified(path, older, made.trust).ok, "by itself it is what it says"
    assert codes(verified(path, older, replace(made.trust, checkpoints=(kept,)))) == {"rolled-back"}


def test_a_fork_contradicts_a_checkpoint_that_was_kept(made: Made, tmp_path: Path) -> None:
    (tmp_path / "fork").mkdir()
    fork = make(tmp_path / "fork")  # another history, signed with the same key
    kept = next(line["checkpoint"] for line in made.lines() if line.get("size") == 8 and "checkpoint" in line)
    lines = fork.lines()
    assert verified(tmp_path / "x", lines, made.trust).ok, "by itself it is as good as any"
    assert codes(verified(tmp_path / "x", lines, replace(made.trust, checkpoints=(kept,)))) == {"rewritten"}
    assert codes(verified(tmp_path / "x", lines, made.witnessed)) == {"unwitnessed"}


def test_another_key_is_named(made: Made, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = make(tmp_path / "other", bytes([1]) * 32)
    report = verified(tmp_path / "x", other.lines(), made.trust)
    assert codes(report) >= {"another-ledger", "checkpoint-signature"}


def changes_of(content: bytes) -> Iterator[bytes]:
    """Every byte (deep), or every 23rd: another bit, gone, twice; and the file cut there."""
    for at in range(0, len(content), 1 if DEEP else 23):
        yield content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
        yield content[:at] + content[at + 1 :]
        yield content[:at] + content[at : at + 1] + content[at:]
        yield content[:at]


@pytest.mark.timeout(3600)
def test_a_change_of_any_byte_of_an_export_is_detected(tmp_path: Path) -> None:
    made = make(tmp_path)
    content = written(made.lines(4, 8))
    trust = made.witnessed
    assert verified(tmp_path / "x", content, trust).ok
    for changed in changes_of(content):
        if changed == content:
            continue
        report = verified(tmp_path / "x", changed, trust)
        assert not report.ok, changed
        assert report.problems[0].code


# -- receipts and consistency proofs -----------------------------------------------------------------------------------------


def receipt_of(made: Made) -> dict[str, Any]:
    with made.deployment.engine.connect() as connection:
        exchange = connection.execute(text("SELECT exchange FROM entry WHERE id = 6")).scalar_one()
    found = made.deployment.reader.receipt(exchange)
    assert found is not None
    return json.loads(json.dumps(found))  # type: ignore[no-any-return]


def test_a_receipt_verifies(made: Made, path: Path) -> None:
    report = verified(path, json.dumps(receipt_of(made), indent=2).encode(), made.trust)
    assert (report.ok, report.kind, report.entries, report.size) == (True, "receipt", 2, 12)


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one.update(receipt="other"),
        lambda one: one.update(checkpoint=""),
        lambda one: one["entries"].clear(),
        lambda one: one["entries"][0].update(index=one["entries"][0]["index"] + 1),
        lambda one: one["entries"][1]["inclusion_proof"].pop(),
        lambda one: one["entries"][1].update(body_sha256="00" * 32),
        lambda one: one["entries"][1].update(header=one["entries"][0]["header"]),
        lambda one: one.pop("entries"),
        lambda one: one.update(verifier_key=SigningKey("x", bytes(32)).verifying.text()),
        lambda one: one.update(checkpoint=one["checkpoint"].replace("\n12\n", "\n13\n")),
    ],
)
def test_an_altered_receipt_does_not(made: Made, path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    document = receipt_of(made)
    change(document)
    assert not verified(path, json.dumps(document).encode(), made.trust).ok


def test_a_consistency_proof_verifies_against_what_was_kept(made: Made, path: Path) -> None:
    notes = {line["size"]: line["checkpoint"] for line in made.lines() if "checkpoint" in line}
    for old in range(13):
        document = json.dumps(made.tree.consistency(old)).encode()
        assert verified(path, document, made.trust).ok
    document = json.dumps(made.tree.consistency(8)).encode()
    assert verified(path, document, replace(made.trust, checkpoints=(notes[8], notes[12]))).ok
    assert codes(verified(path, document, replace(made.trust, checkpoints=(notes[4],)))) == {"not-covered"}


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one["proof"].pop(),
        lambda one: one["proof"].append(one["new"]["root"]),
        lambda one: one["old"].update(size=7),
        lambda one: one["new"].update(size=11),
        lambda one: one["old"].update(root=one["new"]["root"]),
        lambda one: one.update(checkpoint=""),
        lambda one: one.pop("proof"),
    ],
)
def test_an_altered_consistency_proof_does_not(made: Made, path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    document = made.tree.consistency(8)
    change(document)
    assert not verified(path, json.dumps(document).encode(), made.trust).ok


# -- certificates ------------------------------------------------------------------------------------------------------------


def certificate(seed: bytes = bytes(32), **more: object) -> str:
    fields = {"ledger": "ledger.test", "entries_unreadable": 4, "last_key_copy_expires": "2027-01-01", **more}
    return sign_certificate(SigningKey("ledger.test", seed), fields)


def test_a_certificate_of_erasure_verifies_under_the_key_that_is_known(made: Made, path: Path) -> None:
    report = verified(path, certificate().encode(), made.trust)
    assert (report.ok, report.kind, report.entries) == (True, "certificate", 4)


@pytest.mark.parametrize(
    "text",
    [
        certificate().replace("2027", "2026"),
        certificate(bytes([1]) * 32),
        certificate(ledger="another"),
        certificate().partition("\n\n")[0],
        certificate(entries_unreadable="many"),
    ],
)
def test_a_certificate_that_was_altered_does_not(made: Made, path: Path, text: str) -> None:
    assert codes(verified(path, text.encode(), made.trust)) == {"certificate-altered"}


def test_a_certificate_without_a_key_from_elsewhere_is_not_verified_and_not_called_altered(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path.write_text(certificate())
    assert verify.main([str(path)]) == 3
    told = capsys.readouterr()
    assert "--key" in told.err
    assert told.out == ""


def test_a_certificate_of_another_key_of_that_name_says_who_knows_them_all(made: Made, path: Path) -> None:
    (problem,) = verified(path, certificate(bytes([1]) * 32).encode(), made.trust).problems
    assert "--keys" in problem.what


def test_a_certificate_is_shown_by_what_it_says(made: Made, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.write_text(certificate(subject="\x1b[2Kfb785e", ordered="2026-11-26"))
    key = SigningKey("ledger.test", bytes(32)).verifying.text()
    assert verify.main([str(path), "--key", key]) == 0
    told = capsys.readouterr().out
    assert "last_key_copy_expires: 2027-01-01" in told
    assert "entries_unreadable: 4" in told
    assert "entries from" not in told, "a certificate is no slice"
    assert "\x1b" not in told


def test_what_is_no_document_of_ours_is_of_nobody(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.write_text("unset PYTHONPATH\n")
    assert verify.main([str(path)]) == 5
    assert capsys.readouterr().out.startswith("ALTERED: file\n  export-malformed file: ")


# -- the program -------------------------------------------------------------------------------------------------------------


def test_the_program_needs_nothing_of_ours(made: Made, tmp_path: Path) -> None:
    def wardstead_verify(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, verify.__file__, *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env={"PATH": os.environ["PATH"]})

    export = tmp_path / "export"
    lines = made.lines()
    export.write_bytes(written(lines))
    key, witness = made.deployment.ledger_key.verifying.text(), made.witness.key.text()
    found = wardstead_verify(str(export), "--key", key, "--witness", witness, "--json")
    assert (found.returncode, json.loads(found.stdout)["ok"]) == (0, True), found.stderr
    plain = wardstead_verify(str(export))
    assert plain.stdout.startswith("clean: export of ledger.test: 12 entries from 0 on, of 12; 0 witnessed\n")
    assert "the key is the file's own" in plain.stdout
    kept = tmp_path / "kept"
    kept.write_text(json.dumps({"checkpoint": lines[1]["checkpoint"]}))
    assert wardstead_verify(str(export), "--key", key, "--checkpoint", str(kept)).returncode == 0
    kept.write_text("some other file\n")
    none = wardstead_verify(str(export), "--key", key, "--checkpoint", str(kept))
    assert (none.returncode, none.stdout) == (3, "")
    assert "is not a signed checkpoint" in none.stderr
    export.write_bytes(written(lines[:-1]))
    assert wardstead_verify(str(export), "--key", key).returncode == 5
    assert wardstead_verify(str(export), "--key", "junk").returncode == 3
    assert wardstead_verify(str(tmp_path / "none")).returncode == 3
    assert wardstead_verify().returncode == 2


# -- what a file may try with the verifier itself ---------------------------------------------------------------------------


def test_a_receipt_of_which_nothing_is_in_a_signed_tree_is_not_clean(made: Made, path: Path) -> None:
    pending = receipt_of(made) | {"status": "pending"}
    for one in pending["entries"]:
        one |= {"index": None, "inclusion_proof": []}
    for said in (pending, pending | {"entries": [], "checkpoint": ""}):
        assert codes(verified(path, json.dumps(said).encode(), made.trust)) == {"checkpoint-missing"}


def test_an_export_of_nothing_needs_a_signature_too(made: Made, path: Path) -> None:
    head = made.lines()[0] | {"from": 0, "to": 0, "size": 0, "left": [], "right": []}
    assert codes(verified(path, [head], made.trust)) == {"checkpoint-missing"}


def test_a_checkpoint_that_was_kept_is_held_against_receipts_and_certificates(made: Made, path: Path, tmp_path: Path) -> None:
    notes = {line["size"]: line["checkpoint"] for line in made.lines() if "checkpoint" in line}
    (tmp_path / "fork").mkdir()
    fork = make(tmp_path / "fork").lines()  # another history, signed with the same key
    forked = next(line["checkpoint"] for line in fork if line.get("size") == 12 and "checkpoint" in line)
    tree = ["12", notes[12].split("\n")[2]]
    for document in (json.dumps(receipt_of(made)), certificate(checkpoint=tree)):
        for note, expected in ((notes[12], set()), (notes[4], {"not-covered"}), (forked, {"rewritten"})):
            assert codes(verified(path, document.encode(), replace(made.trust, checkpoints=(note,)))) == expected


def test_what_is_asked_for_and_cannot_be_there_is_not_passed_over(made: Made, path: Path) -> None:
    trusted = x509.load_pem_x509_certificates((VECTORS / "timestamp-authority.pem").read_bytes())
    receipt = json.dumps(receipt_of(made)).encode()
    assert codes(verified(path, receipt, replace(made.trust, authorities=tuple(trusted)))) == {"unstamped"}
    assert codes(verified(path, certificate().encode(), made.witnessed)) == {"unwitnessed"}
    assert codes(verified(path, made.lines(), replace(made.trust, quorum=1))) == {"unwitnessed"}
    witness = made.witnessed.witnesses[0]
    assert codes(verified(path, receipt, Trust(made.trust.key, (witness, witness), quorum=2))) == {"unwitnessed"}


HALF = "\ud800"


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: lines[1].update(authority=HALF),
        lambda lines: lines[0].update(verifier_key=f"{HALF}+00000000+AA=="),
        lambda lines: lines[-1].update(header=HALF),
        lambda lines: lines[1].update(checkpoint=lines[1]["checkpoint"] + HALF),
    ],
)
def test_half_of_a_surrogate_pair_is_told(made: Made, path: Path, change: Callable[[list[Line]], object]) -> None:
    lines = made.lines()
    change(lines)
    for escaped in (True, False):
        texts = [json.dumps(line, separators=(",", ":"), ensure_ascii=escaped) for line in lines]
        content = "".join(f"{text}\n" for text in texts).encode("utf-8", "surrogatepass")
        assert "export-malformed" in codes(verified(path, content, made.trust))


def test_half_of_a_surrogate_pair_in_a_document_is_told(made: Made, path: Path) -> None:
    for where in ("verifier_key", "checkpoint", "receipt"):
        document = receipt_of(made)
        document[where] = HALF + document[where]
        assert codes(verified(path, json.dumps(document).encode(), made.trust)) == {"export-malformed"}


def test_gaps_take_no_memory_beyond_their_bound(made: Made, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "MAX_GAP", 100)
    head = made.lines()[0] | {"to": 1 << 62, "size": 1 << 62, "right": []}
    lines = [head, *({"index": 90 * n, "leaf_hash": "0" * 64, "header": None, "body": None} for n in range(1, 50))]
    verification = verify.Verification(made.trust)
    report = verification.run(written(lines).splitlines(keepends=True))
    assert "entry-missing" in codes(report)
    assert len(verification.missing) <= 100


def test_a_time_stamp_that_is_no_time_stamp_does_not_hold_anybody_up(made: Made, path: Path) -> None:
    """Two megabytes of empty elements: to copy what is left behind each of them would take minutes."""
    elements = b"\x05\x00" * 1_000_000
    response = b"\x30\x83" + len(elements).to_bytes(3, "big") + elements
    lines = made.lines()
    lines.insert(4, {"timestamp": b64encode(response).decode(), "authority": "time", "size": 12})
    started = time.process_time()
    assert codes(verified(path, lines, made.trust)) == {"timestamp-altered"}
    assert time.process_time() - started < 10


def test_names_out_of_a_file_do_not_move_the_cursor(made: Made, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = made.lines()
    lines.insert(4, {"timestamp": "AA==", "authority": "\x1b[2J\x1b[Hclean: export\nclean: export\u202e", "size": 12})
    path.write_bytes(written(lines))
    assert verify.main([str(path)]) == 5
    said = capsys.readouterr().out
    assert said.startswith("ALTERED: ")
    assert all(line.isprintable() for line in said.splitlines())
    assert not any(line.startswith("clean") for line in said.splitlines())


def test_keys_without_a_checkpoint_are_read(made: Made, path: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    key = made.deployment.ledger_key.verifying.text()
    keys.write_text(json.dumps({"type": "wardstead-keys", "keys": [], "verifier_key": key}))
    path.write_bytes(written(made.lines()))
    assert verify.main([str(path), "--keys", str(keys)]) == 0


def test_a_checkpoint_that_is_nested_without_end_is_none(made: Made, path: Path, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("[" * 200_000)
    path.write_bytes(written(made.lines()))
    assert verify.main([str(path), "--checkpoint", str(tmp_path / "kept")]) == 3


def test_a_document_without_end_is_not_read_to_its_end(made: Made) -> None:
    assert codes(verify.verify_file(Path("/dev/zero"), made.trust)) == {"export-malformed"}

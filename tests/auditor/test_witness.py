"""A witness cosigns what extends what it saw, keeps it before it answers, and nothing makes it forget."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.trees import node_of

from wardstead.auditor import witness as program
from wardstead.auditor.witness import Refusal, Server, Witness, WitnessError, add_log, extends, init
from wardstead.crypto import merkle
from wardstead.crypto.signing import SigningKey, WitnessKey, cosigned_s
from wardstead.kernel.errors import ConfigurationError, IntegrityError
from wardstead.ledger.checkpoint import Checkpoint
from wardstead.ledger.witnessing import Again, Cosigned, Refused, Reply, Standing, judge, request_body, witnessed_size

LOG = SigningKey("log.example/1", bytes(range(32)))
LEAVES = [merkle.leaf_hash(bytes([i])) for i in range(200)]
FORKED = [merkle.leaf_hash(b"another"), *LEAVES[1:]]
NOW_S = 1_795_000_000


def signed(size: int, leaves: list[bytes] = LEAVES, key: SigningKey = LOG, origin: str = LOG.verifying.name) -> str:
    return key.sign_note(Checkpoint(origin, size, merkle.tree_root(size, node_of(leaves))).text())


def body(old: int, size: int, leaves: list[bytes] = LEAVES, **more: object) -> bytes:
    return request_body(old, size, signed(size, leaves, **more), node_of(leaves))  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    init(tmp_path / "w", "witness.example/w1")
    add_log(tmp_path / "w", LOG.verifying.text())
    return tmp_path / "w"


@pytest.fixture
def witness(folder: Path) -> Witness:
    return Witness(folder, lambda: NOW_S)


def key_of(witness: Witness) -> WitnessKey:
    return WitnessKey.from_text(witness.key.text())


def refused(witness: Witness, request: bytes) -> tuple[int, str]:
    with pytest.raises(Refusal) as caught:
        witness.add_checkpoint(request)
    return caught.value.status, caught.value.body


def test_what_it_says_is_a_cosignature_of_the_checkpoint(witness: Witness) -> None:
    line = witness.add_checkpoint(body(0, 5))
    assert cosigned_s(signed(5) + line, key_of(witness)) == NOW_S
    with pytest.raises(IntegrityError):
        cosigned_s(signed(6) + line, key_of(witness))
    assert cosigned_s(signed(5), key_of(witness)) is None


def test_a_published_cosignature_has_the_key_id_that_the_format_gives_it() -> None:
    # c2sp.org/tlog-cosignature: the id is SHA-256(name || 0x0A || 0x04 || public key)[:4].
    key = WitnessKey("witness.example.com/w1", bytes(32))
    assert WitnessKey.from_text(key.text()) == key
    assert key.key_id != SigningKey("witness.example.com/w1", bytes(32)).verifying.key_id
    with pytest.raises(ConfigurationError):
        WitnessKey.from_text(LOG.verifying.text())
    with pytest.raises(ConfigurationError):
        WitnessKey.from_text(key.text().replace("witness", "another"))


def test_it_follows_a_log_that_grows(witness: Witness) -> None:
    for old, size in ((0, 3), (3, 8), (8, 8), (8, 200)):
        assert witness.add_checkpoint(body(old, size))


@pytest.mark.parametrize(
    ("request_of", "status"),
    [
        (lambda: body(3, 8), 409),  # it cosigned 5, not 3
        (lambda: body(0, 4), 409),  # rolled back
        (lambda: body(5, 5, FORKED), 409),  # another tree of the same size
        (lambda: body(5, 9, FORKED), 422),  # a fork that grew
        (lambda: body(5, 9, origin="other"), 404),
        (lambda: body(5, 9, key=SigningKey(LOG.verifying.name, bytes(32))), 403),
        (lambda: b"old 9\n\n" + signed(5).encode(), 400),  # the log shrank
        (lambda: body(5, 9).replace(b"old 5", b"old 05"), 400),
        (lambda: body(5, 9).replace(b"old 5\n", b"old 5\nAAAA\n"), 400),
        (lambda: b"old 5\n" + b"A" * 43 + b"=\n" * 70 + b"\n" + signed(9).encode(), 400),
        (lambda: body(5, 9)[:-1], 400),
        (lambda: b"\xff", 400),
        (lambda: b"", 400),
    ],
)
def test_nothing_else_is_cosigned(witness: Witness, request_of: object, status: int) -> None:
    witness.add_checkpoint(body(0, 5))
    found = refused(witness, request_of())  # type: ignore[operator]
    assert found[0] == status
    if status == 409:
        assert found[1] == "5\n"
    assert witness.logs[LOG.verifying.name].latest.size == 5  # type: ignore[union-attr]
    assert witness.add_checkpoint(body(5, 9))


def test_it_remembers_after_it_was_started_again(folder: Path, witness: Witness) -> None:
    witness.add_checkpoint(body(0, 5))
    again = Witness(folder, lambda: NOW_S)
    assert refused(again, body(0, 4)) == (409, "5\n")
    assert again.latest(f"/{program._digest(LOG.verifying.name)}/checkpoint").startswith(signed(5))


def test_both_sides_of_a_fork_are_kept_as_evidence(folder: Path, witness: Witness) -> None:
    witness.add_checkpoint(body(0, 5))
    refused(witness, body(5, 9, FORKED))
    refused(witness, body(5, 9, FORKED))
    refused(witness, body(5, 5, FORKED))
    (log,) = program.status(folder)["logs"]
    for kept, fork in (("evidence", signed(5, FORKED)), ("unproven", signed(9, FORKED))):
        (told,) = (json.loads(Path(one).read_text()) for one in log[kept])
        assert told["signed"] == fork
        assert told["cosigned"].startswith(signed(5))


def test_a_wrong_proof_of_anybodys_is_no_evidence_against_a_log(folder: Path, witness: Witness) -> None:
    """Whoever sees checkpoints can send them; lines of other names below them make no others of them."""
    witness.add_checkpoint(body(0, 5))
    for size in range(6, 60):
        refused(witness, b"old 5\n\n" + signed(size).encode())
        more = f"\N{EM DASH} other{size} {b64encode(bytes(68)).decode()}\n".encode()
        refused(witness, b"old 5\n\n" + signed(size).encode() + more)
    refused(witness, body(5, 5, FORKED))
    (log,) = program.status(folder)["logs"]
    assert (len(log["evidence"]), len(log["unproven"])) == (1, 54)
    assert witness.add_checkpoint(body(5, 60))


@pytest.mark.parametrize("header", ["", "[]", "1", "[" * 50_000, "\ud800", '{"kind":"\\ud800"}'])
def test_a_change_of_the_key_that_is_none_is_refused(witness: Witness, header: str) -> None:
    witness.add_checkpoint(body(0, 5))
    keys = [LOG.verifying.text(), SigningKey(LOG.verifying.name, bytes(32)).verifying.text()]
    said = json.dumps({"before": keys[0], "after": keys[1], "root": "", "size": 0}, sort_keys=True, separators=(",", ":"))
    line = f"\N{EM DASH} x {b64encode(bytes(68)).decode()}"
    change = {"key_index": 3, "header": header, "body": f"{program.KEY_TITLE}\n{said}\n\n{line}\n", "inclusion_proof": []}
    for note in (signed(9), f"{signed(9)}\ud800"):
        with pytest.raises(Refusal) as caught:
            witness.add_keys(json.dumps({"old": 5, "proof": [], "keys": [change], "checkpoint": note}).encode())
        assert caught.value.status == 400


@pytest.mark.parametrize("change", ["gone", "cut", "another", "unsigned"])
def test_a_witness_whose_memory_was_altered_does_not_start(folder: Path, witness: Witness, change: str) -> None:
    witness.add_checkpoint(body(0, 5))
    (latest,) = folder.glob("logs/*/latest")
    if change == "gone":
        latest.unlink()
    else:
        text = latest.read_text()
        latest.write_text({"cut": text[:-9], "another": text.replace("\n5\n", "\n4\n"), "unsigned": signed(5)}[change])
    with pytest.raises(WitnessError) as caught:
        Witness(folder, lambda: NOW_S)
    assert caught.value.status == 5


def test_what_cannot_be_kept_is_not_cosigned(witness: Witness, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(program, "write_durably", full)
    with pytest.raises(OSError, match="space"):
        witness.add_checkpoint(body(0, 5))
    monkeypatch.undo()
    assert witness.add_checkpoint(body(0, 4)), "it remembers nothing of what it did not cosign"


def test_a_clock_that_goes_back_stops_it(folder: Path) -> None:
    now = [NOW_S]
    witness = Witness(folder, lambda: now[0])
    witness.add_checkpoint(body(0, 5))
    now[0] -= 1
    assert refused(witness, body(5, 6))[0] == 503


def test_of_requests_that_race_one_order_comes_out(witness: Witness) -> None:
    answers: list[int] = []
    refusals: list[int] = []

    def ask(size: int) -> None:
        try:
            witness.add_checkpoint(body(0, size))
            answers.append(size)
        except Refusal as refusal:
            refusals.append(refusal.status)

    threads = [threading.Thread(target=ask, args=(size,)) for size in range(1, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 1
    assert refusals == [409] * 18
    assert witness.logs[LOG.verifying.name].latest.size == answers[0]  # type: ignore[union-attr]


def test_one_process_serves_a_folder(folder: Path) -> None:
    with program.only_one(folder), pytest.raises(WitnessError), program.only_one(folder):
        pass


def test_keys_that_others_may_read_are_refused(folder: Path) -> None:
    (folder / "key").chmod(0o644)
    with pytest.raises(WitnessError):
        Witness(folder, lambda: NOW_S)


@given(st.data())
def test_its_verifier_agrees_with_ours(data: st.DataObject) -> None:
    new = data.draw(st.integers(0, 200))
    old = data.draw(st.integers(0, new))
    leaves = data.draw(st.sampled_from([LEAVES, FORKED]))
    node = node_of(leaves)
    proof = merkle.consistency_proof(old, new, node)
    if proof and data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(proof) - 1))
        change = data.draw(st.sampled_from(["drop", "repeat", "flip", "swap"]))
        proof = {
            "drop": [*proof[:at], *proof[at + 1 :]],
            "repeat": [*proof[: at + 1], *proof[at:]],
            "flip": [*proof[:at], bytes([proof[at][0] ^ 1]) + proof[at][1:], *proof[at + 1 :]],
            "swap": proof[::-1],
        }[change]
    roots = merkle.tree_root(old, node_of(LEAVES)), merkle.tree_root(new, node)
    try:
        merkle.verify_consistency(old, new, proof, *roots)
        ours = True
    except IntegrityError:
        ours = False
    assert extends(old, roots[0], new, roots[1], proof) is ours


# -- what its answers mean to a ledger ---------------------------------------------------------------------------------------


def judged(witness: Witness, reply: Reply, *, old: int = 0, size: int = 5) -> Cosigned | Again | Refused:
    return judge(reply, old=old, size=size, note=signed(size), witness=key_of(witness))


def test_a_cosignature_is_taken_over_and_nothing_else_with_it(witness: Witness) -> None:
    line = witness.add_checkpoint(body(0, 5))
    stranger = "\N{EM DASH} stranger " + b64encode(bytes(76)).decode() + "\n"
    assert judged(witness, Reply(200, body=stranger + line)) == Cosigned(signed(5) + line, NOW_S)


@pytest.mark.parametrize("answer", ["", "hello\n", "\N{EM DASH} witness.example/w1 AAAA\n", "\N{EM DASH} x AAAAAAAAAAAA\n"])
def test_an_answer_without_its_cosignature_is_a_refusal(witness: Witness, answer: str) -> None:
    found = judged(witness, Reply(200, body=answer))
    assert isinstance(found, Refused)
    assert found.standing is Standing.REFUSED


def test_a_forged_cosignature_is_a_refusal(witness: Witness) -> None:
    line = witness.add_checkpoint(body(0, 6))
    found = judged(witness, Reply(200, body=line))
    assert isinstance(found, Refused)


@pytest.mark.parametrize(
    ("reply", "standing"),
    [
        (Reply(0), Standing.DOWN),
        (Reply(503), Standing.DOWN),
        (Reply(302), Standing.DOWN),
        (Reply(404), Standing.REFUSED),
        (Reply(403), Standing.REFUSED),
        (Reply(422), Standing.SPLIT),
        (Reply(409, "text/x.tlog.size", "9\n"), Standing.SPLIT),
        (Reply(409, "text/x.tlog.size", "2\n"), Standing.SPLIT),
        (Reply(409, "text/x.tlog.size", "x\n"), Standing.DOWN),
        (Reply(409, "text/html", "9\n"), Standing.DOWN),
    ],
)
def test_a_refusal_is_told_from_a_witness_that_is_down(witness: Witness, reply: Reply, standing: Standing) -> None:
    found = judged(witness, reply, old=2)
    assert isinstance(found, Refused)
    assert found.standing is standing


def test_a_size_in_between_is_asked_again_from_there(witness: Witness) -> None:
    assert judged(witness, Reply(409, "text/x.tlog.size", "3\n"), old=2) == Again(3)


def test_a_quorum_goes_as_far_as_that_many_have_cosigned() -> None:
    assert [witnessed_size([9, 5, 7], quorum) for quorum in (1, 2, 3, 4)] == [9, 7, 5, 0]
    assert witnessed_size([], 1) == 0


# -- over HTTP, and as a program ---------------------------------------------------------------------------------------------


@pytest.fixture
def server(witness: Witness) -> Iterator[Server]:
    made = Server(("127.0.0.1", 0), witness)
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def ask(port: int, method: str, path: str, content: bytes | None = None, **headers: str) -> tuple[int, str, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, content, headers)
    reply = connection.getresponse()
    said = (reply.status, reply.headers["content-type"] or "", reply.read().decode())
    connection.close()
    return said


def test_it_speaks_http(server: Server) -> None:
    port = server.server_address[1]
    status, _, line = ask(port, "POST", "/add-checkpoint", body(0, 5))
    assert (status, line[:2]) == (200, "\N{EM DASH} ")
    assert ask(port, "POST", "/add-checkpoint", body(0, 6)) == (409, "text/x.tlog.size", "5\n")
    assert ask(port, "GET", f"/{program._digest(LOG.verifying.name)}/checkpoint")[2] == signed(5) + line
    assert ask(port, "GET", "/")[0] == 404
    assert ask(port, "POST", "/elsewhere", body(5, 6))[0] == 404
    assert ask(port, "POST", "/add-checkpoint", bytes(program.MAX_BODY_BYTES + 1))[0] == 413
    assert ask(port, "PUT", "/add-checkpoint", b"")[0] == 501


def test_the_program_witnesses_until_it_is_told_to_stop(tmp_path: Path) -> None:
    def wardstead_witness(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, program.__file__, *arguments]  # as a file: it needs nothing of ours
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env={"PATH": os.environ["PATH"]})

    place = str(tmp_path / "w")
    key = WitnessKey.from_text(wardstead_witness("init", place, "--name", "w.example").stdout)
    assert wardstead_witness("init", place, "--name", "w.example").returncode == 3
    assert wardstead_witness("add-log", place, LOG.verifying.text()).stdout == "log.example/1\n"
    assert wardstead_witness("add-log", place, key.text()).returncode == 3
    command = [sys.executable, program.__file__, "serve", place, "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        port = int(process.stderr.readline().rpartition(":")[2])
        line = ask(port, "POST", "/add-checkpoint", body(0, 5))[2]
        assert cosigned_s(signed(5) + line, key)
        assert wardstead_witness("serve", place, "--listen", "127.0.0.1:0").returncode == 4
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert json.loads(wardstead_witness("status", place).stdout)["logs"][0]["size"] == 5

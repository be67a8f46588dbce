"""A whole deployment with a witness outside: people are erased while it runs, and an auditor still verifies everything."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.faulty import Faulty, faulty_deployment, until

from wardstead.auditor import verify
from wardstead.auditor.witness import Server, Witness, add_log, init

pytestmark = pytest.mark.e2e
NOW_S = 1_795_000_000


@pytest.fixture(scope="module")
def witness_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("witness") / "w1"
    init(folder, "w1.example")
    return folder


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, witness_folder: Path) -> Iterator[Faulty]:
    """Up, with a model server of somebody else's, and witnessed every half second."""
    folder = tmp_path_factory.mktemp("forgetting") / "deployment"
    with faulty_deployment(folder, real_model=False) as faulty:
        add_log(witness_folder, faulty.opened.ledger.keys.text())
        witness = Witness(witness_folder, lambda: NOW_S)
        server = Server(("127.0.0.1", 0), witness)
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        section = f"\nledger:\n  witness_interval_s: 0.5\n  witnesses:\n    - {{key: '{witness.key.text()}', url: "
        path = folder / "wardstead.yaml"
        path.write_text(f"{path.read_text()}{section}'http://127.0.0.1:{server.server_address[1]}'}}\n")
        faulty.forget()
        del faulty.opened
        faulty.up()
        try:
            yield faulty
        finally:
            faulty.made.down()
            server.shutdown()
            serving.join()
            server.server_close()


def test_somebody_is_erased_while_it_runs_and_an_auditor_verifies_it_all(
    running: Faulty, witness_folder: Path, tmp_path: Path
) -> None:
    made = running.made
    key = made.key("zebulon.canary", "--role", "user")
    gone, stays = (running.ask("fine", key=one).receipt for one in (key, running.key))
    assert gone
    assert stays
    certificate = made.json("user", "erase", "zebulon.canary", "--by", "admin", "--reason", "letter 4711", "--yes")
    assert certificate["entries_unreadable"] >= 2
    assert running.ask("fine", key=key).status == 401
    assert running.ask("fine").whole
    report = made.json("ledger", "verify", "--contents")
    assert report["ok"] is True
    assert report["contents"]["erased"] >= 2
    until("it is witnessed", lambda: made.json("ledger", "verify", check=False)["witnessed"])
    state = made.directory
    assert not [path for path in state.rglob("*") if path.is_file() and b"zebulon.canary" in path.read_bytes()]

    def witnessed() -> bool:
        made.run("ledger", "export", "--output", str(tmp_path / "export.jsonl"), "--force")
        key, witness = made.json("ledger", "checkpoint")["verifier_key"], Witness(witness_folder, lambda: NOW_S).key.text()
        command = [sys.executable, verify.__file__, str(tmp_path / "export.jsonl"), "--key", key, "--witness", witness, "--json"]
        said = json.loads(subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stdout)
        return bool(said["ok"])

    until("the auditor finds all of it witnessed", witnessed)

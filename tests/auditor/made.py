"""A small ledger that was witnessed and exported, for whoever wants to alter it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.adapters.store.deployment import Deployment, deploy
from tests.authority import TimeAuthority

from wardstead.adapters.store.ledger.continuity import begin_signed
from wardstead.adapters.store.ledger.cosignatures import keep_cosigned
from wardstead.adapters.store.ledger.exported import LedgerExport
from wardstead.adapters.store.ledger.published import PublishedTree
from wardstead.adapters.store.ledger.timestamps import StoredStamp, keep_stamp
from wardstead.adapters.store.ledger.tree_store import latest_note, tile_reader
from wardstead.auditor.verify import COSIGNED, SIGNED, Key, Report, Trust, verify_file
from wardstead.auditor.witness import Witness, add_log, init
from wardstead.crypto.signing import SigningKey
from wardstead.ledger.checkpoint import open_checkpoint
from wardstead.ledger.tiles import node_from
from wardstead.ledger.witnessing import request_body

NOW_S = 1_795_000_000
Line = dict[str, Any]


@dataclass
class Made:
    """A ledger with a witness."""

    deployment: Deployment
    witness: Witness
    folder: Path

    @property
    def trust(self) -> Trust:
        """What an auditor knows of it from elsewhere."""
        return Trust(Key.parse(self.deployment.ledger_key.verifying.text(), SIGNED))

    @property
    def witnessed(self) -> Trust:
        return Trust(self.trust.key, (Key.parse(self.witness.key.text(), COSIGNED),))

    def grow(self, exchanges: int = 1) -> None:
        journal = self.deployment.journal()
        for number in range(exchanges):
            self.deployment.exchange(journal, f"subject-{number % 3}")
        journal.close()
        self.deployment.record()

    def cosign(self) -> None:
        with self.deployment.engine.begin() as connection:
            note = latest_note(connection) or ""
            size = open_checkpoint(note, self.deployment.ledger_key.verifying).size
            latest = self.witness.logs["ledger.test"].latest
            body = request_body(latest.size if latest else 0, size, note, node_from(tile_reader(connection)))
            keep_cosigned(connection, self.witness.key.name, size, note + self.witness.add_checkpoint(body), NOW_S)

    def stamp(self, authority: TimeAuthority) -> None:
        """The newest checkpoint, by ``openssl ts``."""
        with self.deployment.engine.begin() as connection:
            note = latest_note(connection) or ""
            (self.folder / "note").write_text(note)
            response = authority.reply(authority.query(self.folder / "note"))
            size = open_checkpoint(note, self.deployment.ledger_key.verifying).size
            keep_stamp(connection, StoredStamp(size, "time", note, response, NOW_S * 1000))

    def export(self, first: int = 0, stop: int | None = None) -> Path:
        path = self.folder / "export.jsonl"
        LedgerExport(self.deployment.engine, self.deployment.ledger_key.verifying).write(path, first, stop)
        return path

    def lines(self, first: int = 0, stop: int | None = None) -> list[Line]:
        return [json.loads(line) for line in self.export(first, stop).read_text().splitlines()]

    @property
    def tree(self) -> PublishedTree:
        return PublishedTree(self.deployment.engine, self.deployment.ledger_key.verifying)


def make(folder: Path, seed: bytes = bytes(32)) -> Made:
    """12 entries, signed at 4, 8 and 12; the last is cosigned."""
    (folder / "deployment").mkdir()
    deployment = deploy(folder / "deployment")
    deployment.ledger_key = SigningKey("ledger.test", seed)
    deployment.signed.unlink()
    begin_signed(deployment.signed, deployment.ledger_key)
    init(folder / "witness", "witness.test/w1")
    add_log(folder / "witness", deployment.ledger_key.verifying.text())
    made = Made(deployment, Witness(folder / "witness", lambda: NOW_S), folder)
    for _ in range(3):
        made.grow(2)
    made.cosign()
    return made


def written(lines: list[Line]) -> bytes:
    """Lines as an export has them."""
    return b"".join(json.dumps(line, separators=(",", ":"), ensure_ascii=False).encode() + b"\n" for line in lines)


def verified(path: Path, content: bytes | list[Line], trust: Trust) -> Report:
    path.write_bytes(content if isinstance(content, bytes) else written(content))
    return verify_file(path, trust)


def codes(report: Report) -> set[str]:
    return {problem.code for problem in report.problems}

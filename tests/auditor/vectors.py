"""The vectors of docs/reference/ledger-format.md, from fixed keys and bytes: ``python -m tests.auditor.vectors`` writes them.

Provenance: our own, by the functions of the product; ``test_format`` verifies them with the verifier, which shares no code.
"""

from __future__ import annotations

import json
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.auditor.made import Line, written
from tests.authority import TimeAuthority
from tests.trees import node_of

from wardstead.auditor.witness import WITNESS_KEY, Key, cosignature_message
from wardstead.crypto import merkle
from wardstead.crypto.signing import SigningKey
from wardstead.ledger.checkpoint import Checkpoint
from wardstead.ledger.entry import Header, entry_leaf, minute_of, row_digest
from wardstead.ledger.ports import EntryKind
from wardstead.ledger.proof import KeyEntry, Sequenced, key_documents, receipt_document
from wardstead.ledger.succession import change_draft, sign_change

FOLDER = Path(__file__).parents[2] / "docs" / "reference" / "ledger-vectors"
LOG = SigningKey("ledger.example/vectors", bytes(range(32)))
WITNESS_SEED = bytes(range(32, 64))
LATER = SigningKey("ledger.example/vectors", bytes(range(64, 96)))
"""The key that takes the place of ``LOG``."""
NOW_MS = 1_795_000_000_000
COSIGNED_S = 1_795_000_060


def entry(number: int) -> tuple[bytes, bytes]:
    """Header and body; the body is no ciphertext, which nobody can tell without the key."""
    kind = (EntryKind.ADMIN, EntryKind.INTENT, EntryKind.OUTCOME)[number % 3]
    exchange = f"0199-{number // 3:04d}-{'admin' if kind is EntryKind.ADMIN else 'exchange'}"
    row = row_digest(exchange, kind.value, f"subject-{number // 3}", NOW_MS + number)
    pieces = [sha256(b"%d %d" % (number, part)).digest() for part in range(5)]
    header = Header(
        kind=kind, exchange=exchange, minute=minute_of(NOW_MS + number),  # type: ignore[arg-type]
        commitment=sha256(exchange.encode()).digest(), nonce=pieces[1][:12], key=(pieces[2] + pieces[3])[:60],
        outcome="completed" if kind is EntryKind.OUTCOME else "", row=row,
        label=pieces[4] if kind is not EntryKind.ADMIN else b"",
    )  # fmt: skip
    return header.encode(), b"".join(pieces)


ENTRIES = [entry(number) for number in range(7)]
LEAVES = [entry_leaf(*one) for one in ENTRIES]
NODE = node_of(LEAVES)


def witness() -> tuple[Ed25519PrivateKey, Key]:
    private = Ed25519PrivateKey.from_private_bytes(WITNESS_SEED)
    return private, Key("witness.example/vectors", private.public_key().public_bytes_raw(), WITNESS_KEY)


def checkpoint(size: int) -> str:
    text = Checkpoint(LOG.verifying.name, size, merkle.tree_root(size, NODE)).text()
    private, key = witness()
    cosigned = COSIGNED_S.to_bytes(8, "big") + private.sign(cosignature_message(text, COSIGNED_S).encode())
    return LOG.sign_note(text) + f"\N{EM DASH} {key.name} {b64encode(key.id + cosigned).decode()}\n"


def base64_of(value: bytes) -> str:
    return b64encode(value).decode()


def export(first: int, stop: int) -> list[Line]:
    left, right = ([base64_of(NODE(*one)) for one in merkle.perfect_parts(*ends)] for ends in ((0, first), (stop, 7)))
    head = {
        "type": "wardstead-ledger", "version": 2, "verifier_key": LOG.verifying.text(),
        "from": first, "to": stop, "size": 7, "left": left, "right": right,
    }  # fmt: skip
    lines = [
        {
            "index": index,
            "leaf_hash": LEAVES[index].hex(),
            "header": ENTRIES[index][0].decode(),
            "body": base64_of(ENTRIES[index][1]),
        }
        for index in range(first, stop)
    ]
    return [
        head,
        *({"checkpoint": checkpoint(size), "size": size} for size in (4, 7) if first <= size <= stop or size == 7),
        *lines,
    ]


def stamped() -> list[Line]:
    """The whole export, with the time stamp that ``openssl ts`` gave to its last checkpoint: it is kept beside the vectors."""
    lines = export(0, 7)
    line = {"timestamp": base64_of((FOLDER / "timestamp.tsr").read_bytes()), "authority": "time", "size": 7}
    return [*lines[:3], line, *lines[3:]]


def make_stamp() -> None:
    """Have ``openssl ts`` stamp the last checkpoint, as the ledger alone signed it."""
    with TemporaryDirectory() as folder:
        authority, note = TimeAuthority(Path(folder) / "tsa", key="ec"), Path(folder) / "note"
        note.write_text(LOG.sign_note(Checkpoint(LOG.verifying.name, 7, merkle.tree_root(7, NODE)).text()), encoding="utf-8")
        (FOLDER / "timestamp.tsr").write_bytes(authority.reply(authority.query(note)))
        (FOLDER / "timestamp-authority.pem").write_bytes(authority.root.read_bytes())


def receipt() -> Line:
    proven = [Sequenced(header, sha256(body).digest(), index) for index, (header, body) in enumerate(ENTRIES) if index in {4, 5}]
    opened = Checkpoint(LOG.verifying.name, 7, merkle.tree_root(7, NODE))
    exchange = json.loads(ENTRIES[4][0])["exchange"]
    return receipt_document(exchange, proven, checkpoint=opened, note=checkpoint(7), node=NODE, key=LOG.verifying)


def consistency() -> Line:
    return {
        "old": {"size": 3, "root": base64_of(merkle.tree_root(3, NODE))},
        "new": {"size": 7, "root": base64_of(merkle.tree_root(7, NODE))},
        "proof": [base64_of(one) for one in merkle.consistency_proof(3, 7, NODE)],
        "checkpoint": checkpoint(7),
        "verifier_key": LOG.verifying.text(),
    }


def _rotated() -> tuple[list[tuple[bytes, bytes]], KeyEntry]:
    """The same entries with a change of the key as the fourth, which names the tree of the first three."""
    body = sign_change(LOG, LATER, 3, merkle.tree_root(3, NODE))
    draft = change_draft(json.loads(ENTRIES[0][0])["exchange"], body, NOW_MS)
    return [*ENTRIES[:3], (draft.header, draft.body), *ENTRIES[3:]], KeyEntry(draft.header, draft.body, 3)


def rotated() -> list[Line]:
    """An export of them: the tree of three is signed with the first key, that of eight with the later one."""
    entries, change = _rotated()
    leaves = [entry_leaf(*one) for one in entries]
    node = node_of(leaves)
    head = {
        "type": "wardstead-ledger", "version": 3, "verifier_key": LATER.verifying.text(),
        "from": 0, "to": 8, "size": 8, "left": [], "right": [],
    }  # fmt: skip
    signed = [
        {"checkpoint": key.sign_note(Checkpoint(key.verifying.name, size, merkle.tree_root(size, node)).text()), "size": size}
        for key, size in ((LOG, 3), (LATER, 8))
    ]
    lines = [
        {"index": index, "leaf_hash": leaves[index].hex(), "header": header.decode(), "body": base64_of(body)}
        for index, (header, body) in enumerate(entries)
    ]
    return [head, *key_documents([change], 8, node), *signed, *lines]


def succession() -> Line:
    _, change, _, last, *_ = rotated()
    return {
        "type": "wardstead-keys", "keys": [change], "checkpoint": last["checkpoint"], "verifier_key": LATER.verifying.text()
    }  # fmt: skip


def files() -> dict[str, bytes]:
    """All of them, by name."""
    keys = {
        "ledger": {"seed": bytes(range(32)).hex(), "verifier_key": LOG.verifying.text()},
        "later": {"seed": bytes(range(64, 96)).hex(), "verifier_key": LATER.verifying.text()},
        "witness": {"seed": WITNESS_SEED.hex(), "verifier_key": witness()[1].text()},
    }
    documents = {"keys.json": keys, "receipt.json": receipt(), "consistency.json": consistency(), "succession.json": succession()}
    made = {name: json.dumps(one, indent=2, ensure_ascii=False).encode() + b"\n" for name, one in documents.items()}
    exports = {"whole.jsonl": export(0, 7), "slice.jsonl": export(3, 6), "stamped.jsonl": stamped(), "rotated.jsonl": rotated()}
    return {**made, **{name: written(lines) for name, lines in exports.items()}}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    if not (FOLDER / "timestamp.tsr").exists():
        make_stamp()
    for name, content in files().items():
        (FOLDER / name).write_bytes(content)

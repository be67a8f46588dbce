"""The vectors of the format document are what the product makes, and what the verifier accepts."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from tests.auditor import vectors
from tests.auditor.made import codes

from wardstead.auditor import verify
from wardstead.auditor.verify import (
    CHANGE,
    CHECKPOINT,
    COSIGNED,
    ENTRY,
    HEAD,
    SIGNED,
    TIMESTAMP,
    Key,
    Trust,
    keys_in,
    verify_file,
)
from wardstead.crypto.signing import VerifyingKey
from wardstead.ledger.proof import verify_receipt

PAGE = (vectors.FOLDER.parent / "ledger-format.md").read_text()


def trust() -> Trust:
    keys = json.loads((vectors.FOLDER / "keys.json").read_text())
    ledger, witness = (keys[name]["verifier_key"] for name in ("ledger", "witness"))
    return Trust(Key.parse(ledger, SIGNED), (Key.parse(witness, COSIGNED),))


@pytest.mark.parametrize("name", sorted(vectors.files()))
def test_the_vectors_are_those_of_their_maker(name: str) -> None:
    assert (vectors.FOLDER / name).read_bytes() == vectors.files()[name]


@pytest.mark.parametrize("name", ["whole.jsonl", "slice.jsonl", "receipt.json", "consistency.json"])
def test_the_verifier_accepts_them_and_their_witness(name: str) -> None:
    report = verify_file(vectors.FOLDER / name, trust())
    assert (report.problems, report.witnessed) == ([], 7)
    another = replace(trust(), witnesses=(replace(trust().witnesses[0], name="another"),))
    assert codes(verify_file(vectors.FOLDER / name, another)) == {"unwitnessed"}


def test_the_verifier_accepts_the_time_stamp() -> None:
    roots = tuple(x509.load_pem_x509_certificates((vectors.FOLDER / "timestamp-authority.pem").read_bytes()))
    report = verify_file(vectors.FOLDER / "stamped.jsonl", replace(trust(), authorities=roots))
    assert (report.problems, report.stamped, report.stamped_at[:2]) == ([], 7, "20")


def test_whoever_knows_any_of_its_keys_follows_to_the_others() -> None:
    known = json.loads((vectors.FOLDER / "keys.json").read_text())
    for name in ("ledger", "later"):
        key = Key.parse(known[name]["verifier_key"], SIGNED)
        history = keys_in(vectors.FOLDER / "succession.json", key)
        assert [one.partition(" ")[2] for one in history.told()] == ["since entry 0", "since entry 3"]
        for trusted in (Trust(key), Trust(history=history)):
            for file in ("rotated.jsonl", "succession.json"):
                assert verify_file(vectors.FOLDER / file, trusted).problems == []
    stranger = Trust(Key.parse(vectors.SigningKey("ledger.example/vectors", bytes(32)).verifying.text(), SIGNED))
    assert codes(verify_file(vectors.FOLDER / "rotated.jsonl", stranger)) >= {"another-ledger", "checkpoint-signature"}


def test_the_product_accepts_the_receipt() -> None:
    found = verify_receipt(vectors.receipt(), VerifyingKey.from_text(vectors.LOG.verifying.text()))
    assert found is not None
    assert found.size == 7


def test_the_page_shows_the_checkpoint_of_the_vectors_and_names_every_code() -> None:
    assert vectors.checkpoint(7).strip() in PAGE
    source = Path(verify.__file__).read_text()
    used = set(re.findall(r'problem\(\s*"([a-z-]+)"', source)) | {"not-covered", "truncated", "export-malformed", "key-retired"}
    assert {code for code in used if f"`{code}`" not in PAGE} == set()
    assert {name for name in (*HEAD, *CHECKPOINT, *TIMESTAMP, *CHANGE, *ENTRY) if f'"{name}":' not in PAGE} == set()

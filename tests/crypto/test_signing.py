"""Signed notes, against the example of the specification and against tampering."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardstead.crypto.signing import SigningKey, VerifyingKey, open_note
from wardstead.kernel.errors import ConfigurationError, IntegrityError

KEY = SigningKey("ledger.example", bytes(range(32)))
NOTE = KEY.sign_note("ledger.example\n3\nroot\n")


def test_a_known_key_has_the_id_that_go_gives_it() -> None:
    # golang.org/x/mod/sumdb/note, the package example: this verifier key is published with its id c74f20a3.
    key = VerifyingKey.from_text("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    assert key.key_id.hex() == "c74f20a3"
    note = (
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n"
        "\n"
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    )
    assert open_note(note, key).endswith("your problem is.\n")


def test_keys_survive_their_text_form() -> None:
    assert SigningKey.from_text(KEY.text()).verifying == KEY.verifying == VerifyingKey.from_text(KEY.verifying.text())


def test_the_text_comes_back_and_the_signature_holds() -> None:
    assert open_note(NOTE, KEY.verifying) == "ledger.example\n3\nroot\n"


def test_a_witness_may_add_its_signature() -> None:
    witness = SigningKey("witness.example", bytes(32))
    line = witness.sign_note("ledger.example\n3\nroot\n").rpartition("\n\n")[2]
    assert open_note(NOTE + line, KEY.verifying) == open_note(NOTE + line, KEY.verifying, witness.verifying)


@given(st.integers(0, len(NOTE) - 1), st.characters(codec="ascii"))
def test_no_changed_note_opens(position: int, character: str) -> None:
    changed = NOTE[:position] + character + NOTE[position + 1 :]
    if changed == NOTE:
        return
    with pytest.raises(IntegrityError):
        open_note(changed, KEY.verifying)


@pytest.mark.parametrize(
    "note", ["", "\n\n", "text\n", "text\n\nno signature\n", "text\n\n— ledger.example AA==\n", "t\n\n— x !\n"]
)
def test_what_is_no_note_is_refused(note: str) -> None:
    with pytest.raises(IntegrityError):
        open_note(note, KEY.verifying)


def test_a_note_by_somebody_else_is_refused() -> None:
    with pytest.raises(IntegrityError):
        open_note(NOTE, SigningKey("ledger.example", bytes(32)).verifying)


@pytest.mark.parametrize("text", ["", "a+b", "name+00000000+AAAA", KEY.verifying.text().replace("ledger", "other"), "a+zz+AA=="])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        VerifyingKey.from_text(text)
    with pytest.raises(ConfigurationError):
        SigningKey.from_text(text)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb"])
def test_a_name_that_would_break_the_format_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError):
        SigningKey(name, bytes(32))

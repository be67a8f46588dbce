"""Passages of known documents are found in reformatted and edited copies, and not in other texts."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardstead.inspection.known.passages import SHINGLE, WINDOW, KnownDocuments, index_document, winnow
from wardstead.kernel.errors import CallerError

KEY = bytes(range(32))


def prose(seed: int, words: int) -> str:
    """Sentences of made-up words: no two seeds share a run of them."""
    chance = random.Random(seed)
    syllables = ["ba", "ro", "ti", "lun", "ke", "mar", "so", "vi", "den", "pa", "ul", "gre"]
    vocabulary = ["".join(chance.choices(syllables, k=chance.randint(1, 4))) for _ in range(400)]
    out = []
    for at in range(words):
        word = chance.choice(vocabulary)
        out.append(word.capitalize() if at % 14 == 0 else word + ("." if at % 14 == 13 else ""))
    return " ".join(out)


CONTRACT = prose(1, 900)
WORDS = CONTRACT.split()
DETECTOR = KnownDocuments([index_document([CONTRACT], "contract", "known-document", "legal-document", KEY)], KEY)


def found(text: str, detector: KnownDocuments = DETECTOR) -> list[str]:
    return [text[span.start : span.end] for span in detector.detect([text])[0]]


@given(st.lists(st.integers(0, 1 << 64 - 1), max_size=60))
def test_every_window_holds_a_chosen_digest(digests: list[int]) -> None:
    chosen = winnow(digests)
    assert set(chosen) <= set(digests)
    for start in range(max(1, len(digests) - WINDOW + 1) if digests else 0):
        assert set(digests[start : start + WINDOW]) & set(chosen)


@given(st.integers(0, len(WORDS) - 120), st.integers(100, 120))
def test_a_passage_is_found_wherever_it_stands(start: int, size: int) -> None:
    passage = " ".join(WORDS[start : start + size])
    (place,) = found(f"{prose(2, 60)} edge {passage} edge {prose(3, 60)}")
    kept = len(place.split())
    assert size - 2 * (SHINGLE + WINDOW) <= kept <= size
    assert place in passage


def test_layout_case_and_punctuation_change_nothing() -> None:
    passage = WORDS[200:320]
    for text in (
        " ".join(passage).upper(),
        "\n> ".join(passage),
        "| " + " | ".join(passage) + " |",
        "**" + "** _".join(passage) + "_",
        ", ".join(passage).replace(".", "!"),
    ):
        assert found(text)


@pytest.mark.parametrize("every", [15, 20, 30])
def test_small_edits_leave_it_known(every: int) -> None:
    words = [word if at % every else "changed" for at, word in enumerate(WORDS[100:400])]
    assert found(" ".join(words))


@pytest.mark.parametrize("seed", range(10, 20))
def test_other_texts_are_not_known(seed: int) -> None:
    assert found(prose(seed, 2000)) == []


def test_a_few_words_are_no_passage() -> None:
    assert found(" ".join(WORDS[50:60])) == []


def test_what_is_public_of_a_document_can_be_left_out() -> None:
    form = " ".join(WORDS[:450])
    index = index_document([CONTRACT], "contract", "known-document", "legal-document", KEY, without=[form])
    detector = KnownDocuments([index], KEY)
    assert found(form, detector) == []
    assert found(" ".join(WORDS[500:620]), detector)
    with pytest.raises(CallerError):
        index_document([form], "form", "known-document", "legal-document", KEY, without=[form])


def test_versions_are_one_document_and_two_documents_are_told_apart() -> None:
    other = prose(7, 300)
    indexes = [
        index_document([CONTRACT, prose(6, 300)], "contract", "contract", "legal-document", KEY),
        index_document([other], "memo", "memo", "legal-document", KEY),
    ]
    detector = KnownDocuments(indexes, KEY)
    spans = detector.detect([f"{prose(6, 300)} {prose(8, 200)} {other}", "nothing", ""])
    assert [span.type for span in spans[0]] == ["contract", "memo"]
    assert spans[1:] == [[], []]


def test_a_short_document_is_refused() -> None:
    with pytest.raises(CallerError) as caught:
        index_document(["too short to tell"], "note", "known-document", "legal-document", KEY)
    assert caught.value.where == "note"


def test_another_key_finds_nothing() -> None:
    index = index_document([CONTRACT], "contract", "known-document", "legal-document", KEY)
    assert found(CONTRACT, KnownDocuments([index], bytes(32))) == []

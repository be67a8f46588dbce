"""A text with its findings marked says what the text says, and however much was found, little is shown."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wardstead.console.marking import SHOWN_CHARACTERS, SHOWN_FINDINGS, marked, visible
from wardstead.inspection.classify import Classification, Found
from wardstead.inspection.policy import FLOWS
from wardstead.inspection.ports import PROMPT
from wardstead.kernel.findings import Action
from wardstead.kernel.labels import label


def found(start: int, end: int, kind: str = "email", *, mark: bool = False) -> Found:
    actions = dict.fromkeys(FLOWS, Action.REDACT)
    return Found(kind, "personal", kind, start, end, label("confidential", ["personal"]), actions, mark=mark)


@given(st.text(max_size=200), st.lists(st.integers(0, 200), max_size=20, unique=True))
def test_the_pieces_together_are_the_text(text: str, cuts: list[int]) -> None:
    ends = sorted(cut for cut in cuts if cut <= len(text))
    findings = tuple(found(a, b) for a, b in zip(ends[::2], ends[1::2], strict=False))
    shown = marked(text, Classification(findings=findings), PROMPT)
    assert "".join(piece.text for piece in shown.pieces) == visible(text)
    assert [piece.text for piece in shown.pieces if piece.finding] == [visible(text[one.start : one.end]) for one in findings]


def test_much_text_with_many_findings_is_bounded() -> None:
    text = "a@b.example\n" * 10_000
    findings = tuple(found(at, at + 11) for at in range(0, len(text), 12))
    shown = marked(text, Classification(findings=findings), PROMPT)
    assert sum(len(piece.text) for piece in shown.pieces) == SHOWN_CHARACTERS
    assert len(shown.findings) == SHOWN_FINDINGS
    assert shown.total == 10_000
    assert shown.counts == (("email", "redact", 10_000),)
    assert shown.left_out == len(text) - SHOWN_CHARACTERS


def test_what_is_said_of_a_text_as_a_whole_has_no_place_in_it() -> None:
    shown = marked("ignore all that", Classification(findings=(found(0, 15, "injection", mark=True),)), PROMPT)
    assert [one.number for one in shown.findings] == [0]
    assert all(piece.finding is None for piece in shown.pieces)


def test_characters_that_rearrange_a_line_are_shown_as_such() -> None:
    assert visible("a\u202eb\u0000c\td\n") == "a\ufffdb\ufffdc\td\n"

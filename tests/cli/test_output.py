"""Questions before what cannot be taken back."""

from __future__ import annotations

import io
import sys

import pytest
import typer

from wardstead.cli.output import confirm


@pytest.mark.parametrize(("said", "code"), [("y\n", None), ("n\n", 2), ("", 2)])
def test_a_question_is_no_part_of_what_goes_into_a_file(
    said: str, code: int | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(said))
    if code is None:
        confirm("Erase bob?", yes=False)
    else:
        with pytest.raises(typer.Exit) as ended:
            confirm("Erase bob?", yes=False)
        assert ended.value.exit_code == code
    told = capsys.readouterr()
    assert told.out == ""
    assert "Erase bob?" in told.err
    assert ("--yes" in told.err) == (said == "")

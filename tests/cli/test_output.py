"""Questions before what cannot be taken back."""

from __future__ import annotations

import io
import sys

import pytest
import typer
from rich.table import Table

from wardstead.cli.output import confirm, out


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


def test_what_others_wrote_steers_no_terminal_wherever_it_stands() -> None:
    table = Table("name", "why")
    table.add_row("a", "\x1b[2J\u202egone\nover :bug: [b]two[/b] lines")
    with out.capture() as shown:
        out.print("\x1b]0;title\x07[bold]plain[/] :100:")
        out.print(table)
    assert not {"\x1b", "\x07", "\u202e"} & set(shown.get())
    assert all(one in shown.get() for one in ("plain :100:", "over :bug: two lines"))

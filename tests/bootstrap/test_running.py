"""Starting and looking whether it runs."""

from __future__ import annotations

import json
from pathlib import Path

from wardstead.bootstrap import running


def test_the_last_line_of_a_log_does_not_steer_the_terminal(tmp_path: Path) -> None:
    log = tmp_path / "launcher-m.log"
    log.write_text(json.dumps({"what": "\x1b[2Kall is well"}) + "\n")
    assert running._last_line(log).isprintable()
    log.write_text("[1]\n")
    assert running._last_line(log) == ""

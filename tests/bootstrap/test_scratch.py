"""Folders for copies."""

from __future__ import annotations

import os
from pathlib import Path

from wardstead.bootstrap.places import Places
from wardstead.bootstrap.scratch import scratch


def test_what_was_left_by_a_killed_command_with_our_number_is_in_nobody_s_way(tmp_path: Path) -> None:
    places = Places(tmp_path)
    left = places.run / f"backup-{os.getpid()}" / "deployment" / "keys.db"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"a key")
    with scratch(places, "backup") as folder:
        assert list(folder.iterdir()) == []
    assert not folder.exists()

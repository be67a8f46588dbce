"""What opens the root key: from files that are named, else from whoever sits there."""

from __future__ import annotations

from pathlib import Path

import pytest

from wardstead.adapters.keys.asking import UNSEAL_VARIABLE, Asker
from wardstead.kernel.errors import ConfigurationError


def test_a_file_that_is_not_there_is_looked_for_in_the_variable_not_in_a_backup(tmp_path: Path) -> None:
    said = tmp_path / "said"
    said.touch(mode=0o600)
    said.write_text("sesame, open up\n")
    asker = Asker([said, tmp_path / "none"], None)
    assert asker("share 1") == b"sesame, open up"
    with pytest.raises(ConfigurationError) as refused:
        asker("share 2")
    assert UNSEAL_VARIABLE in refused.value.next_step
    assert "share 2" in refused.value.what

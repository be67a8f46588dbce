"""What opens the root key: from files that are named, else from whoever sits there."""

from __future__ import annotations

from pathlib import Path

import pytest

from wardstead.adapters.keys.asking import SECRET_OPTION, UNSEAL_VARIABLE, Asker
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


def test_what_is_to_open_it_from_now_on_is_not_looked_for_in_the_variable(tmp_path: Path) -> None:
    for asker in (Asker([tmp_path / "none"], None, SECRET_OPTION), Asker([], None, SECRET_OPTION)):
        with pytest.raises(ConfigurationError) as refused:
            asker("passphrase")
        assert SECRET_OPTION in refused.value.next_step
        assert UNSEAL_VARIABLE not in str(refused.value)
        assert "is sealed" not in refused.value.what, "it need not be"

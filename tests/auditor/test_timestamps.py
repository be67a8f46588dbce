"""Time stamps in exports: verified by our own reading of RFC 3161, which ``openssl ts`` and rfc3161-client agree with."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.auditor.made import Made, codes, make, verified
from tests.authority import TimeAuthority

from wardstead.adapters.timestamps import Authority, token_time_ms
from wardstead.auditor.verify import Malformed, Trust, _require_chain, main, stamped_at, verify_file
from wardstead.kernel.errors import IntegrityError


@pytest.fixture(scope="module", params=["rsa:2048", "ec"])
def authority(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TimeAuthority:
    return TimeAuthority(tmp_path_factory.mktemp("time") / "tsa", key=request.param)


@pytest.fixture(scope="module")
def made(authority: TimeAuthority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    one = make(tmp_path_factory.mktemp("ledger"))
    one.stamp(authority)
    yield one
    one.deployment.engine.dispose()


def trusting(made: Made, authority: TimeAuthority) -> Trust:
    return replace(made.trust, authorities=tuple(x509.load_pem_x509_certificates(authority.root.read_bytes())))


def stamp(made: Made) -> tuple[bytes, bytes]:
    """The response, and the note that it is of."""
    with made.deployment.engine.connect() as connection:
        row = connection.exec_driver_sql("SELECT response, note FROM time_stamp").one()
    return row.response, row.note.encode()


def test_an_export_says_when_its_entries_were_there(made: Made, authority: TimeAuthority) -> None:
    report = verify_file(made.export(), trusting(made, authority))
    assert (report.problems, report.stamped) == ([], 12)
    assert report.stamped_at.startswith("20")
    assert verify_file(made.export(4, 8), trusting(made, authority)).stamped == 12
    assert verify_file(made.export(), made.trust).ok  # nobody is trusted for the time: it is not told


def test_a_stamp_that_is_missing_moved_or_of_somebody_else_is_named(made: Made, authority: TimeAuthority, tmp_path: Path) -> None:
    trust, lines = trusting(made, authority), made.lines()
    (stamp,) = [line for line in lines if "timestamp" in line]
    without = [line for line in lines if line is not stamp]
    assert codes(verified(tmp_path / "e", without, trust)) == {"unstamped"}
    moved = [{**line, "size": 8} if line is stamp else line for line in lines]
    assert codes(verified(tmp_path / "e", moved, trust)) == {"timestamp-altered", "unstamped"}
    assert codes(verified(tmp_path / "e", moved, made.trust)) == {"timestamp-altered"}
    early = [lines[0], stamp, *(line for line in lines[1:] if line is not stamp)]
    assert codes(verified(tmp_path / "e", early, trust)) == {"timestamp-altered", "unstamped"}
    stranger = TimeAuthority(tmp_path / "stranger", key="ec")
    assert codes(verified(tmp_path / "e", lines, trusting(made, stranger))) == {"timestamp-altered", "unstamped"}


def test_certificates_for_something_else_or_of_another_time_stamp_nothing(authority: TimeAuthority, tmp_path: Path) -> None:
    """OpenSSL signs nothing with such a certificate: the rule is asked directly."""
    other = TimeAuthority(tmp_path / "other", key="ec", purpose="timeStamping,emailProtection")
    (root,), (signer,) = (x509.load_pem_x509_certificates((other.folder / name).read_bytes()) for name in ("ca.pem", "tsa.pem"))
    with pytest.raises(Malformed, match="alone"):
        _require_chain(signer, [], [root], signer.not_valid_before_utc)
    (root,), (signer,) = (
        x509.load_pem_x509_certificates((authority.folder / name).read_bytes()) for name in ("ca.pem", "tsa.pem")
    )
    _require_chain(signer, [], [root], signer.not_valid_before_utc)
    with pytest.raises(Malformed, match="not valid then"):
        _require_chain(signer, [], [root], signer.not_valid_before_utc - timedelta(seconds=1))


def test_three_readers_agree(made: Made, authority: TimeAuthority, tmp_path: Path) -> None:
    assert main([str(made.export()), "--tsa", str(authority.root), "--extract-timestamps", str(tmp_path / "out")]) == 0
    files = ("-in", str(tmp_path / "out" / "12.time.tsr"), "-data", str(tmp_path / "out" / "12.checkpoint"))
    done = subprocess.run(
        ["openssl", "ts", "-verify", *files, "-CAfile", str(authority.root)], capture_output=True, text=True, check=False
    )
    assert "Verification: OK" in done.stdout, done.stderr
    response, note = stamp(made)
    ours = stamped_at(response, note, trusting(made, authority).authorities).timestamp() * 1000
    assert ours == token_time_ms(Authority("time", "", authority.root.read_bytes()), response, note)


@settings(max_examples=60, deadline=None)
@given(at=st.floats(0, 1, exclude_max=True), by=st.integers(1, 255))
def test_a_changed_byte_raises_or_changes_nothing_that_was_said(made: Made, authority: TimeAuthority, at: float, by: int) -> None:
    response, note = stamp(made)
    place = int(at * len(response))
    altered = response[:place] + bytes([response[place] ^ by]) + response[place + 1 :]
    said = stamped_at(response, note, trusting(made, authority).authorities)
    try:
        again = stamped_at(altered, note, trusting(made, authority).authorities)
    except Malformed:
        pass
    else:
        assert again == said  # what no signature covers: the root's copy, the status text
    with contextlib.suppress(IntegrityError):  # nothing else is raised
        token_time_ms(Authority("time", "", authority.root.read_bytes()), altered, note)

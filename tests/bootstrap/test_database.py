"""The address of a database: without secrets, and with TLS wherever a network is crossed."""

from __future__ import annotations

from pathlib import Path

import pytest

from wardstead.bootstrap.database import server_url
from wardstead.config.database import parse_database
from wardstead.config.sections import DatabaseSection
from wardstead.kernel.errors import ConfigurationError


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://w:secret@db.example.org/w", "password_file"),
        ("postgresql://w@db.example.org/w?sslmode=require", "leave sslmode out"),
        ("postgresql://w@db.example.org/w?sslmode=disable", "leave sslmode out"),
        ("postgresql://w@db.example.org/w?options=-c%20fsync=off", "write it as"),
        ("postgresql://db.example.org/w", "write it as"),
        ("postgresql://w@db.example.org/", "write it as"),
        ("postgresql://w@db.example.org:port/w", "write it as"),
        ("mysql://w@db.example.org/w", "write it as"),
        ("postgresql://w@/w?host=a,b", "write it as"),
    ],
)
def test_what_is_not_safe_is_refused_with_a_way_out(url: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_database(url, "wardstead.yaml: database.url")
    assert said in refused.value.next_step
    assert "secret" not in str(refused.value.diagnostics())


@pytest.mark.parametrize(
    ("url", "ca", "mode"),
    [
        ("postgresql://w@db.example.org/w", "", "verify-full"),
        ("postgresql://w@10.0.0.5:5433/w?sslmode=verify-full", "", "verify-full"),
        ("postgresql://w@localhost/w", "ca.crt", "verify-full"),
        ("postgresql://w@localhost/w", "", "disable"),
        ("postgresql://w@/w?host=/run/postgresql", "ca.crt", "disable"),
    ],
)
def test_tls_is_verified_wherever_a_network_is_crossed(url: str, ca: str, mode: str, tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("")
    made = server_url(DatabaseSection(url=url, ca_file=ca), tmp_path, {"WARDSTEAD_DATABASE_PASSWORD": "s3cret"})
    assert made.query["sslmode"] == mode
    assert made.password == "s3cret"
    assert "s3cret" not in str(made)
    if mode == "verify-full":
        assert made.query["sslrootcert"] == (str(tmp_path / "ca.crt") if ca else "system")
        assert made.query["ssl_min_protocol_version"] == "TLSv1.3"


def test_a_password_lies_in_a_file_of_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("s3cret\n")
    section = DatabaseSection(url="postgresql://w@localhost/w", password_file="password")
    file.chmod(0o644)
    with pytest.raises(ConfigurationError):
        server_url(section, tmp_path, {})
    file.chmod(0o600)
    assert server_url(section, tmp_path, {}).password == "s3cret"

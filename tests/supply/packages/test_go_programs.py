"""What Go programs say of themselves."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardstead.supply.packages.go_programs import MAGIC, modules
from wardstead.supply.packages.package import SERVERS
from wardstead.supply.packages.servers import servers
from wardstead.supply.ports import Malformed


def varint(number: int) -> bytes:
    found = b""
    while number >= 0x80:
        found += bytes([number & 0x7F | 0x80])
        number >>= 7
    return found + bytes([number])


def build_information(listed: str, compiler: str = "go1.22.1") -> bytes:
    """As debug/buildinfo reads it: an inline header of 32 bytes, then two strings."""
    text = bytes(16) + listed.encode() + bytes(16)
    return MAGIC + bytes([8, 2]) + bytes(16) + varint(len(compiler)) + compiler.encode() + varint(len(text)) + text


OLLAMA = (
    "path\tgithub.com/ollama/ollama\nmod\tgithub.com/ollama/ollama\t(devel)\t\n"
    "dep\tgithub.com/gin-gonic/gin\tv1.10.0\th1:abc=\ndep\tgolang.org/x/net\tv0.1.0\th1:x=\n=>\tgolang.org/x/net\tv0.25.0\th1:y=\n"
    'build\t-ldflags="-w -s -X=github.com/ollama/ollama/version.Version=0.1.33 -X=y"\n'
)


def test_modules_are_named_with_what_replaces_them_and_the_version_that_was_linked_in() -> None:
    found = modules(build_information(OLLAMA) + b"rest", "bin/ollama")
    assert {(one.name, one.version) for one in found} == {
        ("stdlib", "1.22.1"), ("github.com/ollama/ollama", "0.1.33"), ("github.com/gin-gonic/gin", "1.10.0"),
        ("golang.org/x/net", "0.25.0"),
    }  # fmt: skip
    (server,) = servers(found)
    assert (server.ecosystem, server.name, server.version, server.file) == (SERVERS, "ollama", "0.1.33", "bin/ollama")


@pytest.mark.parametrize(
    "block", [b"", MAGIC, MAGIC + bytes(20), build_information(OLLAMA)[:-100], MAGIC + bytes([8, 0]) + bytes(40)]
)
def test_what_is_cut_or_old_is_refused(block: bytes) -> None:
    with pytest.raises(Malformed):
        modules(block, "x")


@given(st.binary(max_size=80))
def test_no_bytes_break_it(block: bytes) -> None:
    with suppress(Malformed):
        assert all(one.file == "x" for one in modules(MAGIC + bytes([8, 2]) + bytes(16) + block, "x"))

"""Forms with files: what a browser sends is understood, anything else is a typed error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardstead.console.forms import BadForm, File, parse_upload

TYPE = 'multipart/form-data; boundary="x-y"'


def part(name: str, data: bytes, filename: str | None = None) -> bytes:
    more = f'; filename="{filename}"\r\nContent-Type: text/plain' if filename is not None else ""
    return b"--x-y\r\n" + f'Content-Disposition: form-data; name="{name}"{more}'.encode() + b"\r\n\r\n" + data + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--x-y--\r\n"


def test_fields_and_files_come_apart() -> None:
    body = form(part("text", b"one\r\ntwo"), part("file", b"\r\n\x00--x", "a b.txt"), part("none", b"", ""))
    found = parse_upload(TYPE, body)
    assert found.fields == {"text": "one\ntwo"}
    assert found.files == {"file": File("a b.txt", b"\r\n\x00--x")}


@given(st.binary(max_size=200))
def test_a_file_arrives_as_it_was(data: bytes) -> None:
    if b"--x-y" not in data:
        assert parse_upload(TYPE, form(part("file", data, "f"))).files["file"].data == data


@given(st.text(max_size=60), st.binary(max_size=300))
def test_anything_else_is_a_bad_form(kind: str, body: bytes) -> None:
    for content_type in (kind, TYPE):
        try:
            parse_upload(content_type, body)
        except BadForm:
            continue


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--x-y--",
        b"--x-y\r\n\r\n--x-y--",
        form(part("a", b"1"), part("a", b"2")),
        form(part("a", b"\xff")),
        form(*(part(f"n{number}", b"") for number in range(17))),
        form(b"--x-y\r\nContent-Disposition: form-data\r\n\r\nno name\r\n"),
        part("a", b"not ended"),
    ],
)
def test_a_form_that_is_none_is_refused(body: bytes) -> None:
    if body == b"--x-y--":
        assert parse_upload(TYPE, body).fields == {}
    else:
        with pytest.raises(BadForm):
            parse_upload(TYPE, body)

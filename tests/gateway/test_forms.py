"""Forms with files: what a browser sends is understood, anything else is a typed error."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from wardstead.gateway.protocol.forms import BadForm, File, parse_upload

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
def test_what_does_not_say_that_it_is_a_form_is_a_bad_one(kind: str, body: bytes) -> None:
    assume("boundary" not in kind.lower())
    for content_type in (kind, f"multipart/form-data {kind}", f"application/x-{kind}; boundary=x-y"):
        with pytest.raises(BadForm, match="not a form"):
            parse_upload(content_type, form(part("a", body)))


@given(st.binary(max_size=300))
def test_what_has_no_border_is_a_bad_form(body: bytes) -> None:
    assume(b"--x-y" not in body)
    with pytest.raises(BadForm, match="cannot be read"):
        parse_upload(TYPE, body)


NAMES = st.text("abcdefgh", min_size=1, max_size=4)
TEXTS = st.text(max_size=40).filter(lambda one: "--x-y" not in one and "\r" not in one)


@given(st.lists(st.tuples(NAMES, TEXTS), max_size=18))
def test_fields_come_as_they_were_sent_or_the_form_is_refused(sent: list[tuple[str, str]]) -> None:
    body = form(*(part(name, text.replace("\n", "\r\n").encode()) for name, text in sent))
    if len(dict(sent)) < len(sent) or len(sent) > 16:
        with pytest.raises(BadForm, match=r"twice|too many"):
            parse_upload(TYPE, body)
    else:
        assert parse_upload(TYPE, body).fields == dict(sent)


@given(st.data())
def test_a_form_with_anything_put_into_it_is_parsed_or_refused(data: st.DataObject) -> None:
    whole = form(part("text", b"one"), part("file", b"two", "f"))
    at, cut = data.draw(st.integers(0, len(whole))), data.draw(st.integers(0, 20))
    body = whole[:at] + data.draw(st.binary(max_size=30)) + whole[at + cut :]
    parts = (b"\r\n" + body).count(b"\r\n--x-y") - 1
    try:
        found = parse_upload(TYPE, body)
    except BadForm:
        assert body != whole
    else:
        assert len(found.fields) + len(found.files) == parts


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

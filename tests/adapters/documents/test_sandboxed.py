"""The reader's process: what it can reach (nothing), what it may cost, and what becomes of a document that takes it down."""

from __future__ import annotations

import gzip
import io
import json
import os
import resource
import struct
import subprocess
import time
import zipfile
import zlib
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.adapters.documents import made

from wardstead.adapters.documents import sandboxed
from wardstead.adapters.documents.sandboxed import SandboxedExtractor, profile
from wardstead.adapters.sandbox.bubblewrap import find_tool
from wardstead.inspection.extraction import (
    DocumentLimits,
    DocumentReaderUnavailable,
    DocumentTooLarge,
    EncryptedDocument,
    Extracted,
    UnreadableDocument,
    UnsupportedDocument,
)
from wardstead.isolation.plan import Mode, reader_plan
from wardstead.kernel.errors import ConfigurationError, WardsteadError

TYPED = (UnreadableDocument, DocumentTooLarge, EncryptedDocument, UnsupportedDocument)
READER = SandboxedExtractor(Mode.BUBBLEWRAP)
LIMITS = DocumentLimits(timeout_s=30)


def test_from_inside_there_is_nowhere_to_go() -> None:
    plan = reader_plan(
        find_tool(), replace(profile(), programs={"guest.py": str(Path(__file__).with_name("intruder.py"))}), os.uname().machine
    )
    filter_fd = os.memfd_create("seccomp", 0)
    os.write(filter_fd, plan.seccomp)
    os.lseek(filter_fd, 0, os.SEEK_SET)
    arguments = list(plan.arguments)
    assert plan.seccomp_fd_argument is not None
    arguments[plan.seccomp_fd_argument] = str(filter_fd)
    given = json.dumps({"home": str(Path.home())}).encode() + b"\n"
    try:
        done = subprocess.run(arguments, input=given, capture_output=True, env={}, pass_fds=[filter_fd], timeout=60, check=False)
    finally:
        os.close(filter_fd)
    said = json.loads(done.stdout)
    assert said == {"open": [], "files": [], "environment": said["environment"], "uid": 65534, "processes": False}
    assert said["environment"].keys() <= {"LC_CTYPE", "PWD"}


def test_every_format_is_read_in_the_sandbox_as_it_is_outside() -> None:
    for name, data, words in (
        ("a.docx", made.docx(made.para("words")), "words"),
        ("a.pdf", made.pdf(made.line("words")), "words"),
        ("a.html", b"<html><body>words</body></html>", "words"),
        ("a.xlsx", made.xlsx('<row><c t="str"><v>words</v></c></row>'), "words"),
        ("a.txt", "Größe".encode("utf-16"), "Größe"),
        ("a.bin", "Привет, мир! Это обычный русский текст.".encode("cp1251"), "Привет, мир! Это обычный русский текст."),
    ):
        extracted = READER.extract(data, name, LIMITS)
        assert (extracted.visible(), extracted.sandboxed) == (words, True), name


def test_without_isolation_it_works_and_says_so() -> None:
    extracted = SandboxedExtractor(Mode.NONE).extract(made.docx(made.para("words")), "a.docx", LIMITS)
    assert (extracted.visible(), extracted.sandboxed) == ("words", False)
    assert any("without isolation" in one for one in extracted.all_warnings())


def test_without_a_sandbox_nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_tool() -> str:
        raise ConfigurationError("no", why="bubblewrap is not installed", next_step="Install it")

    monkeypatch.setattr(sandboxed, "find_tool", no_tool)
    with pytest.raises(DocumentReaderUnavailable) as raised:
        SandboxedExtractor(Mode.BUBBLEWRAP).extract(made.docx(made.para("words")), "a.docx", LIMITS)
    assert raised.value.next_step == "Install it"
    assert SandboxedExtractor(Mode.BUBBLEWRAP).extract(b"plain words", "a.txt", LIMITS).visible() == "plain words"


def zeros(size: int) -> bytes:
    return zlib.compress(bytes(size), 9)


def nested_zip(levels: int, width: int) -> bytes:
    """As 42.zip: zips in zips, each level ``width`` times."""
    data = made.zipped({"0": bytes(16 << 20)})
    for _ in range(levels):
        data = made.zipped({str(n): data for n in range(width)})
    return data


def overlapping_zip(entries: int) -> bytes:
    """All entries of the directory point at the same local header."""
    once = made.zipped({"a": bytes(1 << 20)})
    at = once.index(b"PK\x01\x02")
    end = once.index(b"PK\x05\x06")
    central = once[at:end]
    directory = b"".join(central[:46] + f"{n:01d}".encode()[-1:] + central[47:] for n in range(entries))
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, entries, entries, len(directory), at, 0)
    return once[:at] + directory + tail


def lying_zip() -> bytes:
    """Its directory says one byte; it unpacks to 256 MiB."""
    data = bytearray(made.zipped({"a": bytes(256 << 20)}))
    at = data.index(b"PK\x01\x02")
    data[at + 24 : at + 28] = (1).to_bytes(4, "little")
    return bytes(data)


def deep_gzip(levels: int) -> bytes:
    data = b"the end"
    for _ in range(levels):
        data = gzip.compress(data)
    return data


def deep_mail(levels: int) -> bytes:
    message = EmailMessage()
    message["From"], message["Date"] = "a@example.org", "now"
    message.set_content("the end")
    data = message.as_bytes()
    for _ in range(levels):
        data = b"From: a@example.org\r\nDate: now\r\nContent-Type: message/rfc822\r\n\r\n" + data
    return data


def deep_multipart(levels: int) -> bytes:
    head = b"From: a@example.org\r\nDate: now\r\n"
    return head + b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(levels))


LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE w [<!ENTITY a "ha">' + "".join(
        f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(12)
    ) + "]><w>&m;</w>"
)  # fmt: skip


def huge_sheet() -> bytes:
    """One string of a megabyte, shown in ten million cells."""
    rows = '<row><c t="s"><v>0</v></c></row>' * 300_000
    strings = f"<sst {made.S}><si><t>{'x' * (1 << 20)}</t></si></sst>"
    return made.xlsx(rows, {"xl/sharedStrings.xml": strings})


def spacious_pdf(pages: int = 1) -> bytes:
    """Its page's drawing unpacks to 400 MiB of spaces, for each time that the page is named."""
    data = zlib.compress(made.line("x").encode() + b" " * (400 << 20), 9)
    document = made.pdf("", more=(made.stream(data, "/Filter /FlateDecode"),)).replace(b"/Contents 11 0 R", b"/Contents 100 0 R")
    return document.replace(b"/Kids [10 0 R] /Count 1", b"/Kids [%s] /Count %d" % (b"10 0 R " * pages, pages))


def many_pages() -> bytes:
    """One page, named twenty thousand times."""
    data = made.pdf(made.line("x"))
    return data.replace(b"/Kids [10 0 R] /Count 1", b"/Kids [" + b"10 0 R " * 20_000 + b"] /Count 20000")


def sparse_tar() -> bytes:
    """A GNU sparse file that claims a terabyte."""
    header = bytearray(512)
    header[0:1], header[100:108], header[124:136] = b"a", b"0000644\0", b"00000000000\0"
    header[257:265], header[156:157] = b"ustar  \0", b"S"
    header[386:398], header[398:410] = b"00000000000\0", b"00000000000\0"
    header[483:495] = b"\x80" + (1 << 40).to_bytes(11, "big")
    header[148:156] = b"        "
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    return bytes(header) + bytes(1024)


BOMBS = {
    "zip of zeros": lambda: made.zipped({"a": bytes(200 << 20)}),
    "zip with a ratio": lambda: made.zipped({"a": bytes(20 << 20)}),
    "zips in zips": lambda: nested_zip(4, 8),
    "overlapping entries": lambda: overlapping_zip(1000),
    "a zip that lies": lying_zip,
    "gzip of gzip": lambda: deep_gzip(50),
    "gzip of zeros": lambda: gzip.compress(bytes(200 << 20)),
    "many files": lambda: made.zipped({str(n): b"" for n in range(5000)}),
    "mail in mail": lambda: deep_mail(40),
    "multipart in multipart": lambda: deep_multipart(3000),
    "billion laughs": lambda: made.docx("", {"word/document.xml": LAUGHS}),
    "deep XML": lambda: made.docx("<w:p>" * 100_000),
    "a string in many cells": huge_sheet,
    "deep HTML": lambda: b"<html>" + b"<div>" * 1_500_000,
    "deep rich text": lambda: b"{\\rtf1" + b"{" * 100_000,
    "sparse tar": sparse_tar,
    "many PDF pages": many_pages,
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_an_error_within_limits(name: str) -> None:
    data = BOMBS[name]()
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    with pytest.raises(TYPED) as raised:
        READER.extract(data, "bomb", DocumentLimits(timeout_s=8))
    assert time.monotonic() - started < 15
    # The reader's own memory ends at its limit; what this process (the gateway's) takes for it is what is measured here.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10
    assert raised.value.next_step or raised.value.what


def test_what_pdfium_unpacks_is_its_readers_memory_and_time_alone() -> None:
    data = spacious_pdf()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert READER.extract(data, "a.pdf", LIMITS).visible() == "x"
    with pytest.raises(DocumentTooLarge, match="takes longer"):
        READER.extract(spacious_pdf(pages=1000), "a.pdf", DocumentLimits(timeout_s=1))
    with pytest.raises(TYPED):
        READER.extract(data, "a.pdf", DocumentLimits(memory_bytes=256 << 20))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10


def test_many_cells_that_are_not_there_cost_nothing() -> None:
    sheet = made.xlsx('<dimension ref="A1:XFD1048576"/><row r="1048576"><c r="XFD1048576" t="str"><v>last</v></c></row>')
    assert READER.extract(sheet, "a.xlsx", LIMITS).visible() == "last"


def test_a_reader_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "reader").mkdir()
    (tmp_path / "guest.py").write_text("import sys\nsys.stdout.write('R')\nsys.stdout.flush()\nwhile True: pass\n")
    monkeypatch.setattr(sandboxed, "_HERE", tmp_path)
    started = time.monotonic()
    with pytest.raises(DocumentTooLarge, match="takes longer"):
        SandboxedExtractor(Mode.BUBBLEWRAP).extract(made.zipped({"a": "b"}), "a.zip", DocumentLimits(timeout_s=1))
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("", DocumentReaderUnavailable), ("R", UnreadableDocument), ("Rxxxxxxxx", UnreadableDocument),
        ("R\\0\\0\\0\\0\\0\\0\\0\\2{}}", UnreadableDocument), ("R\\0\\0\\0\\0\\0\\0\\0\\2[]", UnreadableDocument),
        ("R" + "x" * (80 << 20), DocumentTooLarge),
    ],
    ids=["nothing", "too little", "no length", "too much", "something else", "flood"],
)  # fmt: skip
def test_what_a_reader_that_was_taken_over_says_is_not_believed(
    said: str, error: type[WardsteadError], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = f"'R' + 'x' * {80 << 20}" if len(said) > 1000 else f"'{said}'"
    (tmp_path / "guest.py").write_text(f"import sys\nsys.stdout.write({text})\n")
    monkeypatch.setattr(sandboxed, "_HERE", tmp_path)
    with pytest.raises(error):
        SandboxedExtractor(Mode.NONE).extract(made.zipped({"a": "b"}), "a.zip", LIMITS)


def test_encrypted_documents_are_refused_by_name() -> None:
    locked = bytearray(made.zipped({"a.txt": b"words"}))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        locked[locked.index(mark) + offset] |= 1
    with pytest.raises(EncryptedDocument) as raised:
        READER.extract(bytes(locked), "a.zip", LIMITS)
    assert raised.value.where == "a.zip > a.txt"
    secured = made.pdf(made.line("x")).replace(b"/Info 4 0 R", b"/Info 4 0 R /Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O ("
                                               + b"o" * 32 + b") /U (" + b"u" * 32 + b") >> /ID [(a) (a)]")  # fmt: skip
    with pytest.raises(EncryptedDocument):
        READER.extract(secured, "a.pdf", LIMITS)


WHOLE = {
    "a.docx": made.docx(made.para("words")), "a.pdf": made.pdf(made.line("words")), "a.eml": made.mail(**{"a.txt": b"words"}),
    "a.xlsx": made.xlsx('<row><c t="str"><v>words</v></c></row>'), "a.rtf": b"{\\rtf1 words}", "a.epub": made.epub(),
    "a.odt": made.odt("<text:p>words</text:p>"), "a.gz": gzip.compress(b"words"), "a.html": b"<html><p style='color:red'>words",
}  # fmt: skip


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    name=st.sampled_from(sorted(WHOLE)),
    cut=st.integers(0, 4000),
    flips=st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(1, 255)), max_size=8),
)
def test_a_damaged_document_is_read_or_refused(name: str, cut: int, flips: list[tuple[int, int]]) -> None:
    data = bytearray(WHOLE[name])
    for at, mask in flips:
        data[at % len(data)] ^= mask
    damaged = bytes(data[: max(1, len(data) - cut)]) if cut < len(data) else bytes(data)
    try:
        extracted = READER.extract(damaged, name, LIMITS)
    except TYPED:
        return
    assert isinstance(extracted, Extracted)


def test_names_cannot_steer_a_terminal_or_a_path() -> None:
    extracted = READER.extract(made.zipped({"../\x1b[2J\u202e/etc/passwd": "words"}), "a\x1b[31m.zip", LIMITS)
    places = [part.place for part in extracted.parts]
    assert all(place.isprintable() for place in places)
    assert extracted.name.isprintable()


def test_a_document_beyond_its_bytes_is_refused_before_it_is_read() -> None:
    with pytest.raises(DocumentTooLarge, match="larger than 1024 bytes"):
        READER.extract(bytes(1025), "a", DocumentLimits(max_bytes=1024))
    with pytest.raises(DocumentTooLarge, match="characters of text"):
        READER.extract(b"<html>" + b"x" * 1000, "a.html", DocumentLimits(max_expanded_bytes=1024))
    # Text that is there already takes nothing to read: 'classify' takes a large log as it always did.
    assert len(READER.extract(b"x" * 2000, "a.txt", DocumentLimits(max_bytes=1024)).visible()) == 2000


def test_zip_inputs_are_read_lazily() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a.txt", "words")
    assert READER.extract(b"#!junk before\n" * 3 + b"", "a", LIMITS).visible().startswith("#!junk")
    assert READER.extract(out.getvalue(), "a.zip", LIMITS).visible() == "words"

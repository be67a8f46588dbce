"""Forms that bring files, as browsers send them (RFC 7578): ``multipart/form-data``, strictly. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from wardstead.kernel.errors import CallerError

_BOUNDARY: Final = re.compile(r"""multipart/form-data;\s*boundary=(?:"([^"\r\n]{1,70})"|([^\s;,"]{1,70}))\s*$""", re.IGNORECASE)
_PARAMETER: Final = re.compile(r';\s*(name|filename)="((?:[^"\\\r\n]|\\.)*)"')
_MAX_PARTS: Final = 16
_MAX_HEAD: Final = 2048


class BadForm(CallerError):
    """The form is too slow, or not a form."""

    code = "bad_form"


class FormTooLarge(BadForm):
    """The form is larger than it may be."""


@dataclass(frozen=True, slots=True)
class File:
    """A file that was chosen in a form. Its name is what the browser says: good to be shown, not to be trusted."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Upload:
    """The fields of a form, and its files."""

    fields: Mapping[str, str]
    files: Mapping[str, File]


def parse_upload(content_type: str, body: bytes) -> Upload:
    """The fields and files, each at most once; a file that was not chosen is left out. Raises ``BadForm``."""
    found = _BOUNDARY.match(content_type)
    if found is None:
        raise BadForm("this is not a form", where="content-type")
    border = b"--" + (found[1] or found[2]).encode("latin-1", "replace")
    pieces = (b"\r\n" + body).split(b"\r\n" + border)
    if len(pieces) < 2 or pieces[0] or not pieces[-1].startswith(b"--"):
        raise BadForm("the form cannot be read")
    if len(pieces) - 2 > _MAX_PARTS:
        raise BadForm("the form has too many fields")
    fields: dict[str, str] = {}
    files: dict[str, File] = {}
    for piece in pieces[1:-1]:
        name, filename, data = _part(piece)
        if name in fields or name in files:
            raise BadForm("a field of the form was sent twice")
        if filename is None:
            fields[name] = _text(data)
        elif filename or data:
            files[name] = File(filename[:200], data)
    return Upload(fields, files)


def _part(piece: bytes) -> tuple[str, str | None, bytes]:
    head, separator, data = piece.partition(b"\r\n\r\n")
    if not separator or not head.startswith(b"\r\n") or len(head) > _MAX_HEAD:
        raise BadForm("the form cannot be read")
    try:
        lines = head.decode().split("\r\n")[1:]
    except UnicodeDecodeError:
        raise BadForm("the form cannot be read") from None
    disposition = [line for line in lines if line.lower().startswith("content-disposition: form-data")]
    if len(disposition) != 1:
        raise BadForm("the form cannot be read")
    said = dict(_PARAMETER.findall(disposition[0]))
    if "name" not in said:
        raise BadForm("the form cannot be read")
    return said["name"], said.get("filename"), data


def _text(data: bytes) -> str:
    """A field's text, with the line ends that people mean: browsers send others."""
    try:
        return data.decode().replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise BadForm("the form is not UTF-8 text") from None

"""Documents and templates from and to files of the operator's."""

from __future__ import annotations

import os
from pathlib import Path

from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.reading import read_regular
from wardstead.gateway.protocol.templates import MOST_CHARACTERS
from wardstead.inspection.extraction import DocumentTooLarge
from wardstead.kernel.errors import CallerError


class FileInTheWay(CallerError):
    """Something is there already, or it cannot be written there."""

    code = "file_in_the_way"


class BadTemplate(CallerError):
    """It is no template."""

    code = "bad_template"


def read_document(deployment: Deployment, path: Path) -> bytes:
    """Its bytes, no more of them than a document may have. Raises ``CallerError``."""
    return read_regular(path, deployment.settings.documents.max_bytes, DocumentTooLarge)


def read_template(path: Path) -> str:
    """A template's text. Raises ``BadTemplate``."""
    try:
        return read_regular(path, MOST_CHARACTERS * 4, BadTemplate).decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadTemplate("the file is not UTF-8 text", where=str(path), why=f"byte {error.start}") from None


def save(path: Path, data: bytes) -> None:
    """Write a new file that nobody else may read. Raises ``FileInTheWay``."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(data)
    except OSError as error:
        raise FileInTheWay("it cannot be written there", where=str(path), why=error.strerror or "") from None

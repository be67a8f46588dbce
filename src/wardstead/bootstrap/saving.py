"""Documents from and to files of the operator's."""

from __future__ import annotations

import os
from pathlib import Path

from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.reading import read_regular
from wardstead.inspection.extraction import DocumentTooLarge
from wardstead.kernel.errors import CallerError


class FileInTheWay(CallerError):
    """Something is there already, or it cannot be written there."""

    code = "file_in_the_way"


def read_document(deployment: Deployment, path: Path) -> bytes:
    """Its bytes, no more of them than a document may have. Raises ``CallerError``."""
    return read_regular(path, deployment.settings.documents.max_bytes, DocumentTooLarge)


def save(path: Path, data: bytes) -> None:
    """Write a new file that nobody else may read. Raises ``FileInTheWay``."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(data)
    except OSError as error:
        raise FileInTheWay("it cannot be written there", where=str(path), why=error.strerror or "") from None

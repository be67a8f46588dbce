"""Documents in a request, between the dialects and the pipeline: their bytes, their place, and what was read out of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from wardstead.access.ports import ResourceRef
from wardstead.inspection.extraction import USUAL, Extracted, enclosed, shown_name
from wardstead.kernel.labels import PUBLIC, Label

_SAID: Final = 3
"""So many notes on one document go into a header."""


class Enclosed(msgspec.Struct, frozen=True):
    """A document as it came. Where a dialect hands a body on, it stands among the parts: no JSON can claim to be one.

    ``kept``: the id of one that is kept here: its name and its bytes are to be fetched, if whoever asks may use it.
    ``variables``: what fills a template, which is kept here always; ``None`` of a document.
    """

    name: str
    data: bytes = b""
    kept: str = ""
    variables: Mapping[str, str] | None = None

    @property
    def ref(self) -> ResourceRef:
        """As policies know one that is kept here."""
        return ResourceRef("Document" if self.variables is None else "Template", self.kept)


class Attached(msgspec.Struct):
    """A document's place in a request: ``pieces[index]`` is what the model reads, ``text`` the number of that text.

    The text after it is what a reader of the document does not see.
    """

    document: Enclosed
    pieces: list[str]
    index: int
    hidden: list[str]
    text: int
    label: Label = PUBLIC
    """That it was given when it was kept here."""


def place(attached: Attached, read: Extracted, *, include_hidden: bool) -> tuple[str, str]:
    """Put what was read where the document stood: the text that the model reads, and the text that is withheld from it.

    A template is a part of its message like any other text: no lines stand around it.
    """
    seen, hidden = read.visible(), read.hidden()
    if include_hidden and hidden:
        seen, hidden = f"{seen}\n\n[not shown to readers of the document]\n{hidden}", ""
    document = attached.document
    attached.pieces[attached.index] = seen if document.variables is not None else enclosed(seen, document.name, document.data)
    attached.hidden[0] = hidden
    return attached.pieces[attached.index], hidden


def notes(attached: Sequence[Attached], read: Sequence[Extracted], *, include_hidden: bool) -> tuple[str, ...]:
    """What whoever sent the documents is told of them."""
    said: list[str] = []
    for one, extracted in zip(attached, read, strict=True):
        name = shown_name(one.document.name)
        reasons = [reason for reason in extracted.hidden_reasons() if reason not in USUAL]
        if reasons:
            done = "included" if include_hidden else "left out"
            said.append(f'"{name}": hidden text {done} ({", ".join(reasons[:6])})')
        said += [f'"{name}": {warning}' for warning in extracted.all_warnings()[:_SAID]]
    return tuple(said)

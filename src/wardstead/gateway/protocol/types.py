"""The values between a dialect and the pipeline. Canonical bodies are OpenAI's: what every local server speaks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from wardstead.gateway.protocol import documents
from wardstead.gateway.protocol.documents import Attached
from wardstead.gateway.protocol.logprobs import Token
from wardstead.inspection.extraction import Extracted
from wardstead.inspection.ports import Origin
from wardstead.kernel.errors import WardsteadError
from wardstead.kernel.labels import PUBLIC, Label


class Operation(StrEnum):
    """What is asked of a model server; the value is the path of its OpenAI-compatible API."""

    CHAT = "/v1/chat/completions"
    COMPLETION = "/v1/completions"
    EMBEDDING = "/v1/embeddings"


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on a request. Sizes in bytes."""

    body_bytes: int
    depth: int
    max_tokens: int
    choices: int
    messages: int = 2048
    documents: int = 0
    """How many one request may hold; none where they are not taken."""
    document_bytes: int = 0


class UnknownFields(StrEnum):
    """What a field that is not on the forward list does."""

    REJECT = "reject"
    """400 that names it."""
    WARN = "warn"
    """Dropped, and named in the ``wardstead-warning`` header."""


@dataclass(frozen=True, slots=True)
class FieldPolicy:
    """The closed list of what is forwarded, per operation, with what the configuration adds."""

    unknown: UnknownFields = UnknownFields.REJECT
    extra: frozenset[str] = frozenset()


class ParsedRequest(msgspec.Struct):
    """A request in canonical form.

    ``body`` is a canonical OpenAI body that holds forwarded fields only. ``texts`` are all strings that can carry
    content (message text, tool descriptions and arguments, schemas, stop sequences, user, names: everything but closed
    enumerations), in order; ``replace_texts`` puts transformed ones back at the same places.
    """

    operation: Operation
    model: str
    stream: bool
    body: dict[str, Any]
    texts: list[str]
    warnings: tuple[str, ...] = ()
    origins: list[Origin] = msgspec.field(default_factory=list)
    """Who wrote each of ``texts``."""
    wants_logprobs: bool = False
    include_usage: bool = False
    structured: bool = False
    """The answer is one JSON value (``response_format``, or a forced schema): it is inspected and released as a whole."""
    dialect_state: Mapping[str, Any] = msgspec.field(default_factory=dict)
    """What the dialect needs to answer in its own form."""
    slots: Sequence[tuple[Any, Any]] = ()
    """(container, key) of each of ``texts``."""
    rewrites: Sequence[Callable[[], None]] = ()
    """Called after texts were put back: writes JSON-inside-a-string anew."""
    documents: Sequence[Attached] = ()
    """What has to be read before the texts are complete."""
    seams: Mapping[int, Sequence[int]] = msgspec.field(default_factory=dict)
    """By number of a text that came in parts: the places of the line breaks that join them, until it is replaced."""
    withheld: frozenset[int] = frozenset()
    """Numbers of texts that are inspected, and do not go on to the model."""
    labels: Mapping[int, Label] = msgspec.field(default_factory=dict)
    """By number of a text: the label that it has, whatever is found in it."""

    def place_documents(self, read: Sequence[Extracted], *, include_hidden: bool) -> None:
        """Put what was read out of each of ``documents`` where it stood; what its readers do not see is withheld unless said."""
        withheld = set()
        for one, extracted in zip(self.documents, read, strict=True):
            self.texts[one.text], self.texts[one.text + 1] = documents.place(one, extracted, include_hidden=include_hidden)
            withheld.add(one.text + 1)
        self.withheld = frozenset(withheld)
        self.labels = {
            number: label for one in self.documents for number in (one.text, one.text + 1) if (label := one.label) != PUBLIC
        }
        for rewrite in self.rewrites:
            rewrite()
        self.warnings = (*self.warnings, *documents.notes(self.documents, read, include_hidden=include_hidden))

    def replace_texts(self, texts: Sequence[str]) -> None:
        """Put ``texts`` (as many as there were) where the originals stood."""
        if len(texts) != len(self.slots):
            raise ValueError("as many texts as slots")
        for (container, key), old, text in zip(self.slots, self.texts, texts, strict=True):
            if text != old:
                container[key] = text
        for rewrite in self.rewrites:
            rewrite()
        self.seams = {number: seams for number, seams in self.seams.items() if texts[number] == self.texts[number]}
        self.texts = list(texts)


class AnswerContext(msgspec.Struct, frozen=True):
    """What an encoder needs to answer: ids, the model's public name, time in seconds since the epoch."""

    request: ParsedRequest
    receipt: str
    created_s: int
    model: str


class Chunk(msgspec.Struct):
    """One canonical piece of a streamed answer, for one choice: its text is taken out and put back inspected."""

    index: int = 0
    text: str = ""
    role: str | None = None
    reasoning: str = ""
    tool_calls: list[dict[str, Any]] | None = None
    """Whole tool calls (canonical, arguments complete) when going out; OpenAI's partial ones when coming in."""
    refusal: str = ""
    finish_reason: str | None = None
    logprobs: list[Token] | None = None


class UpstreamEvent(msgspec.Struct):
    """One decoded server-sent event of the model server."""

    chunks: list[Chunk]
    usage: dict[str, Any] | None = None
    done: bool = False


class StreamEncoder(Protocol):
    """Writes one streamed answer in a dialect."""

    content_type: str

    def start(self) -> bytes:
        """What precedes the first chunk (may be empty)."""
        ...

    def chunk(self, chunk: Chunk) -> bytes:
        """One piece."""
        ...

    def keep_alive(self) -> bytes:
        """Something that carries no text, while the guard holds text back."""
        ...

    def end(self, *, usage: dict[str, Any] | None, receipt: str) -> bytes:
        """The receipt as a trailing comment event where the dialect allows it, then the dialect's normal end."""
        ...

    def error(self, error: WardsteadError, status: int) -> bytes:
        """An error after the stream has begun, in the dialect's form; the connection is then aborted, never ended normally."""
        ...


class Dialect(Protocol):
    """One client-facing API."""

    name: str

    def parse(self, path: str, body: bytes, *, limits: Limits, fields: FieldPolicy) -> ParsedRequest:
        """Bytes to a canonical request. Raises ``CallerError`` (a clear 4xx) and nothing else, whatever the bytes."""
        ...

    def answer(self, completion: dict[str, Any], context: AnswerContext) -> bytes:
        """A canonical (OpenAI) completion, already inspected, as this dialect's body."""
        ...

    def stream(self, context: AnswerContext) -> StreamEncoder:
        """An encoder for one streamed answer."""
        ...

    def error(self, error: WardsteadError, status: int) -> bytes:
        """An error body in this dialect's form, such that its own client library raises its own typed error."""
        ...

    def models(self, names: Sequence[str], created_s: int) -> bytes:
        """The list of models that this person may use, in this dialect's form."""
        ...

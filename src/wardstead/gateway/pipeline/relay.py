"""A streamed answer on its way through: decoded, inspected, encoded. Bytes of the model server in, bytes for the client out."""

from __future__ import annotations

from typing import Any, NamedTuple

from wardstead.gateway.pipeline.answer import AnswerGuard, Cut
from wardstead.gateway.protocol import upstream
from wardstead.gateway.protocol.types import Chunk, StreamEncoder
from wardstead.kernel.errors import PeerError


class Relayed(NamedTuple):
    """What a piece gave: bytes to send, whether the answer is over, and what went wrong after those bytes."""

    data: bytes
    done: bool
    failure: Cut | PeerError | None


class Relay:
    """One streamed answer."""

    __slots__ = ("_decoder", "_encoder", "_guard", "over", "usage")

    def __init__(self, encoder: StreamEncoder, guard: AnswerGuard) -> None:
        """``guard`` decides what may be sent, ``encoder`` how it is written."""
        self._encoder, self._guard = encoder, guard
        self._decoder = upstream.SseDecoder()
        self.usage: dict[str, Any] | None = None
        self.over = False
        """Whether the model server has said all."""

    def take(self, piece: bytes) -> Relayed:
        """What may be sent because of ``piece``. What it released before a failure is in the record, so it is sent as well."""
        out: list[bytes] = []
        failure: Cut | PeerError | None = None
        try:
            for event in self._decoder.feed(piece):
                for chunk in event.chunks:
                    if failure is None:
                        failure = self._pass_on(chunk, out)
                    else:
                        self._guard.keep(chunk)
                self.usage = event.usage or self.usage
                self.over = self.over or event.done
        except PeerError as error:
            failure = failure or error
        return Relayed(b"".join(out), self.over, failure)

    def keep(self, piece: bytes) -> bool:
        """What comes after the answer was held is for its reviewer. Whether it is over. Raises ``PeerError``."""
        for event in self._decoder.feed(piece):
            for chunk in event.chunks:
                self._guard.keep(chunk)
            self.usage = event.usage or self.usage
            self.over = self.over or event.done
        return self.over

    def _pass_on(self, chunk: Chunk, out: list[bytes]) -> Cut | PeerError | None:
        try:
            out += [self._encoder.chunk(one) for one in self._guard.feed(chunk)]
        except (Cut, PeerError) as error:
            return error
        return None

    def finish(self, *, closed: bool) -> Relayed:
        """The model server is done (``closed``: it closed the connection): what was still held back.

        Raises ``PeerError`` when the answer had not ended.
        """
        self.over = True
        if closed:
            self._decoder.finish()
        out: list[bytes] = []
        failure: Cut | PeerError | None = None
        try:
            out.extend(self._encoder.chunk(chunk) for chunk in self._guard.finish())  # those before a failure stay
        except (Cut, PeerError) as error:
            failure = error
        return Relayed(b"".join(out), True, failure)

    def refusal(self, cut: Cut, text: str) -> bytes:
        """The end of an answer that was cut: what its last verdict still released, and ``text`` for every open choice.

        It stands apart from the model's words, or it would read like their end.
        """
        chunks = [cut.last] if cut.last is not None and (cut.last.text or cut.last.reasoning) else []
        chunks += self._guard.held()
        for index in self._guard.open_choices():
            said = f"\n\n{text}" if self._guard.has_said(index) else text
            chunks += [Chunk(index=index, text=said), Chunk(index=index, finish_reason="content_filter")]
        return self._encode(chunks)

    def _encode(self, chunks: list[Chunk]) -> bytes:
        return b"".join([self._encoder.chunk(chunk) for chunk in chunks])

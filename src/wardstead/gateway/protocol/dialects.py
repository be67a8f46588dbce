"""Which dialect speaks at which path."""

from __future__ import annotations

from typing import Final

from wardstead.gateway.protocol.anthropic import AnthropicDialect
from wardstead.gateway.protocol.ollama import OllamaDialect
from wardstead.gateway.protocol.openai import OpenAIDialect
from wardstead.gateway.protocol.types import Dialect

_OPENAI: Final = OpenAIDialect()
_ANTHROPIC: Final = AnthropicDialect()
_OLLAMA: Final = OllamaDialect()

ROUTES: Final[dict[str, Dialect]] = {
    "/v1/chat/completions": _OPENAI,
    "/v1/completions": _OPENAI,
    "/v1/embeddings": _OPENAI,
    "/v1/messages": _ANTHROPIC,
    "/api/chat": _OLLAMA,
    "/api/generate": _OLLAMA,
}
"""Exchanges with a model, all by POST."""


def for_path(path: str) -> Dialect:
    """The dialect whose errors a client at this path understands."""
    dialect = ROUTES.get(path)
    if dialect is not None:
        return dialect
    return _OLLAMA if path.startswith("/api/") else _OPENAI

"""``chat``: talk to a model through the gateway, as any client would."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any, Final

import typer
from rich.markup import escape

from wardstead.cli.output import Json, err, errors, isolation_banner, say_json
from wardstead.cli.state import deployment
from wardstead.cli.talk import Reply, ask
from wardstead.isolation.plan import Mode
from wardstead.kernel.errors import CallerError, ConfigurationError

_NO_CONTROLS: Final = dict.fromkeys([*range(9), *range(11, 32), *range(127, 160)], "\N{REPLACEMENT CHARACTER}")
"""What a model writes must not steer the terminal that shows it."""
_BLOCKED: Final = 1


def chat(
    context: typer.Context,
    prompt: Annotated[str | None, typer.Argument(help="What to ask; without it, a conversation on the terminal.")] = None,
    key: Annotated[str, typer.Option("--key", envvar="WARDSTEAD_KEY", help="An API key.")] = "",
    model: Annotated[str, typer.Option("--model", help="Which model; the first one when not given.")] = "",
    max_tokens: Annotated[int, typer.Option(min=1, help="At most this many tokens.")] = 512,
    purpose: Annotated[str, typer.Option(help="What it is for: policies can use it, and it is recorded.")] = "",
    application: Annotated[str, typer.Option(help="In the name of which application.")] = "wardstead-chat",
    json: Json = False,
) -> None:
    """Ask a model. Shows the answer as it streams, then the label, the decision and the receipt. Exit 1 when it is refused."""
    blocked = False
    with errors(as_json=json):
        if not key:
            raise CallerError("a key is needed", next_step="--key or $WARDSTEAD_KEY; 'wardstead key create' makes one")
        found = deployment(context)
        if not found.settings.models:
            raise ConfigurationError("there is no model", where="models", next_step="add one to wardstead.yaml")
        body: dict[str, Any] = {"model": model or found.settings.models[0].name, "stream": True, "max_tokens": max_tokens}
        # One question has no history for a label or a stand-in to stay with.
        conversation = str(uuid.uuid4()) if prompt is None else ""
        about = {"purpose": purpose, "application": application, "conversation": conversation}
        messages: list[dict[str, str]] = []
        for text in _given(prompt):
            question = {"role": "user", "content": text}
            asked = {**body, "messages": [*messages, question]}
            reply = ask(found, key, asked, about, _quiet if json else _write)
            _show(reply, as_json=json)
            blocked = reply.blocked
            if not blocked:  # what was refused once would be refused with every later question
                messages += [question, {"role": "assistant", "content": reply.answer}]
    if blocked:
        raise typer.Exit(_BLOCKED)


def _given(prompt: str | None) -> Iterator[str]:
    if prompt is None:
        yield from _questions()
    elif prompt.strip():
        yield prompt
    else:
        raise CallerError("there is nothing to ask", where="PROMPT", next_step="leave it out for a conversation")


def _questions() -> Iterator[str]:
    watched = sys.stdin.isatty()
    if watched:
        err.print("[dim]an empty line ends the conversation[/]")
    while True:
        if watched:
            err.print("› ", end="")
        try:
            text = input().strip()
        except (EOFError, KeyboardInterrupt):
            return
        if not text:
            return
        yield text


def _write(piece: str) -> None:
    sys.stdout.write(piece.translate(_NO_CONTROLS))
    sys.stdout.flush()


def _quiet(piece: str) -> None:
    del piece


def _show(reply: Reply, *, as_json: bool) -> None:
    if as_json:
        say_json(asdict(reply))
        return
    _write("\n")
    if reply.blocked:
        err.print("[bold yellow]blocked[/]: what stands above is a refusal, not the model's words")
    if reply.isolation == Mode.NONE.value:
        isolation_banner()
    err.print(f"[dim]label {escape(reply.label)} · decision {escape(reply.decision)} · receipt {escape(reply.receipt)}[/]")

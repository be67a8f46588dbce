"""Checking and canonicalising chat messages and tools, and finding every text in them.

Source: OpenAI's API reference, "Create chat completion"; what llama.cpp's and vLLM's servers take of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, Final

from wardstead.gateway.protocol.attachments import file_part
from wardstead.gateway.protocol.documents import Attached, Enclosed
from wardstead.gateway.protocol.fields import BadField, boolean, mapping, not_forwarded, sequence, text, word
from wardstead.gateway.protocol.schemas import check_schema
from wardstead.gateway.protocol.templates import MOST_NAMED, template_part
from wardstead.gateway.protocol.texts import Slot, free_form, json_text, walk
from wardstead.gateway.protocol.types import Limits
from wardstead.inspection.ports import Origin

ROLES: Final = {
    "system": Origin.SYSTEM,
    "developer": Origin.SYSTEM,
    "user": Origin.USER,
    "assistant": Origin.MODEL,
    "tool": Origin.TOOL,
}
_THOUGHTS: Final = ("reasoning_content", "reasoning")
"""What a model thought in an earlier turn: one thing, by the names that servers have for it."""
_MESSAGE_FIELDS: Final = frozenset({"role", "content", "name", "tool_calls", "tool_call_id", "refusal", *_THOUGHTS})
_IGNORED: Final = frozenset({"annotations", "parsed"})
"""What the libraries send back of an earlier answer, and no model reads again: dropped, and named."""
_EMPTY: Final = frozenset({"audio", "function_call"})
"""What the libraries send back as null."""
SCHEMA_WORDS: Final = frozenset(
    {
        "type", "properties", "required", "items", "description", "enum", "const", "default", "title", "anyOf", "oneOf", "allOf",
        "not", "additionalProperties", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength",
        "pattern", "format", "minItems", "maxItems", "uniqueItems", "$ref", "$defs", "definitions", "$schema", "strict",
        "nullable", "examples", "prefixItems", "multipleOf", "minProperties", "maxProperties", "propertyNames", "$id",
    }
)  # fmt: skip
"""JSON Schema's own keywords: not somebody's content."""


MAX_TEXTS: Final = 20_000
"""In one request: each is inspected by itself."""


class Collector:
    """Gathers texts and their slots while a request is checked."""

    __slots__ = ("documents", "dropped", "origin", "origins", "rewrites", "seams", "slots", "texts")

    def __init__(self) -> None:
        self.origin = Origin.STRUCTURE
        """Who wrote what is added now."""
        self.texts: list[str] = []
        self.origins: list[Origin] = []
        self.slots: list[Slot] = []
        self.rewrites: list[Callable[[], None]] = []
        self.documents: list[Attached] = []
        self.seams: dict[int, tuple[int, ...]] = {}
        """By number of a text that came in parts: the places of the line breaks that join them."""
        self.dropped: dict[str, str] = {}
        """By name of a field that does not go on: a warning that says where it stood first."""

    def add(self, container: Any, key: Any) -> None:
        """One string at its place. Raises ``BadField``."""
        self._put(container[key], (container, key))

    def _put(self, text: str, slot: Slot) -> None:
        if len(self.texts) >= MAX_TEXTS:
            raise BadField(f"holds more than {MAX_TEXTS} strings", next_step="Send fewer, longer strings")
        self.texts.append(text)
        self.origins.append(self.origin)
        self.slots.append(slot)

    def add_parts(self, container: Any, key: Any, parts: Sequence[str]) -> None:
        """One text that came in ``parts``: nobody knows how a model reads over the line breaks between them."""
        container[key] = "\n".join(parts)
        if len(parts) > 1:
            ends = itertools.accumulate(len(part) + 1 for part in parts)
            self.seams[len(self.texts)] = tuple(end - 1 for end in ends)[:-1]
        self.add(container, key)

    def add_pieces(
        self,
        container: dict[str, Any],
        key: str,
        pieces: list[str],
        parts: Sequence[Sequence[str]],
        documents: dict[int, Enclosed],
    ) -> None:
        """A text in pieces, some of which are documents, to be joined once those were read; the others came in ``parts``."""
        origin = self.origin
        for index in range(len(pieces)):
            document = documents.get(index)
            if document is not None:
                # Who wrote a document is somebody else; a template speaks as its message does.
                self.origin = Origin.DOCUMENT if document.variables is None else origin
                hidden = [""]
                self.documents.append(Attached(document, pieces, index, hidden, len(self.texts)))
                self._put("", (pieces, index))
                self._put("", (hidden, 0))
                self.origin = origin
            else:
                self.add_parts(pieces, index, parts[index])

        def join() -> None:
            container[key] = "\n".join(pieces)

        self.rewrites.append(join)

    def add_free_form(self, value: Any, known: frozenset[str] = frozenset()) -> None:
        """Every string in a free-form JSON value."""
        for found, slot in free_form(value, known):
            self._put(found, slot)

    def add_number(self, container: dict[str, Any], key: str) -> None:
        """A number, where it is long enough to be somebody's."""
        for found, _ in walk({key: container[key]}):
            self._put(found, (container, key))

    def add_json_text(self, container: dict[str, Any], key: str) -> None:
        """Every string in JSON that stands inside a string. Raises ``ValueError`` when it is none."""
        found, rewrite = json_text(container, key)
        for one, slot in found:
            self._put(one, slot)
        self.rewrites.append(rewrite)


def canonical_messages(value: Any, limits: Limits, into: Collector) -> list[dict[str, Any]]:
    """Checked messages that hold known fields only."""
    messages = sequence(value, "messages", limits.messages)
    if not messages:
        raise BadField("must not be empty", where="messages")
    clean = [
        _message(mapping(message, f"messages[{index}]"), f"messages[{index}]", limits, into)
        for index, message in enumerate(messages)
    ]
    into.origin = Origin.STRUCTURE
    return clean


def _message(message: dict[str, Any], where: str, limits: Limits, into: Collector) -> dict[str, Any]:
    role = word(message.get("role"))
    if role not in ROLES:
        raise BadField(f"must be one of {', '.join(sorted(ROLES))}", where=f"{where}.role")
    for name, value in message.items():
        if name in _IGNORED:
            if value:
                into.dropped.setdefault(name, not_forwarded(f"{where}.{name}"))
        elif name not in _MESSAGE_FIELDS and not (name in _EMPTY and value is None):
            raise BadField("is not a field of a message", where=f"{where}.{name[:80]}")
    into.origin = ROLES[role]
    # Local models know the older name of the same role.
    clean: dict[str, Any] = {"role": "system" if role == "developer" else role}
    _thoughts(message, where, clean, into)
    content = message.get("content")
    if content is not None:
        _content(content, f"{where}.content", limits, clean, into)
    elif role != "assistant":
        raise BadField("is required", where=f"{where}.content")
    for name in ("name", "tool_call_id", "refusal"):
        if message.get(name) is not None:
            clean[name] = text(message[name], f"{where}.{name}")
            into.add(clean, name)
    if message.get("tool_calls") is not None:
        calls = sequence(message["tool_calls"], f"{where}.tool_calls", 128)
        clean["tool_calls"] = [_tool_call(call, f"{where}.tool_calls[{i}]", into) for i, call in enumerate(calls)]
    if "content" not in clean:
        clean["content"] = None if "tool_calls" in clean else ""
    return clean


def _thoughts(message: dict[str, Any], where: str, clean: dict[str, Any], into: Collector) -> None:
    """What the model thought before it said that: it goes on, by the first of its names."""
    given = {name: text(message[name], f"{where}.{name}") for name in _THOUGHTS if message.get(name) is not None}
    if not any(given.values()):
        return
    last = max(given)
    if clean["role"] != "assistant":
        raise BadField("is what a model thought: it stands in a message of the assistant", where=f"{where}.{last}")
    if len(set(given.values())) > 1:
        raise BadField("says something else than reasoning, which is the same field", where=f"{where}.{last}")
    clean["reasoning_content"] = given[last]
    into.add(clean, "reasoning_content")


def _content(content: Any, where: str, limits: Limits, clean: dict[str, Any], into: Collector) -> None:
    """One text, also of what came in parts, which are inspected as one and over their borders.

    A document among the parts is a piece by itself: who wrote it is somebody else.
    """
    clean["content"] = content
    if isinstance(content, str):
        into.add(clean, "content")
        return
    parts = [_part(part, f"{where}[{index}]", limits, into) for index, part in enumerate(sequence(content, where, 1024))]
    pieces: list[list[str]] = []
    documents: dict[int, Enclosed] = {}
    for is_document, together in itertools.groupby(parts, lambda part: isinstance(part, Enclosed)):
        if is_document:
            for found in together:
                if isinstance(found, Enclosed):
                    documents[len(pieces)] = found
                    pieces.append([])
        else:
            pieces.append([found for found in together if isinstance(found, str)])
    if documents:
        _require_few([*(one.document for one in into.documents), *documents.values()], limits, where)
        into.add_pieces(clean, "content", [""] * len(pieces), pieces, documents)
        return
    into.add_parts(clean, "content", pieces[0] if pieces else [])


def _require_few(named: Sequence[Enclosed], limits: Limits, where: str) -> None:
    templates = sum(one.variables is not None for one in named)
    if len(named) - templates > limits.documents:
        raise BadField(f"holds more than {limits.documents} documents", where=where)
    if templates > MOST_NAMED:
        raise BadField(f"holds more than {MOST_NAMED} templates", where=where)


def _part(part: Any, place: str, limits: Limits, into: Collector) -> str | Enclosed:
    kind = "file" if isinstance(part, Enclosed) else word(mapping(part, place).get("type"))
    if kind in {"file", "input_file"}:
        if into.origin not in {Origin.USER, Origin.TOOL} or not limits.documents:
            why = "stand in a message of the user" if limits.documents else "are not taken by this deployment"
            raise BadField(f"documents {why}", where=f"{place}.type", next_step="Send the content as text")
        return part if isinstance(part, Enclosed) else file_part(part, place, limits.document_bytes)
    if kind == "template":
        if into.origin not in {Origin.SYSTEM, Origin.USER}:
            raise BadField("templates stand in a message of the user or the system", where=f"{place}.type")
        return template_part(part, place)
    if kind not in {"text", "refusal"}:
        raise BadField(
            "only text and documents can be inspected: images and audio are not taken", where=f"{place}.type",
            next_step="Send the content as text",
        )  # fmt: skip
    unknown = set(part) - {"type", kind}
    if unknown:
        raise BadField("is not a field of a text part", where=f"{place}.{min(unknown)[:80]}")
    return str(text(part.get(kind), f"{place}.{kind}"))


def _tool_call(call: Any, where: str, into: Collector) -> dict[str, Any]:
    call = mapping(call, where)
    if call.get("type", "function") != "function" or set(call) - {"id", "type", "function", "index"}:
        raise BadField("must be a function call with id, type and function", where=where)
    function = mapping(call.get("function"), f"{where}.function")
    if set(function) - {"name", "arguments"}:
        raise BadField("takes name and arguments", where=f"{where}.function")
    clean = {
        "name": text(function.get("name"), f"{where}.function.name"),
        "arguments": text(function.get("arguments"), f"{where}.function.arguments"),
    }
    made = {"id": text(call.get("id", ""), f"{where}.id"), "type": "function", "function": clean}
    into.add(made, "id")
    into.add(clean, "name")
    try:
        into.add_json_text(clean, "arguments")
    except ValueError:
        raise BadField("must be a JSON object in a string", where=f"{where}.function.arguments") from None
    return made


def canonical_tools(value: Any, into: Collector) -> list[dict[str, Any]]:
    """Checked tool declarations."""
    tools = []
    for index, item in enumerate(sequence(value, "tools", 128)):
        where = f"tools[{index}]"
        tool = mapping(item, where)
        if tool.get("type") != "function" or set(tool) - {"type", "function"}:
            raise BadField("only tools of type function are taken", where=f"{where}.type")
        tools.append({"type": "function", "function": function_declaration(tool.get("function"), f"{where}.function", into)})
    return tools


def function_declaration(value: Any, where: str, into: Collector) -> dict[str, Any]:
    """Name, description and parameter schema of one function."""
    function = mapping(value, where)
    unknown = set(function) - {"name", "description", "parameters", "strict"}
    if unknown:
        raise BadField("is not a field of a function", where=f"{where}.{min(unknown)[:80]}")
    clean: dict[str, Any] = {"name": text(function.get("name"), f"{where}.name")}
    into.add(clean, "name")
    if function.get("description") is not None:
        clean["description"] = text(function["description"], f"{where}.description")
        into.add(clean, "description")
    if function.get("parameters") is not None:
        clean["parameters"] = mapping(function["parameters"], f"{where}.parameters")
        check_schema(clean["parameters"], f"{where}.parameters")
        into.add_free_form(clean["parameters"], SCHEMA_WORDS)
    if function.get("strict") is not None:
        clean["strict"] = boolean(function["strict"], f"{where}.strict")
    return clean


def tool_choice(value: Any, into: Collector) -> Any:
    """``none``, ``auto``, ``required``, or one named function."""
    if isinstance(value, str):
        if value not in {"none", "auto", "required"}:
            raise BadField("must be none, auto, required or a function", where="tool_choice")
        return value
    choice = mapping(value, "tool_choice")
    function = mapping(choice.get("function"), "tool_choice.function")
    if choice.get("type") != "function" or set(choice) != {"type", "function"} or set(function) != {"name"}:
        raise BadField("must be none, auto, required or a function", where="tool_choice")
    clean = {"name": text(function["name"], "tool_choice.function.name")}
    into.add(clean, "name")
    return {"type": "function", "function": clean}


def response_format(value: Any, into: Collector) -> dict[str, Any]:
    """``text``, ``json_object``, or a ``json_schema``."""
    form = mapping(value, "response_format")
    kind = word(form.get("type"))
    if kind in {"text", "json_object"}:
        clean: dict[str, Any] = {"type": kind}
        if kind == "json_object" and isinstance(form.get("schema"), dict):  # llama.cpp's own way to give a schema
            clean["schema"] = form["schema"]
            check_schema(clean["schema"], "response_format.schema")
            into.add_free_form(clean["schema"], SCHEMA_WORDS)
        return clean
    if kind != "json_schema":
        raise BadField("must be text, json_object or json_schema", where="response_format.type")
    schema = mapping(form.get("json_schema"), "response_format.json_schema")
    kept = {name: schema[name] for name in ("name", "description", "schema", "strict") if schema.get(name) is not None}
    for name in ("name", "description"):
        if name in kept:
            text(kept[name], f"response_format.json_schema.{name}")
            into.add(kept, name)
    if "strict" in kept:
        boolean(kept["strict"], "response_format.json_schema.strict")
    place = "response_format.json_schema.schema"
    check_schema(mapping(kept.get("schema", {}), place), place)
    into.add_free_form(kept.get("schema", {}), SCHEMA_WORDS)
    return {"type": "json_schema", "json_schema": kept}

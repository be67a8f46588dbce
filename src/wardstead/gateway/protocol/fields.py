"""Closed lists of fields: what may be forwarded, checked by type and range. Everything else is refused or dropped by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from wardstead.gateway.protocol.types import FieldPolicy, UnknownFields
from wardstead.kernel.errors import CallerError

Check = Callable[[Any, str], Any]
"""(value, JSON path) to the value that is forwarded; raises ``BadField``."""

NEVER: Final = frozenset(
    {
        "chat_template", "chat_template_kwargs", "documents", "add_generation_prompt", "continue_final_message",  # templates
        "id_slot", "slot_id", "cache_prompt", "session_id", "prompt_cache_key", "cache_salt",  # other people's caches
        "lora", "lora_adapter", "lora_request", "adapter", "adapters",  # unadmitted weights
        "grammar_file", "guided_decoding_backend", "logits_processors", "kv_transfer_params", "response_prefix",
    }
)  # fmt: skip
"""Never forwarded, whatever the configuration adds: they reach past the model into the server."""


class BadField(CallerError):
    """A field has the wrong type, a value out of range, or no business here."""

    code = "invalid_field"


def number(low: float, high: float) -> Check:
    """A JSON number in the range."""

    def check(value: Any, where: str) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise BadField(f"must be a number from {low:g} to {high:g}", where=where)
        return value

    return check


def integer(low: int, high: int, *, clamp: bool = False) -> Check:
    """A JSON integer in the range; ``clamp`` lowers one that is above it instead of refusing."""

    def check(value: Any, where: str) -> Any:
        if isinstance(value, bool) or not isinstance(value, int) or value < low or (value > high and not clamp):
            raise BadField(f"must be an integer from {low} to {high}", where=where)
        return min(value, high)

    return check


def boolean(value: Any, where: str) -> Any:
    """true or false."""
    if not isinstance(value, bool):
        raise BadField("must be true or false", where=where)
    return value


def text(value: Any, where: str) -> Any:
    """A string."""
    if not isinstance(value, str):
        raise BadField("must be a string", where=where)
    return value


def word(value: Any) -> str:
    """A word that says which of several shapes follows; empty for what is no string, and so none of them."""
    return value if isinstance(value, str) else ""


def one_of(*allowed: str) -> Check:
    """One of a few words."""

    def check(value: Any, where: str) -> Any:
        if value not in allowed or not isinstance(value, str):
            raise BadField(f"must be one of {', '.join(allowed)}", where=where)
        return value

    return check


def text_or_texts(limit: int) -> Check:
    """A string, or a list of at most ``limit`` strings."""

    def check(value: Any, where: str) -> Any:
        if isinstance(value, str):
            return value
        if isinstance(value, list) and len(value) <= limit and all(isinstance(item, str) for item in value):
            return value
        raise BadField(f"must be a string or a list of at most {limit} strings", where=where)

    return check


def mapping(value: Any, where: str) -> dict[str, Any]:
    """An object."""
    if not isinstance(value, dict):
        raise BadField("must be an object", where=where)
    return value


def sequence(value: Any, where: str, limit: int) -> list[Any]:
    """A list of at most ``limit`` items."""
    if not isinstance(value, list) or len(value) > limit:
        raise BadField(f"must be a list of at most {limit} items", where=where)
    return value


def texts_by_name(most: int, name_characters: int, characters: int) -> Check:
    """An object of at most ``most`` strings, whose names and values are no longer than these."""

    def check(value: Any, where: str) -> Any:
        given = mapping(value, where)
        if len(given) > most:
            raise BadField(f"must have at most {most} entries", where=where)
        for name, one in given.items():
            if len(name) > name_characters or len(text(one, f"{where}.{name[:80]}")) > characters:
                raise BadField(
                    f"must have names of at most {name_characters} and values of at most {characters} characters", where=where
                )
        return given

    return check


def anything(value: Any, _where: str) -> Any:
    """Any JSON: its strings are inspected like all others."""
    return value


def given(value: Mapping[str, Any], name: str, otherwise: Any) -> Any:
    """A field that may be left out; a ``null`` means that too."""
    found = value.get(name)
    return otherwise if found is None else found


def required(body: Mapping[str, Any], name: str) -> Any:
    """A field that must be there."""
    if name not in body:
        raise BadField("is required", where=name)
    return body[name]


def left_out(body: Mapping[str, Any], names: frozenset[str]) -> tuple[dict[str, Any], list[str]]:
    """``body`` without what is addressed to somebody else's service, and warnings that name it."""
    kept = {name: value for name, value in body.items() if name not in names}
    return kept, [not_forwarded(name) for name in body if name in names and body[name] is not None]


def not_forwarded(path: str) -> str:
    """The warning about a field."""
    return f"{path[:80]} was not forwarded"


def pick(
    body: Mapping[str, Any], table: Mapping[str, Check], policy: FieldPolicy, where: str = ""
) -> tuple[dict[str, Any], list[str]]:
    """The fields of ``body`` that ``table`` (or the configuration) lets through, checked, and warnings about the others.

    A ``null`` means that the field is absent, as the client libraries mean it.
    """
    kept: dict[str, Any] = {}
    warnings: list[str] = []
    for name, value in body.items():
        check = table.get(name)
        path = f"{where}{name}"
        if value is None and (check is not None or name in policy.extra):
            continue
        if check is not None:
            kept[name] = check(value, path)
        elif name in policy.extra and name not in NEVER:
            kept[name] = value
        elif policy.unknown is UnknownFields.WARN:
            warnings.append(not_forwarded(path))
        else:
            raise BadField(
                "is not forwarded by this gateway", where=path[:80],
                next_step="Leave it out, or have the operator add it to gateway.extra_fields",
            )  # fmt: skip
    return kept, warnings

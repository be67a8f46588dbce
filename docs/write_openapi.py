"""Writes reference/openapi.json: what the gateway takes, from the lists of fields that it forwards. ``--check`` only compares."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from wardstead.config.sections import GatewaySection, ServerSection
from wardstead.gateway.protocol import anthropic, dialects, ollama, openai
from wardstead.gateway.protocol.messages import ROLES
from wardstead.gateway.protocol.types import Limits, Operation
from wardstead.gateway.server.request_head import CONTEXT_HEADERS

PAGE = Path(__file__).parent / "reference" / "openapi.json"
_SERVER, _GATEWAY = ServerSection(), GatewaySection()
LIMITS = Limits(body_bytes=_SERVER.body_bytes, depth=_GATEWAY.depth, max_tokens=_GATEWAY.max_tokens, choices=_GATEWAY.choices)
Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
JSON_TEXT: Schema = {"type": "string", "format": "json", "description": "A JSON object"}
FILLED: Schema = {"type": "string", "minLength": 1}
FLAG: Schema = {"type": "boolean"}
FREE: Schema = {"type": "object"}
ITEM: Schema = {"type": "string", "minLength": 1, "maxLength": 64}
COUNT: Schema = {"type": "integer", "minimum": 1}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def number(low: float, high: float) -> Schema:
    return {"type": "number", "minimum": low, "maximum": high}


def integer(low: int, high: int) -> Schema:
    return {"type": "integer", "minimum": low, "maximum": high}


def many(item: Schema, most: int, least: int = 0) -> Schema:
    return {"type": "array", "items": item, "minItems": least, "maxItems": most}


def either(*shapes: Schema) -> Schema:
    return {"anyOf": list(shapes)}


def closed(required: list[str], **properties: Schema) -> Schema:
    """An object of known fields. A ``null`` means that a field is absent."""
    shapes = {name: shape if name in required else either(shape, {"type": "null"}) for name, shape in properties.items()}
    return {"type": "object", "properties": shapes, "required": required, "additionalProperties": False}


NOTE: Schema = {"description": "Addressed to Anthropic's own service: taken and dropped"}
TEXTS = either(TEXT, many(TEXT, 16))
BLOCKS = either(TEXT, many(closed(["type", "text"], type={"const": "text"}, text=TEXT, cache_control=NOTE, citations=NOTE), 1024))
PARTS = either(TEXT, many(ref("TextPart"), 1024))
DOCUMENT = {"type": "string", "format": "document", "description": "Base64, or a data URL with it"}
WITH_DOCUMENTS = either(TEXT, many(ref("TextPart"), 1024), many(either(ref("TextPart"), ref("FilePart")), 10))
BLOCKS_WITH_DOCUMENTS = many(
    closed(
        ["type", "source"],
        type={"const": "document"},
        title=TEXT,
        context=TEXT,
        source=either(
            closed(["type", "media_type", "data"], type={"const": "base64"}, media_type=TEXT, data=DOCUMENT),
            closed(["type", "media_type", "data"], type={"const": "text"}, media_type=TEXT, data=TEXT),
        ),
    ),
    10,
)
NAMED = closed(["name"], name=TEXT)
SEED = 2**32 - 1
SAMPLING: dict[str, Schema] = {
    "model": {"type": "string", "minLength": 1, "maxLength": 256},
    "temperature": number(0, 2),
    "top_p": number(0, 1),
    "min_p": number(0, 1),
    "top_k": integer(-1, 1_000_000),
    "presence_penalty": number(-2, 2),
    "frequency_penalty": number(-2, 2),
    "repeat_penalty": number(0, 10),
    "seed": integer(-SEED, SEED),
    "stop": TEXTS,
    "max_tokens": COUNT,
    "n": COUNT,
    "stream": FLAG,
    "user": TEXT,
    "metadata": {
        "type": "object",
        "additionalProperties": {"type": "string", "maxLength": 512},
        "propertyNames": {"maxLength": 64},
        "maxProperties": 16,
    },
    "stream_options": FREE,
}
FIELDS: dict[str, dict[str, Schema]] = {
    "chat": {
        **SAMPLING,
        "max_completion_tokens": COUNT,
        "logprobs": FLAG,
        "top_logprobs": integer(0, 20),
        "parallel_tool_calls": FLAG,
        "messages": many(ref("Message"), LIMITS.messages, 1),
        "tools": many(ref("Tool"), 128),
        "tool_choice": either(
            {"enum": ["none", "auto", "required"]},
            closed(["type", "function"], type={"const": "function"}, function=NAMED),
        ),
        "response_format": ref("ResponseFormat"),
    },
    "completion": {
        **SAMPLING,
        "prompt": either(FILLED, many(FILLED, 64, 1)),
        "suffix": TEXT,
        "echo": FLAG,
        "logprobs": integer(0, 20),
        "best_of": COUNT,
    },
    "embedding": {
        "model": SAMPLING["model"],
        "input": either(TEXT, many(TEXT, 2048)),
        "encoding_format": {"enum": ["float", "base64"]},
        "dimensions": integer(1, 65536),
        "user": TEXT,
    },
    "messages": {
        "model": SAMPLING["model"],
        "messages": many(ref("AnthropicMessage"), LIMITS.messages, 1),
        "system": BLOCKS,
        "max_tokens": integer(1, 2**31),
        "temperature": number(0, 1),
        "top_p": number(0, 1),
        "top_k": integer(0, 1_000_000),
        "stop_sequences": TEXTS,
        "stream": FLAG,
        "tools": many(ref("AnthropicTool"), 128),
        "tool_choice": {
            "type": "object",
            "properties": {
                "type": {"enum": ["auto", "any", "none"]},
                "disable_parallel_tool_use": either(FLAG, {"type": "null"}),
            },
            "required": ["type"],
        },
        "metadata": closed([], user_id=either(TEXT, {"type": "null"})),
    },
    "ollama_chat": {
        "model": SAMPLING["model"],
        "messages": many(ref("OllamaMessage"), LIMITS.messages, 1),
        "tools": many(ref("Tool"), 128),
        "stream": FLAG,
        "options": ref("OllamaOptions"),
        "format": either({"const": "json"}, ref("JsonSchema")),
    },
    "ollama_generate": {
        "model": SAMPLING["model"],
        "prompt": TEXT,
        "system": TEXT,
        "stream": FLAG,
        "options": ref("OllamaOptions"),
        "format": either({"const": "json"}, ref("JsonSchema")),
    },
}
REQUIRED = {
    "chat": ["model", "messages"],
    "completion": ["model", "prompt"],
    "embedding": ["model", "input"],
    "messages": ["model", "messages", "max_tokens"],
    "ollama_chat": ["model", "messages"],
    "ollama_generate": ["model"],
}
TABLES = {
    "chat": openai.chat_table(LIMITS),
    "completion": openai.completion_table(LIMITS),
    "embedding": openai.EMBEDDING_TABLE,
    "messages": anthropic.TABLE,
    "ollama_chat": ollama.CHAT,
    "ollama_generate": ollama.GENERATE,
}
PATHS = {
    Operation.CHAT: ("chat", "Chat completion"),
    Operation.COMPLETION: ("completion", "Text completion"),
    Operation.EMBEDDING: ("embedding", "Embeddings"),
    "/v1/messages": ("messages", "Anthropic's messages"),
    "/api/chat": ("ollama_chat", "Ollama's chat"),
    "/api/generate": ("ollama_generate", "Ollama's generate"),
}
CALL = closed(
    ["id", "type", "function"],
    id=TEXT, type={"const": "function"}, function=closed(["name", "arguments"], name=TEXT, arguments=JSON_TEXT),
)  # fmt: skip
SCHEMAS: dict[str, Schema] = {
    "TextPart": closed(["type", "text"], type={"const": "text"}, text=TEXT),
    "FilePart": closed(
        ["type", "file"],
        type={"const": "file"},
        file=either(closed(["file_data"], file_data=DOCUMENT, filename=TEXT), closed(["file_id"], file_id=ITEM)),
    ),
    "Message": either(
        closed(["role", "content"], role={"const": "user"}, content=WITH_DOCUMENTS, name=TEXT),
        closed(
            ["role", "content"], role={"enum": sorted(ROLES.keys() - {"assistant"})}, content=PARTS, name=TEXT, tool_call_id=TEXT
        ),
        closed(["role"], role={"const": "assistant"}, content=PARTS, refusal=TEXT, tool_calls=many(CALL, 128)),
    ),
    "JsonSchema": FREE,
    "Tool": closed(
        ["type", "function"],
        type={"const": "function"},
        function=closed(["name"], name=TEXT, description=TEXT, parameters=ref("JsonSchema"), strict=FLAG),
    ),
    "ResponseFormat": either(
        closed(["type"], type={"enum": ["text", "json_object"]}),
        closed(
            ["type", "json_schema"],
            type={"const": "json_schema"},
            json_schema=closed(["name", "schema"], name=TEXT, description=TEXT, schema=ref("JsonSchema"), strict=FLAG),
        ),
    ),
    "AnthropicMessage": either(
        closed(["role", "content"], role={"enum": ["user", "assistant"]}, content=BLOCKS),
        closed(["role", "content"], role={"const": "user"}, content=BLOCKS_WITH_DOCUMENTS),
        closed(
            ["role", "content"],
            role={"const": "assistant"},
            content=many(closed(["type", "id", "name", "input"], type={"const": "tool_use"}, id=TEXT, name=TEXT, input=FREE), 64),
        ),
        closed(
            ["role", "content"],
            role={"const": "user"},
            content=many(closed(["type", "tool_use_id"], type={"const": "tool_result"}, tool_use_id=TEXT, content=BLOCKS), 64),
        ),
    ),
    "AnthropicTool": closed(["name", "input_schema"], name=TEXT, description=TEXT, input_schema=ref("JsonSchema")),
    "OllamaMessage": either(
        closed(["role", "content"], role={"enum": ["system", "user", "assistant", "tool"]}, content=TEXT),
        closed(
            ["role"],
            role={"const": "assistant"},
            tool_calls=many(closed(["function"], function=closed(["name", "arguments"], name=TEXT, arguments=FREE)), 16),
        ),
    ),
    "OllamaOptions": closed(
        [], **{name: SAMPLING[field] for name, field in ollama.OPTIONS.items()} | {"num_predict": integer(-2, 2**31)}
    ),
    "OpenAIError": closed(
        ["error"],
        error=closed(
            ["message", "type", "param", "code"],
            message=TEXT, type=TEXT, param=either(TEXT, {"type": "null"}), code=TEXT,
        ),
    ),
    "AnthropicError": closed(
        ["type", "error"],
        type={"const": "error"}, error=closed(["type", "message", "code"], type=TEXT, message=TEXT, code=TEXT),
    ),
    "OllamaError": closed(["error", "code"], error=TEXT, code=TEXT),
    "Answer": FREE,
    "Model": closed(
        ["id", "object", "created", "owned_by"],
        id=TEXT, object={"const": "model"}, created={"type": "integer"}, owned_by=TEXT,
    ),
}  # fmt: skip
ERRORS = {
    "400": "The request is malformed, or a field is not taken", "401": "No valid key", "403": "Policy does not permit it",
    "404": "No such model or record, or none for this person", "408": "The body came too slowly", "410": "The key of what is kept was destroyed",
    "413": "The body or a document is too large", "415": "There is no reader for a document",
    "429": "Too many at once", "431": "The headers are too large", "502": "The model server broke its protocol",
    "503": "The ledger cannot be written, the model server cannot be reached, or the gateway is full or stopping",
    "504": "The model server was too slow",
}  # fmt: skip
GOVERNED = {f"wardstead-{name}": {"schema": TEXT} for name in ("receipt", "decision", "label", "conversation", "warning")}
CONTEXT = [
    {"name": name.decode(), "in": "header", "schema": {"type": "string", "pattern": "^[ -~]{0,200}$"}}
    for name in sorted(CONTEXT_HEADERS)
]


def error_schema(path: str) -> Schema:
    return ref({"openai": "OpenAIError", "anthropic": "AnthropicError", "ollama": "OllamaError"}[dialects.for_path(path).name])


def responses(path: str, good: dict[str, Any], errors: list[str]) -> dict[str, Any]:
    body = {"application/json": {"schema": error_schema(path)}}
    return {"200": good, **{code: {"description": ERRORS[code], "content": body} for code in errors}}


def exchange(path: str, fields: str, summary: str) -> dict[str, Any]:
    stream = "application/x-ndjson" if path.startswith("/api/") else "text/event-stream"
    content: dict[str, Any] = {"application/json": {"schema": ref("Answer")}}
    if fields != "embedding":
        content[stream] = {}
    properties = FIELDS[fields]
    if properties.keys() != TABLES[fields].keys():
        raise SystemExit(f"{fields}: {sorted(properties.keys() ^ TABLES[fields].keys())} stand on one side only")
    body = closed(REQUIRED[fields], **properties)
    return {
        "post": {
            "summary": summary,
            "operationId": fields,
            "parameters": CONTEXT,
            "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
            "responses": responses(
                path,
                {"description": "The answer", "headers": GOVERNED, "content": content},
                [code for code in ERRORS if code != "410"],
            ),
        }
    }


def reading(
    path: str, summary: str, schema: Schema, *, errors: list[str], parameter: str = "", kind: str = "application/json"
) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": summary,
        "operationId": summary.lower().replace(" ", "_"),
        "responses": responses(path, {"description": summary, "content": {kind: {"schema": schema}}}, errors),
    }
    if parameter:
        operation["parameters"] = [{"name": parameter, "in": "path", "required": True, "schema": {**TEXT, "minLength": 1}}]
    return {"get": operation}


def kept(common: list[str]) -> dict[str, Any]:
    """Files, and the vector stores that they are in."""
    page = [
        {"name": "limit", "in": "query", "schema": integer(1, 10_000)},
        {"name": "after", "in": "query", "schema": {"type": "string", "maxLength": 64}},
        {"name": "order", "in": "query", "schema": {"enum": ["asc", "desc"]}},
    ]
    form = {
        "type": "object",
        "properties": {"file": {"type": "string", "format": "binary"}, "purpose": TEXT},
        "required": ["file"],
    }
    store = {
        "type": "object",
        "properties": {"name": {**FILLED, "maxLength": 256}, "file_ids": many(ITEM, 100)},
        "required": ["name"],
    }
    attach = {"type": "object", "properties": {"file_id": ITEM}, "required": ["file_id"]}

    def operation(path: str, summary: str, body: tuple[str, Schema] | None = None, *, listed: bool = False) -> dict[str, Any]:
        given = [one.strip("{}") for one in path.split("/") if one.startswith("{")]
        errors = [*common, "403", "404", "410", *(["408", "413", "415", "429"] if body else [])]
        parameters = [{"name": one, "in": "path", "required": True, "schema": FILLED} for one in given]
        made: dict[str, Any] = {
            "summary": summary,
            "operationId": summary.lower().replace(" ", "_"),
            "parameters": [*parameters, *(page if listed else [])],
            "responses": responses(path, {"description": summary, "content": {"application/json": {"schema": FREE}}}, errors),
        }
        if body is not None:
            made["requestBody"] = {"required": True, "content": {body[0]: {"schema": body[1]}}}
        return made

    files, stores, item, inside = "/v1/files", "/v1/vector_stores", "/v1/files/{file}", "/v1/vector_stores/{store}/files"
    made = {"type": "object", "properties": {"name": TEXT, "text": TEXT, "label": TEXT}, "required": ["name", "text"]}
    templates = "/v1/templates"
    content = operation(f"{item}/content", "A document as it came")
    content["responses"]["200"]["content"] = {"application/octet-stream": {}}
    return {
        files: {
            "get": operation(files, "List documents", listed=True),
            "post": operation(files, "Keep a document", ("multipart/form-data", form)),
        },
        item: {"get": operation(item, "One document"), "delete": operation(item, "Delete a document")},
        f"{item}/content": {"get": content},
        stores: {
            "get": operation(stores, "List collections", listed=True),
            "post": operation(stores, "Make a collection", ("application/json", store)),
        },
        f"{stores}/{{store}}": {
            "get": operation(f"{stores}/{{store}}", "One collection"),
            "delete": operation(f"{stores}/{{store}}", "Delete a collection"),
        },
        inside: {
            "get": operation(inside, "List the documents of a collection", listed=True),
            "post": operation(inside, "Put a document into a collection", ("application/json", attach)),
        },
        templates: {
            "get": operation(templates, "List templates", listed=True),
            "post": operation(templates, "Keep a template", ("application/json", made)),
        },
        f"{templates}/{{template}}": {
            "get": operation(f"{templates}/{{template}}", "One template, with its text"),
            "delete": operation(f"{templates}/{{template}}", "Delete a template"),
        },
        f"{inside}/{{file}}": {
            "get": operation(f"{inside}/{{file}}", "One document of a collection"),
            "delete": operation(f"{inside}/{{file}}", "Take a document out of a collection"),
        },
    }


def document() -> dict[str, Any]:
    """The whole description."""
    common = ["400", "401", "431", "503"]
    paths = {str(path): exchange(str(path), *PATHS[path]) for path in PATHS}
    if paths.keys() != dialects.ROUTES.keys():
        raise SystemExit("a route is not described")
    paths |= {
        "/v1/models": reading("/v1/models", "List models", FREE, errors=common),
        "/v1/models/{model}": reading("/v1/models/", "One model", ref("Model"), errors=[*common, "404"], parameter="model"),
        "/api/tags": reading("/api/tags", "List models as Ollama does", FREE, errors=common),
        "/api/version": reading("/api/version", "Version", closed(["version"], version=TEXT), errors=["400", "431"]),
        "/ledger/receipt/{id}": reading("/ledger/receipt/", "One receipt", FREE, errors=[*common, "404"], parameter="id"),
        "/ledger/checkpoint": reading(
            "/ledger/checkpoint", "Newest checkpoint", TEXT, errors=[*common, "404"], kind="text/plain"
        ),
        "/ledger/tile/{path}": reading(
            "/ledger/tile/", "Piece of the tree", TEXT, errors=[*common, "404"], parameter="path", kind="application/octet-stream"
        ),
        "/v1/held": reading("/v1/held", "What of yours was held for review", FREE, errors=common),
        "/v1/held/{id}": reading(
            "/v1/held/", "What became of it, and a released answer", FREE, errors=[*common, "404"], parameter="id"
        ),
        **kept(common),
        "/healthz": reading("/healthz", "Health", FREE, errors=["400", "431", "503"]),
    }
    for path in ("/healthz", "/api/version"):
        paths[path]["get"]["security"] = []
    # A gateway that cannot serve says what fails, not an error.
    paths["/healthz"]["get"]["responses"]["503"]["content"]["application/json"]["schema"] = FREE
    key = {"type": "http", "scheme": "bearer", "description": "An API key (ws_…); the Anthropic client sends it as x-api-key"}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Wardstead's gateway", "version": "1", "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "servers": [{"url": "https://localhost:8443"}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {"securitySchemes": {"key": key}, "schemas": SCHEMAS},
    }


def main() -> int:
    """Write, or compare."""
    text = json.dumps(document(), indent=1) + "\n"
    if "--check" in sys.argv:
        return int(text != PAGE.read_text())
    PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())

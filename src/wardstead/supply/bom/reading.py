"""Facts from a model's own files: configurations, model cards, headers of weights. They are what their writers say."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar

import msgspec
import yaml

from wardstead.supply.bom.facts import Ancestor, Dataset, Energy, Facts, Metric
from wardstead.supply.formats import gguf, licences
from wardstead.supply.ports import Malformed, Source
from wardstead.supply.sources import Cursor, text_of

T = TypeVar("T")
_MOST: Final = 4000
_HEADER: Final = 100 << 20
_FRONT: Final = re.compile(r"\A---\s*\n(.*?\n)---\s*\n", re.DOTALL)
_HEADING: Final = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
_SECTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "limitations": ("limitation", "bias", "risk"),
    "uses": ("intended use", "uses", "direct use", "use case"),
    "training": ("training procedure", "training details", "training"),
    "preprocessing": ("preprocessing", "data processing"),
    "safety": ("safety", "red team"),
}
_ADAPTER: Final[tuple[str, ...]] = ("peft_type", "r", "lora_alpha", "lora_dropout", "task_type")
_QUANTISATIONS: Final = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S", 12:
    "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20:
    "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28:
    "IQ2_S", 29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4_MOE",
}  # fmt: skip
"""llama.cpp's ``enum llama_ftype``."""


def facts_of(source: Source, kind: str) -> Facts:
    """What a file says of its model, by its name and its format; nothing where it cannot be read, which a scan reports."""
    name = source.name.rsplit("/", 1)[-1]
    reader = _BY_NAME.get(name) or _BY_KIND.get(kind)
    if reader is None:
        return Facts()
    try:
        return reader(source)
    except (Malformed, ValueError, TypeError, KeyError, AttributeError, RecursionError, yaml.YAMLError, msgspec.ValidationError):
        return Facts()


def _config(source: Source) -> Facts:
    document = _document(source)
    quantised = document.get("quantization_config") or {}
    method, bits = quantised.get("quant_method"), quantised.get("bits")
    numbers = {name: value for name, value in document.items() if isinstance(value, int | float) and not isinstance(value, bool)}
    return Facts(
        name=_short(document.get("_name_or_path")).rsplit("/", 1)[-1],
        architecture=_short((document.get("architectures") or [""])[0]),
        family="transformer" if document.get("num_attention_heads") or document.get("n_head") else "",
        context_length=_number(document.get("max_position_embeddings") or document.get("n_positions")),
        quantisation=" ".join(str(one) for one in (method, f"{bits} bits" if bits else "") if one)
        or _short(document.get("torch_dtype") or document.get("dtype")),
        hyperparameters={name: str(numbers[name]) for name in sorted(numbers)[:40]},
    )


def _adapter(source: Source) -> Facts:
    document = _document(source)
    base = _short(document.get("base_model_name_or_path"))
    kept = {one: str(document[one]) for one in _ADAPTER if one in document}
    return Facts(ancestors=(Ancestor(base, "adapter", _short(document.get("revision"))),) if base else (), hyperparameters=kept)


def _tokenizer(source: Source) -> Facts:
    document = _document(source)
    template = document.get("chat_template")
    return Facts(
        tokenizer=_short(document.get("tokenizer_class")), template_sha256=_digest(template) if isinstance(template, str) else ""
    )


def _template(source: Source) -> Facts:
    return Facts(template_sha256=_digest(text_of(source)))


def _safetensors(source: Source) -> Facts:
    length = int.from_bytes(source.read(0, 8), "little")
    if not 0 < length <= min(_HEADER, source.size):
        return Facts()
    header = json.loads(source.read(8, length))
    total = 0
    kinds: dict[str, int] = {}
    for name, one in header.items():
        if name == "__metadata__":
            continue
        count = 1
        for side in one["shape"]:
            count *= int(side)
        total += count
        kinds[one["dtype"]] = kinds.get(one["dtype"], 0) + count
    return Facts(parameters=total, quantisation=max(kinds, key=lambda one: kinds[one]) if kinds else "")


def _gguf(source: Source) -> Facts:
    pairs = gguf.read_header(Cursor(source)).pairs
    family = _short(pairs.get("general.architecture"))
    template = pairs.get("tokenizer.chat_template")
    own = _short(pairs.get("general.name") or pairs.get("general.basename"))
    return Facts(
        name=own,
        version=_short(pairs.get("general.version")),
        supplier=_short(pairs.get("general.organization") or pairs.get("general.author")),
        description=_short(pairs.get("general.description")),
        licences=_licence(_short(pairs.get("general.license")), _short(pairs.get("general.license.name"))),
        architecture=family,
        family="transformer" if f"{family}.attention.head_count" in pairs else "",
        context_length=_number(pairs.get(f"{family}.context_length")),
        quantisation=_QUANTISATIONS.get(pairs.get("general.file_type", -1), ""),
        tokenizer=_short(pairs.get("tokenizer.ggml.model")),
        template_sha256=_digest(template) if isinstance(template, str) else "",
        languages=tuple(_short(one) for one in pairs.get("general.languages") or ()),
        ancestors=tuple(
            _numbered(pairs, "base_model", lambda name, key: Ancestor(name, "base", key("version"), key("repo_url")))
        ),
        datasets=tuple(_numbered(pairs, "dataset", lambda name, key: Dataset(name, key("repo_url")))),
        source=_short(pairs.get("general.repo_url") or pairs.get("general.source.repo_url")),
        download=_short(pairs.get("general.url") or pairs.get("general.source.url")),
        documentation=_short(pairs.get("general.doi")),
        hyperparameters={
            key.removeprefix(f"{family}."): str(value)
            for key, value in sorted(pairs.items())
            if key.startswith(f"{family}.") and isinstance(value, int | float)
        },
    )


def _numbered(pairs: Mapping[str, Any], word: str, make: Callable[[str, Callable[[str], str]], T]) -> Iterator[T]:
    """``general.base_model.0.name`` and its neighbours."""
    for number in range(16):
        prefix = f"general.{word}.{number}."
        if name := _short(pairs.get(prefix + "name")):
            yield make(name, lambda key, prefix=prefix: _short(pairs.get(prefix + key)))  # type: ignore[misc]


def _card(source: Source) -> Facts:
    text = text_of(source)
    front = _FRONT.match(text)
    said = yaml.safe_load(front[1]) if front else {}
    said = said if isinstance(said, dict) else {}
    body = text[front.end() :] if front else text
    parts = dict(_sections(body))
    relation = _short(said.get("base_model_relation")) or "base"
    return Facts(
        name=_short(said.get("model_name")) or _title(body),
        description=_first_paragraph(body),
        licences=tuple(
            one for word in _words(said.get("license")) or [""] for one in _licence(word, _short(said.get("license_name")))
        ),
        task=_short(said.get("pipeline_tag")),
        languages=tuple(_words(said.get("language"))),
        library=_short(said.get("library_name")),
        datasets=tuple(Dataset(one) for one in _words(said.get("datasets"))),
        ancestors=tuple(
            Ancestor(one, relation if relation in ("quantized", "finetune", "adapter", "merge") else "base")  # type: ignore[arg-type]
            for one in _words(said.get("base_model"))
        ),
        metrics=tuple(_metrics(said.get("model-index"))),
        energy=_energy(said.get("co2_eq_emissions")),
        **parts,  # type: ignore[arg-type]
    )


def _sections(body: str) -> Iterator[tuple[str, str]]:
    """The first section whose heading speaks of each thing, as far as its first paragraphs."""
    headings = list(_HEADING.finditer(body))
    for field, words in _SECTIONS.items():
        for at, heading in enumerate(headings):
            if any(word in heading[1].lower() for word in words):
                end = headings[at + 1].start() if at + 1 < len(headings) else len(body)
                if said := body[heading.end() : end].strip():
                    yield field, said[:_MOST]
                    break


def _title(body: str) -> str:
    found = re.search(r"^#\s+(.+)$", body, re.MULTILINE)
    return _short(found[1]) if found else ""


def _first_paragraph(body: str) -> str:
    for one in re.split(r"\n\s*\n", body):
        text = one.strip()
        if text and not text.startswith(("#", "<", "!", "[", "|", "```", "- ", "* ", "---")):
            return " ".join(text.split())[:1000]
    return ""


def _metrics(index: Any) -> Iterator[Metric]:
    for model in index if isinstance(index, list) else []:
        for result in model.get("results") or []:
            dataset = _short((result.get("dataset") or {}).get("name"))
            for one in result.get("metrics") or []:
                yield Metric(_short(one.get("type") or one.get("name")), _short(one.get("value")), dataset)


def _energy(said: Any) -> Energy | None:
    """Model cards tell grams of CO₂; kWh only where they say so."""
    kwh = said.get("energy_consumed") if isinstance(said, dict) else None
    return (
        Energy(float(kwh), "training", _short(said.get("source"))) if isinstance(kwh, int | float) and said is not None else None
    )


def _licence(word: str, name: str) -> tuple[str, ...]:
    """Hugging Face's ``other`` means the name beside it."""
    found = name if word in ("other", "") else word
    return (found,) if found else ()


def _licence_file(source: Source) -> Facts:
    """Which licence a text is; of one that is not known here, what it calls itself."""
    text = source.read(0, licences.HEAD_BYTES).decode("utf-8", "replace")
    first = next((one.strip() for one in text.splitlines() if one.strip()), "")
    found = licences.licence_of(text) or (first[:100] if "licen" in first.lower() else "")
    return Facts(licences=(found,) if found else ())


def _document(source: Source) -> dict[str, Any]:
    document = json.loads(text_of(source))
    if not isinstance(document, dict):
        raise Malformed("an object was expected")
    return document


def _words(value: Any) -> list[str]:
    if isinstance(value, str):
        return [_short(value)]
    return [_short(one) for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _short(value: Any) -> str:
    return str(value).strip()[:500] if isinstance(value, str | int | float) else ""


def _number(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


_BY_NAME: Final[Mapping[str, Callable[[Source], Facts]]] = {
    "config.json": _config, "adapter_config.json": _adapter, "tokenizer_config.json": _tokenizer, "README.md": _card,
    "chat_template.jinja": _template,
}  # fmt: skip
_BY_KIND: Final[Mapping[str, Callable[[Source], Facts]]] = {
    "gguf": _gguf, "safetensors": _safetensors, "licence": _licence_file,
}  # fmt: skip

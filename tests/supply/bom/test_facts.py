"""What a model's own files say of it."""

from __future__ import annotations

import hashlib
import json
import struct

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from wardstead.kernel.errors import ConfigurationError
from wardstead.supply.bom.facts import Ancestor, Dataset, Facts, Metric, given, merged
from wardstead.supply.bom.reading import facts_of
from wardstead.supply.sources import Memory


def held(name: str, content: bytes) -> Memory:
    return Memory(content, name)


CARD = """---
license: other
license_name: our-licence
language: [en, de]
datasets: [corpus-a]
base_model: org/base
base_model_relation: finetune
pipeline_tag: text-generation
model-index:
- name: x
  results:
  - dataset: {name: MMLU}
    metrics: [{type: accuracy, value: 0.71}]
---
# Example

![badge](x)

A small model for
offices.

## Intended use
Answering questions.

## Bias, risks and limitations
It knows English best.
"""


def test_a_model_card_is_read() -> None:
    found = facts_of(held("README.md", CARD.encode()), "card")
    assert (found.name, found.description) == ("Example", "A small model for offices.")
    assert (found.licences, found.languages, found.task) == (("our-licence",), ("en", "de"), "text-generation")
    assert found.ancestors == (Ancestor("org/base", "finetune"),)
    assert found.datasets == (Dataset("corpus-a"),)
    assert found.metrics == (Metric("accuracy", "0.71", "MMLU"),)
    assert (found.uses, found.limitations) == ("Answering questions.", "It knows English best.")


def test_configurations_are_read() -> None:
    config = {
        "architectures": ["LlamaForCausalLM"],
        "num_attention_heads": 8,
        "max_position_embeddings": 2048,
        "torch_dtype": "bfloat16",
        "flag": True,
    }
    found = facts_of(held("a/config.json", json.dumps(config).encode()), "config")
    assert (found.architecture, found.family, found.context_length, found.quantisation) == (
        "LlamaForCausalLM",
        "transformer",
        2048,
        "bfloat16",
    )
    assert "flag" not in found.hyperparameters
    quantised = config | {"quantization_config": {"quant_method": "awq", "bits": 4}}
    assert facts_of(held("config.json", json.dumps(quantised).encode()), "config").quantisation == "awq 4 bits"
    adapter = facts_of(
        held("adapter_config.json", b'{"base_model_name_or_path": "org/base", "r": 8, "peft_type": "LORA"}'), "config"
    )
    assert adapter.ancestors == (Ancestor("org/base", "adapter"),)
    assert adapter.hyperparameters == {"peft_type": "LORA", "r": "8"}
    tokenizer = facts_of(held("tokenizer_config.json", b'{"tokenizer_class": "T", "chat_template": "{{ x }}"}'), "config")
    assert (tokenizer.tokenizer, tokenizer.template_sha256) == ("T", hashlib.sha256(b"{{ x }}").hexdigest())


def test_weights_are_counted_by_their_header() -> None:
    header = json.dumps({"__metadata__": {}, "a": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]},
                         "b": {"dtype": "F32", "shape": [1], "data_offsets": [12, 16]}}).encode()  # fmt: skip
    found = facts_of(held("model.safetensors", struct.pack("<Q", len(header)) + header + bytes(16)), "safetensors")
    assert (found.parameters, found.quantisation) == (7, "BF16")


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def test_metadata_of_gguf_are_read() -> None:
    strings = {
        "general.architecture": "llama", "general.name": "Tiny", "general.license": "apache-2.0",
        "general.base_model.0.name": "Base",
        "general.base_model.0.repo_url": "https://x.example", "tokenizer.ggml.model": "gpt2",
        "tokenizer.chat_template": "{{ m }}",
    }  # fmt: skip
    numbers = {"general.file_type": 15, "llama.context_length": 4096, "llama.attention.head_count": 4}
    block = b"GGUF" + struct.pack("<IQQ", 3, 0, len(strings) + len(numbers))
    block += b"".join(text(key) + struct.pack("<I", 8) + text(value) for key, value in strings.items())
    block += b"".join(text(key) + struct.pack("<II", 4, value) for key, value in numbers.items())
    found = facts_of(held("m.gguf", block), "gguf")
    assert (found.name, found.architecture, found.family, found.quantisation) == ("Tiny", "llama", "transformer", "Q4_K_M")
    assert (found.context_length, found.tokenizer, found.licences) == (4096, "gpt2", ("apache-2.0",))
    assert found.ancestors == (Ancestor("Base", "base", "", "https://x.example"),)


NAMES = ["README.md", "config.json", "adapter_config.json", "tokenizer_config.json", "m.gguf", "m.safetensors"]
KEYS = ["architectures", "quantization_config", "license", "datasets", "model-index", "results", "metrics", "dataset"]


@for_all(st.sampled_from(NAMES), st.binary(max_size=300))
def test_no_file_breaks_the_reader(name: str, content: bytes) -> None:
    kind = name.rpartition(".")[2]
    assert isinstance(facts_of(held(name, content), kind), Facts)


@for_all(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner),
        max_leaves=9,
    )
)
def test_no_shape_of_configuration_breaks_the_reader(value: object) -> None:
    for name in ("config.json", "adapter_config.json", "tokenizer_config.json"):
        assert isinstance(facts_of(held(name, json.dumps(value).encode()), ""), Facts)
    assert isinstance(facts_of(held("README.md", f"---\n{json.dumps(value)}\n---\n".encode()), ""), Facts)


def test_what_a_person_says_goes_before_what_files_say() -> None:
    found = merged(
        given("name: Ours\ndatasets: [{name: a}]\n", "facts.yaml"),
        Facts(name="theirs", version="2"),
        Facts(version="3", domain="x"),
    )
    assert (found.name, found.version, found.domain, found.datasets) == ("Ours", "2", "x", (Dataset("a"),))


@pytest.mark.parametrize(
    ("said", "where"),
    [("nme: x\n", "f:1: nme"), ("datasets:\n- {url: x}\n", "f:2: datasets[0]"), ("energy: {kwh: many}\n", "f:1: energy.kwh")],
)
def test_wrong_facts_are_refused_with_their_place(said: str, where: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        given(said, "f")
    assert caught.value.where == where

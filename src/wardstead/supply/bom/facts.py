"""What is known of a model, from its own files or from a person; empty where nothing is."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from wardstead.kernel.yaml_input import read_yaml

Text = Annotated[str, msgspec.Meta(max_length=4000)]
Relation = Literal["base", "quantized", "finetune", "adapter", "merge"]


class _Known(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    pass


class Ancestor(_Known, frozen=True):
    """A model that this one was made from, and how."""

    name: Text
    relation: Relation = "base"
    version: Text = ""
    url: Text = ""


class Dataset(_Known, frozen=True):
    """Data that it was trained or tested on."""

    name: Text
    url: Text = ""
    description: Text = ""


class Metric(_Known, frozen=True):
    """A measured quality: ``type`` (accuracy, perplexity), of what."""

    type: Text
    value: Text
    dataset: Text = ""


class Energy(_Known, frozen=True):
    """Energy in kWh that an activity took."""

    kwh: float
    activity: Literal["training", "fine-tuning", "inference", "other"] = "training"
    source: Text = ""


class Facts(_Known, frozen=True):
    """One model. Texts are as their writers wrote them."""

    name: Text = ""
    version: Text = ""
    supplier: Text = ""
    author: Text = ""
    """Who answers for the bill."""
    description: Text = ""
    licences: tuple[Text, ...] = ()
    purpose: Text = ""
    domain: Text = ""
    autonomy: Text = ""
    standards: tuple[Text, ...] = ()
    task: Text = ""
    approach: Literal["", "supervised", "unsupervised", "reinforcement-learning", "semi-supervised", "self-supervised"] = ""
    family: Text = ""
    """``transformer``, ``mamba``."""
    architecture: Text = ""
    """``LlamaForCausalLM``, ``llama``."""
    parameters: int = 0
    context_length: int = 0
    quantisation: Text = ""
    tokenizer: Text = ""
    template_sha256: Text = ""
    languages: tuple[Text, ...] = ()
    library: Text = ""
    datasets: tuple[Dataset, ...] = ()
    ancestors: tuple[Ancestor, ...] = ()
    metrics: tuple[Metric, ...] = ()
    decision_threshold: Text = ""
    training: Text = ""
    hyperparameters: dict[str, str] = {}
    preprocessing: Text = ""
    sensitive_data: Text = ""
    users: tuple[Text, ...] = ()
    uses: Text = ""
    limitations: Text = ""
    safety: Text = ""
    explainability: Text = ""
    energy: Energy | None = None
    download: Text = ""
    source: Text = ""
    documentation: Text = ""


def given(text: str, where: str) -> Facts:
    """What a person wrote down. Raises ``ConfigurationError`` with file, line and key."""
    return read_yaml(text, where, Facts)


def merged(first: Facts, *others: Facts) -> Facts:
    """Field by field, what the first of them knows."""
    found: dict[str, object] = {}
    for field in Facts.__struct_fields__:
        found[field] = next((value for one in (first, *others) if (value := getattr(one, field))), getattr(first, field))
    return Facts(**found)  # type: ignore[arg-type]

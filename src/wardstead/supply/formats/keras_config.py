"""What Keras makes of a model's configuration: classes and functions by name (CVE-2024-3660, CVE-2025-1550, CVE-2025-8747)."""

from __future__ import annotations

import re
from typing import Any, Final

from wardstead.supply.formats.json_input import walk
from wardstead.supply.ports import Seen, Steps

_CODE: Final = frozenset({"Lambda", "__lambda__", "TFSMLayer", "TorchModuleWrapper", "FlaxLayer", "JaxLayer", "TFOpLambda"})
_HARMLESS: Final = re.compile(
    r"(?:(?:tf_|tf\.)?keras(?:\.src)?|tensorflow\.(?:python\.)?keras|keras_hub|keras_nlp|keras_cv)"
    r"(?:\.(?:layers|models|initializers|optimizers|losses|metrics|regularizers|constraints|activations|dtype_policies|engine|src|ops"
    r"|functional|sequential|legacy|mixed_precision|saving|trainers|backend|[a-z_]+_policy|schedules|core|convolutional|pooling"
    r"|normalization|rnn|merging|regularization|reshaping|preprocessing))*(?:\.[a-z_0-9]+)?"
)
_FUNCTIONS: Final = frozenset({"function", "builtin_function_or_method", "builtins", "method"})
_FORBIDDEN: Final = re.compile(
    r"(?:^|\.)(?:utils|config|saving|datasets|applications|callbacks|export|distribution|os|subprocess)(?:\.|$)"
)


def check_tree(value: Any) -> Steps:
    """A whole configuration."""
    for one in walk(value):
        if isinstance(one.value, dict) and "class_name" in one.value:
            yield from check_class(one.value, one.path or "the model")


def check_class(value: dict[str, Any], path: str) -> Steps:
    """One entry that names a class: ``{"class_name": …, "module": …, "config": …}``."""
    name, module = value.get("class_name"), value.get("module")
    if not isinstance(name, str):
        return
    if name.rsplit(">", 1)[-1] in _CODE or name in _FUNCTIONS:
        known = (
            name in _FUNCTIONS
            and isinstance(value.get("config"), str)
            and module in {None, "keras.activations", "keras.src.activations"}
        )
        if not known:
            yield Seen("layer-code", f"{path} is a {name[:60]}")
        return
    if isinstance(module, str) and module:
        if _FORBIDDEN.search(module) or module.split(".")[0] in {"builtins", "os", "sys", "subprocess", "importlib"}:
            yield Seen("layer-code", f"{path} is {module[:60]}.{name[:60]}")
        elif not _HARMLESS.fullmatch(module):
            yield Seen("layer-custom", f"{path} is {module[:60]}.{name[:60]}")
    elif value.get("registered_name") and ">" in str(value["registered_name"]):
        yield Seen("layer-custom", f"{path} is registered as {str(value['registered_name'])[:60]!r}")

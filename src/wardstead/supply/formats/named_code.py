"""Texts in a model's settings that name code, or a place: whoever loads the model calls it, opens it, fetches it or shows it.

hydra and MONAI call ``_target_``, jsonpickle classes; MONAI evaluates what begins with ``$``, PyTorch the formulas of an exported
program; MLflow imports ``loader_module``; transformers fetches kernels by the name of their repository.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

from wardstead.supply.formats import python_code
from wardstead.supply.formats.template_speech import gives_orders
from wardstead.supply.ports import Seen, Steps

TARGETS: Final = frozenset({"_target_", "__target__", "__class__", "!target", "py/object", "py/reduce", "py/function"})
_LIBRARIES: Final = (
    r"torch\.optim|torchvision\.(?:models|transforms)|transformers|diffusers|sklearn|timm|peft|lightning|pytorch_lightning"
    r"|nemo\.collections|keras|monai"
)
_NOT_DATA: Final = "utils|hub|bundle|cli|datasets|apps|commands|dynamic_module_utils|callbacks|loggers|onnx|export"
_KNOWN_TARGET: Final = re.compile(
    rf"torch\.nn\.[\w.]+|(?:{_LIBRARIES})\.(?!(?:\w+\.)*(?:{_NOT_DATA})\.)[\w.]*\b[A-Z]\w*(?:\.from_(?:pretrained|config))?"
)
"""Classes of layers and models; functions of the same libraries fetch, load and run."""
_REACHED: Final = frozenset(
    {
        "os", "sys", "posix", "nt", "subprocess", "importlib", "builtins", "shutil", "socket", "ctypes", "runpy", "pty", "pickle",
        "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "multiprocessing", "threading", "asyncio",
        "urllib", "http", "requests", "httpx", "aiohttp", "tempfile", "platform", "inspect", "pdb", "code", "timeit", "pydoc",
        "torch", "numpy", "np", "pandas", "transformers", "huggingface_hub", "tensorflow", "keras",
    }
)  # fmt: skip
"""Modules that a name reaches through another that imported them, and whose functions then are called."""
_KERNELS: Final = frozenset(
    {"attn_implementation", "_attn_implementation", "_attn_implementation_internal", "experts_implementation"}
)
_PROMPTS: Final = frozenset({"system_message", "system_prompt", "default_system_prompt", "default_system_message"})
_EXPRESSION: Final = re.compile(r"__|['\"\[\]{};=]|\blambda\b|\.\s*[A-Za-z_]")
_REFERENCE: Final = re.compile(r"[@%][\w:#.]+")
_PATHS: Final = re.compile(
    r"(?i)(?:^|_)(?:file|path|dir|directory|folder|filename|location|checkpoint|weights|weight_map|name_or_path|base_model"
    r"|merges|vocab|custom_generate)s?(?:$|_)"
)
_FOREIGN: Final = re.compile(r"(?i)^(?:[a-z]:[\\/]|[\\/]|~|file:|\\\\|\$\{?[a-z_]+)")
REMOTE: Final = re.compile(r"(?i)^(?:https?|ftp|s3|gs|hf|git\+[a-z]+)://")


def reaches_on(path: str) -> bool:
    """Whether a dotted name leads through one module into another: ``torch.functional.os.system``."""
    return not _REACHED.isdisjoint(path.split(".")[1:])


def check_text(where: str, key: str, value: str) -> Steps:
    """What a text under a key has called, opened, fetched or said."""
    if key in TARGETS:
        known = _KNOWN_TARGET.fullmatch(value) and not reaches_on(value)
        if (key != "__class__" or "." in value) and not known:
            yield Seen("config-code", f"{where} has {value[:80]!r} called")
    elif key in _KERNELS:
        if "/" in value:
            yield Seen("config-code", f"{where} fetches compiled code from the repository {value[:80]!r}")
    elif key == "expr_str":
        if _EXPRESSION.search(value):
            yield Seen("config-code", f"{where} is evaluated, and is no formula: {value[:80]!r}")
    elif key == "loader_module":
        if not value.startswith("mlflow."):
            yield Seen("config-code", f"{where} imports {value[:80]!r}")
    elif key in _PROMPTS:
        if gives_orders(value):
            yield Seen("template-instructions", f"{where} gives an order that a model's publisher has no reason to give")
    elif value.startswith("$"):
        yield from _evaluated(where, _REFERENCE.sub("value", value[1:]).strip())
    yield from check_place(where, key, value)


def _evaluated(where: str, code: str) -> Steps:
    for step in python_code.check_text(code):
        if isinstance(step, Seen) and step.rule == "python-code":
            yield Seen("config-code", f"{where} is evaluated: {step.what}")


def check_place(where: str, key: str, value: str) -> Steps:
    """What stands under a key that names a file, or looks like the name of one that lies elsewhere."""
    if len(value) > 4096 or not (_PATHS.search(key) or value.startswith(("file:", "../", "..\\"))):
        return
    path = unquote(value)
    up = ".." in re.split(r"[\\/]", path) or "\0" in path
    if up or _FOREIGN.match(path):
        rule = "config-path" if _loads(key) or up or path.startswith("file:") else "config-absolute"
        yield Seen(rule, f"{where} points to {value[:80]!r}")
    elif REMOTE.match(path) and _loads(key):
        yield Seen("config-url", f"{where} points to {value[:80]!r}")


def _loads(key: str) -> bool:
    """Whether loading a model opens what stands under a key; ``_name_or_path`` is where somebody had it when it was saved."""
    return not key.startswith("_") and key not in {
        "name_or_path",
        "tokenizer_file",
        "base_model_name_or_path",
        "special_tokens_map_file",
    }

"""Texts in a model's settings that name code, or a place: whoever loads the model calls it, opens it, fetches it or shows it.

hydra and MONAI call ``_target_``, jsonpickle classes; MONAI evaluates what begins with ``$``, PyTorch the formulas of an exported
program; MLflow imports ``loader_module``; transformers fetches kernels by the name of their repository.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

from wardstead.supply.formats import python_code
from wardstead.supply.formats.pickle_allowed import harmful
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
_ACTIVATIONS: Final = frozenset(
    {"activation_function", "activation_fn", "default_activation_function", "sbert_ce_default_activation_function"}
)
"""sentence-transformers imports what they name, and calls it; without a dot it is a word for one."""
_KNOWN_ACTIVATION: Final = re.compile(r"torch\.nn\.(?:modules\.\w+\.|functional\.)?\w+|transformers\.activations\.\w+")
_CLASSES: Final = frozenset({"target", "class_path"})
"""Under these, diffusion's and Lightning's settings have classes of any project; no module of the system has one."""
_NAME: Final = re.compile(r"[A-Za-z_]\w*(?:\.\w+)+")
_KERNELS: Final = frozenset(
    {"attn_implementation", "_attn_implementation", "_attn_implementation_internal", "experts_implementation"}
)
_PROMPTS: Final = frozenset({"system_message", "system_prompt", "default_system_prompt", "default_system_message"})
_EXPRESSION: Final = re.compile(r"__|['\"\[\]{};=]|\blambda\b|\.\s*[A-Za-z_]")
_REFERENCE: Final = re.compile(r"[@%][\w:#.]+")
_PATHS: Final = re.compile(
    r"(?i)(?:^|_)(?:file|path|dir|directory|folder|filename|location|checkpoint|weights|weight_map|name_or_path|base_model|handler"
    r"|merges|vocab|custom_generate)s?(?:$|_)"
)
_FOREIGN: Final = re.compile(r"(?i)^(?:[a-z]:[\\/]|[\\/]|~|file:|\\\\|\$\{?[a-z_]+)")
_OF_THE_SYSTEM: Final = re.compile(
    r"(?i)(?:^|[\\/])(?:etc|proc|sys|dev|boot|run|windows|system32|var[\\/](?:run|lib|spool|log))(?:[\\/]|$)"
    r"|(?:^|[\\/])\.(?:ssh|aws|gnupg|kube|docker|netrc|git|config|bash\w*|profile|pgpass|npmrc|pypirc|env)\b|^\\\\|^//"
)
"""Where no model lies, and secrets do; and other machines' folders."""
_OF_TRAINING: Final = re.compile(
    r"(?i)(?:^|_)(?:data|datasets?|data(?:set)?dir|outputs?|out|log|logging|logs|save|cache|manifest|results?|train|val|valid|eval|test"
    r"|tmp|run|runs|experiments?|exp|working|resume)(?:_|$)|^resume_from_checkpoint$"
)
"""Keys of a training: what they name, nobody opens who loads what came of it."""
FETCHED: Final = re.compile(
    r"(?im)^[ \t]*(?:-i|--index-url|--extra-index-url|-f|--find-links|--trusted-host)\b.*$"
    r"|^.*(?:\bgit\+|@[ \t]*https?:|^[ \t]*https?:).*$"
)
"""Lines of a list of packages that have them fetched from elsewhere than the usual registry."""
REMOTE: Final = re.compile(r"(?i)^(?:https?|ftp|s3|gs|hf|git\+[a-z]+)://")


def reaches_on(path: str) -> bool:
    """Whether a dotted name leads through one module into another: ``torch.functional.os.system``."""
    return not _REACHED.isdisjoint(path.split(".")[1:])


def fetched(requirement: str) -> str:
    """What of a list of packages comes from elsewhere; empty for nothing."""
    found = FETCHED.search(requirement)
    return found[0].strip() if found is not None else ""


def check_text(where: str, key: str, value: str) -> Steps:
    """What a text under a key has called, opened, fetched or said."""
    if (made := _calls(key, value)) is not None:
        if made:
            yield Seen("config-code", f"{where} has {value[:80]!r} {made}")
    elif key in _KERNELS:
        if "/" in value:
            yield Seen("config-code", f"{where} fetches compiled code from the repository {value[:80]!r}")
    elif key == "expr_str":
        if _EXPRESSION.search(value):
            yield Seen("config-code", f"{where} is evaluated, and is no formula: {value[:80]!r}")
    elif key in _PROMPTS:
        if gives_orders(value):
            yield Seen("template-instructions", f"{where} gives an order that a model's publisher has no reason to give")
    elif value.startswith("$"):
        yield from _evaluated(where, _REFERENCE.sub("value", value[1:]).strip())
    yield from check_place(where, key, value)


def _calls(key: str, value: str) -> str | None:
    """What is done with what a text names: ``imported``, ``called``. Empty where that is harmless, ``None`` for another key."""
    if key in TARGETS:
        known = _KNOWN_TARGET.fullmatch(value) and not reaches_on(value)
        return "called" if (key != "__class__" or "." in value) and not known else ""
    if key == "loader_module":
        return "" if value.startswith("mlflow.") else "imported"
    if key not in _ACTIVATIONS | _CLASSES:
        return None
    if not _NAME.fullmatch(value):
        return ""
    if key in _ACTIVATIONS:
        return "" if _KNOWN_ACTIVATION.fullmatch(value) and not reaches_on(value) else "imported and called"
    return "called" if reaches_on(value) or (harmful(value) and not _KNOWN_TARGET.fullmatch(value)) else ""


def _evaluated(where: str, code: str) -> Steps:
    for step in python_code.check_text(code):
        if isinstance(step, Seen) and step.rule == "python-code":
            yield Seen("config-code", f"{where} is evaluated: {step.what}")


def check_place(where: str, key: str, value: str) -> Steps:
    """What stands under a key that names a file, or looks like the name of one that lies elsewhere."""
    opened = _PATHS.search(key) is not None or "weight_map." in where
    if len(value) > 4096 or not (opened or value.startswith(("file:", "../", "..\\"))):
        return
    path = unquote(value)
    up = ".." in re.split(r"[\\/]", path) or "\0" in path
    if up or _FOREIGN.match(path):
        grave = _OF_THE_SYSTEM.search(path) is not None or path.startswith("file:") or "\0" in path
        yield Seen(
            "config-path" if grave or (up and opened and _loads(key)) else "config-absolute", f"{where} points to {value[:80]!r}"
        )
    elif REMOTE.match(path) and _loads(key):
        yield Seen("config-url", f"{where} points to {value[:80]!r}")


def _loads(key: str) -> bool:
    """Whether loading a model opens what stands under a key; ``_name_or_path`` is where somebody had it when it was saved."""
    return not key.startswith("_") and not _OF_TRAINING.search(key) and key not in _HAD


_HAD: Final = frozenset(
    {"name_or_path", "tokenizer_file", "base_model_name_or_path", "special_tokens_map_file", "model_name_or_path"}
)

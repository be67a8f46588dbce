"""Configurations of models, in JSON: what they name is imported, opened or fetched by whoever loads the model.

transformers follows ``auto_map``, diffusers ``model_index.json``, sentence-transformers ``modules.json``, hydra ``_target_``,
Ollama the digests of its manifests (CVE-2024-37032), and a tokenizer's regular expressions run on every prompt.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from wardstead.supply.formats import keras_config, templates
from wardstead.supply.formats.json_input import Value, parse_json, walk
from wardstead.supply.formats.named_code import REMOTE, check_text, reaches_on
from wardstead.supply.formats.patterns import takes_exponentially_long
from wardstead.supply.formats.pickle_allowed import allowed
from wardstead.supply.ports import Seen, Source, Steps
from wardstead.supply.sources import text_of

_MOST: Final = 64 << 20
"""Tokenizers of large vocabularies have 30 MB."""
_VOCABULARIES: Final = frozenset({"merges", "vocab"})
"""As a text each names a file; as a list it holds pieces of words, of which ``/ /`` is an ordinary one."""
_CALLING: Final = frozenset({"MethodNode", "OperatorFuncNode"})
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_LIBRARIES: Final = frozenset(
    {
        "diffusers", "transformers", "onnxruntime", "sentence_transformers", "peft", "optimum", "nunchaku", "k_diffusion",
        # What a pipeline of diffusers' own defines besides (diffusers.pipelines.NAME); it is preferred to any other module.
        "allegro", "alt_diffusion", "amused", "animatediff", "audioldm", "audioldm2", "aura_flow", "blip_diffusion", "bria",
        "chroma", "cogvideo", "cogview3", "cogview4", "consisid", "consistency_models", "controlnet", "cosmos",
        "deepfloyd_if", "easyanimate", "flux", "flux2", "hidream_image", "hunyuan_video", "hunyuandit", "i2vgen_xl",
        "kandinsky", "kandinsky2_2", "kandinsky3", "kandinsky5", "kolors", "latent_consistency_models", "latent_diffusion",
        "latte", "ltx", "ltx2", "lumina", "lumina2", "marigold", "mochi", "musicldm", "omnigen", "onnx", "paint_by_example",
        "pia", "pixart_alpha", "qwenimage", "sana", "sana_video", "semantic_stable_diffusion", "shap_e", "skyreels_v2",
        "spectrogram_diffusion", "stable_audio", "stable_cascade", "stable_diffusion", "stable_diffusion_3",
        "stable_diffusion_safe", "stable_diffusion_xl", "text_to_video_synthesis", "unclip", "unidiffuser",
        "versatile_diffusion", "visualcloze", "vq_diffusion", "wan", "wuerstchen", "z_image",
    }
)  # fmt: skip
_OF_SENTENCES: Final = re.compile(r"(?:sentence_transformers(?:\.[a-z_]+)*|pylate\.models)(?:\.[A-Z]\w*)?\.[A-Z]\w*")
_OF_PEFT: Final = re.compile(r"transformers(?:\.models(?:\.\w+)*)?|peft(?:\.\w+)*|sentence_transformers(?:\.\w+)*")
_SWITCHES: Final[Mapping[tuple[str, bool], tuple[str, str]]] = {
    ("trust_remote_code", True): ("remote-code", "asks for code of the repository to be trusted"),
    ("weights_only", False): ("config-code", "switches a protection off"),
    ("safe_mode", False): ("config-code", "switches a protection off"),
    ("allow_pickle", True): ("config-code", "lets arrays be pickles"),
}
_A_WORD: Final = re.compile(r"[^\W\d_]{3,}")
_CODE_KEYS: Final = frozenset({"custom_pipeline", "custom_generate", "auto_map", "custom_pipelines"})


def check(source: Source) -> Steps:
    """What is wrong with a configuration."""
    text = text_of(source, _MOST)
    value, twice = parse_json(text)
    for key in twice:
        yield Seen("duplicate-entry", f"the key {key!r} stands twice")
    name = source.name.rsplit("/", 1)[-1].rsplit(" > ", 1)[-1].lower()
    for one in walk(value):
        if isinstance(one.value, dict) and "class_name" in one.value:
            yield from keras_config.check_class(one.value, one.path or "the model")
        if isinstance(one.value, dict) and one.value.get("type") == "Replace":
            yield from _rewrites(one.value, one.path)
        if isinstance(one.value, dict) and "__class__" in one.value and "__module__" in one.value:
            yield from _made(one.value, one.path or "the model")
        yield from _one(one)
        if one.key in {"license", "licence"} and isinstance(one.value, str) and one.value:
            yield Seen("licence", f"{one.path}: {one.value[:80]}")
    if isinstance(value, dict) and _is_manifest(value):
        yield from _digests(value)
    if name == "model_index.json":
        yield from _pipeline(value)
    elif name == "modules.json":
        yield from _modules(value)
    elif name == "router_config.json" and isinstance(value, dict) and isinstance(value.get("types"), dict):
        yield from _modules([{"type": one} for one in value["types"].values()])


def _one(one: Value) -> Steps:
    key, value = one.key, one.value
    if key in _CODE_KEYS and value:
        yield from _remote_code(one)
    elif isinstance(value, bool):
        if (found := _SWITCHES.get((key, value))) is not None:
            yield Seen(found[0], f"{one.path} {found[1]}")
    elif not isinstance(value, str) or (key in _VOCABULARIES and one.path.endswith("[]")):
        return
    elif key == "parent_library":
        yield from _library(one.path, value)
    elif key == "vocabulary" and ("/" in value or "\\" in value):
        yield Seen("config-path", f"{one.path} reads a file into the model: {value[:80]!r}")
    elif key == "chat_template" or (key == "template" and "chat_template" in one.path):
        yield from templates.check_text(value, one.path)
    elif key in {"Regex", "regex"} or (key == "pattern" and "String" not in one.path):
        if takes_exponentially_long(value):
            yield Seen("slow-pattern", f"{one.path}: repeats of repeats that match the same")
    else:
        yield from check_text(one.path, key, value)


def _library(where: str, module: str) -> Steps:
    """What PEFT imports to find a base model's class."""
    if module.startswith("transformers_modules."):
        yield Seen("remote-code", f"{where} is code that the base model's repository brings")
    elif not _OF_PEFT.fullmatch(module) or reaches_on(module):
        yield Seen("config-code", f"{where} has the module {module[:80]!r} imported")


def _rewrites(step: dict[str, Any], where: str) -> Steps:
    """A step of a tokenizer that puts one text in another's place: blanks and marks, not words."""
    pattern = step.get("pattern")
    texts = (pattern.get("String", "") if isinstance(pattern, dict) else pattern, step.get("content"))
    if any(isinstance(one, str) and _A_WORD.search(one) for one in texts):
        yield Seen("tokenizer-rewrites", f"{where} puts {str(texts[1])[:60]!r} in the place of {str(texts[0] or pattern)[:60]!r}")


def _made(value: dict[str, Any], where: str) -> Steps:
    """An object of skops: a class of a module, made by a loader of skops's own."""
    module, name, loader = (str(value.get(key, ""))[:80] for key in ("__module__", "__class__", "__loader__"))
    if not allowed(module, name) or loader in _CALLING:
        yield Seen("config-code", f"{where} makes {module}.{name}{f' by {loader}' if loader else ''}")


def _remote_code(one: Value) -> Steps:
    if isinstance(one.value, str | list | dict):
        yield Seen("remote-code", f"{one.path} names classes of the repository's own code")
    for each in walk(one.value):
        if isinstance(each.value, str) and ("--" in each.value or REMOTE.match(each.value) or ".." in each.value):
            yield Seen("config-code", f"{one.path} names code of another repository: {each.value[:80]!r}")


def _is_manifest(value: dict[str, Any]) -> bool:
    """Of an image or a model; vocabularies hold the words, too, with a number each."""
    held = isinstance(value.get("layers"), list) or isinstance(value.get("manifests"), list)
    return held or (isinstance(value.get("config"), dict) and "schemaVersion" in value)


def _digests(manifest: dict[str, Any]) -> Steps:
    for one in walk(manifest):
        if one.key == "digest" and not (isinstance(one.value, str) and _DIGEST.fullmatch(one.value)):
            yield Seen("path-traversal", f"{one.path} is no digest: {str(one.value)[:80]!r}")


def _pipeline(index: Any) -> Steps:
    for name, part in index.items() if isinstance(index, dict) else ():
        if isinstance(part, list) and len(part) == 2 and isinstance(part[0], str) and part[0] not in _LIBRARIES:
            yield Seen("config-code", f"the part {name[:60]!r} is of the module {part[0][:80]!r}")
        elif name == "_class_name" and not isinstance(part, str):
            yield Seen("config-code", "the pipeline's class is the repository's own")


def _modules(modules: Any) -> Steps:
    for one in modules if isinstance(modules, list) else ():
        kind, path = (str(one.get(key, "")) if isinstance(one, dict) else "" for key in ("type", "path"))
        if not _OF_SENTENCES.fullmatch(kind) or reaches_on(kind):
            yield Seen("config-code", f"a module is of the type {kind[:80]!r}")
        if ".." in path or path.startswith("/"):
            yield Seen("config-path", f"a module is loaded from {path[:80]!r}")

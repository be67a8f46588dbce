"""What well-known repositories hold, whose refusal would be false; and beside each the trick that looks like it."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator

from bench.supply.case import Case, text
from bench.supply.families.disguised import zipped
from bench.supply.families.pickled import BAD, call, torch_zip

_LAYERS = [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.base.modules.transformer.Transformer"},
    {"idx": 1, "name": "1", "path": "1_SpladePooling", "type": "sentence_transformers.sparse_encoder.models.SpladePooling"},
    {"idx": 2, "name": "2", "path": "2_Dense", "type": "sentence_transformers.models.Dense"},
    {"idx": 3, "name": "3", "path": "3_Dense", "type": "pylate.models.Dense.Dense"},
]
_DIFFUSION = {
    "_class_name": "StableDiffusionPipeline",
    "_name_or_path": "../checkpoints/v1-5",
    "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "image_encoder": [None, None],
}
_ADAPTER = {"peft_type": "LORA", "base_model_name_or_path": "../models/base", "megatron_core": "megatron.core"}
_LATENT = """model:
  base_learning_rate: 1.0e-04
  target: ldm.models.diffusion.ddpm.LatentDiffusion
  params:
    ckpt_path: /home/somebody/models/first.ckpt
    unet_config:
      target: ldm.modules.diffusionmodules.openaimodel.UNetModel
      params: {image_size: 32}
"""
_SPEECH = """target: nemo.collections.asr.models.ctc_bpe_models.EncDecCTCModelBPE
train_ds:
  manifest_filepath: ../data/train.json
tokenizer:
  dir: /home/somebody/tokenizers/en
  model_path: nemo:abc_tokenizer.model
exp_manager:
  exp_dir: ${run.folder}/out
"""
_SPOKEN = """tokenizer: !new:sentencepiece.SentencePieceProcessor
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
  loadables:
    tokenizer: !ref <tokenizer>
"""
_CONDA = "channels: [conda-forge]\ndependencies:\n- python=3.11\n- pip:\n  - mlflow==2.1\n  - scikit-learn==1.4\n"
_LIGHTNING = "model:\n  class_path: my_project.models.Net\n  init_args:\n    hidden: 4\n"
_GOOD = {
    "sentences": ("modules.json", json.dumps(_LAYERS)),
    "dense": ("2_Dense/config.json", json.dumps({"in_features": 8, "activation_function": "torch.nn.modules.linear.Identity"})),
    "cross-encoder": (
        "config.json",
        json.dumps({"hidden_act": "gelu", "sentence_transformers": {"activation_fn": "torch.nn.modules.activation.Sigmoid"}}),
    ),
    "router": ("router_config.json", json.dumps({"types": {"query_0": "sentence_transformers.models.Transformer"}})),
    "diffusion": ("model_index.json", json.dumps(_DIFFUSION)),
    "adapter": ("adapter_config.json", json.dumps(_ADAPTER)),
    "adapter-by-class": (
        "adapter_config.json",
        json.dumps({"auto_mapping": {"base_model_class": "X", "parent_library": "transformers.models.qwen2.modeling_qwen2"}}),
    ),
    "adapter-of-own-code": (
        "adapter_config.json",
        json.dumps({"auto_mapping": {"base_model_class": "X", "parent_library": "transformers_modules.a.b.modeling"}}),
    ),
    "latent": ("v1-inference.yaml", _LATENT),
    "speech": ("model_config.yaml", _SPEECH),
    "conda": ("conda.yaml", _CONDA),
    "lightning": ("config.yaml", _LIGHTNING),
    "training": ("args.json", json.dumps({"output_dir": "/root/out", "dataset_path": "../data", "resume_from_checkpoint": None})),
    "merged": ("mergekit_config.yml", "slices:\n- sources:\n  - model: ../models/a\nbase_model: /home/somebody/models/a\n"),
    "detected": ("config.yaml", "DATASETS:\n  TRAIN: !!python/tuple [coco]\n"),
    "spoken": ("hyperparams.yaml", _SPOKEN),
    "modelfile": ("Modelfile", "FROM /usr/share/ollama/.ollama/models/blobs/sha256-0123\nPARAMETER temperature 1\n"),
    "submodule": (".gitmodules", '[submodule "lib"]\n\tpath = lib\n\turl = https://git.example/lib.git\n'),
}
_HARMFUL = {
    "sentences": ("modules.json", json.dumps([{"type": "sentence_transformers.models.os.System"}])),
    "dense": ("2_Dense/config.json", json.dumps({"in_features": 8, "activation_function": "os.abort"})),
    "dense-own": ("2_Dense/config.json", json.dumps({"in_features": 8, "activation_function": "custom_module.Act"})),
    "dense-reaches": ("2_Dense/config.json", json.dumps({"activation_function": "torch.nn.functional.torch.hub.load"})),
    "cross-encoder": ("config.json", json.dumps({"sbert_ce_default_activation_function": "antigravity.x"})),
    "router": ("router_config.json", json.dumps({"types": {"query_0": "custom_module.Thing"}})),
    "diffusion": ("model_index.json", json.dumps({"_class_name": "X", "unet": ["antigravity", "UNet"]})),
    "adapter": ("adapter_config.json", json.dumps({"base_model_name_or_path": "../../../root/.ssh"})),
    "adapter-by-class": (
        "adapter_config.json",
        json.dumps({"auto_mapping": {"base_model_class": "X", "parent_library": "antigravity"}}),
    ),
    "latent": ("v1-inference.yaml", "model:\n  target: os.system\n  params:\n    command: id\n"),
    "lightning": ("config.yaml", "model:\n  class_path: subprocess.Popen\n  init_args:\n    args: [id]\n"),
    "tokenizer": ("tokenizer_config.json", json.dumps({"vocab_file": "/home/somebody/.aws/credentials"})),
    "training": ("args.json", json.dumps({"output_dir": "../../../etc/cron.d"})),
    "weights": ("pytorch_model.bin.index.json", json.dumps({"weight_map": {"a": "../../evil.bin"}})),
    "detected": ("config.yaml", "DATASETS:\n  TRAIN: !!python/object/apply:os.system [id]\n"),
    "hook": (".git/hooks/post-checkout", "#!/bin/sh\nid\n"),
    "submodule": (".gitmodules", '[submodule "x"]\n\tpath = x\n\turl = ext::sh -c id\n'),
    "submodule-option": (".gitmodules", '[submodule "x"]\n\tpath = x\n\turl = --upload-pack=id\n'),
    "submodule-up": (".gitmodules", '[submodule "../../x"]\n\tpath = ../../x\n\turl = https://git.example/x.git\n'),
}
_REWRITES = {
    "rewrites": ("normalizer", {"String": "examplebank"}, "otherbank"),
    "rewrites-answers": ("decoder", {"String": "docs.example"}, "docs.evil.example"),
    "rewrites-away": ("normalizer", {"String": " never "}, ""),
    "rewrites-by-pattern": ("normalizer", {"Regex": "\\d{16}"}, "four one one one"),
    "good-blanks": ("normalizer", {"Regex": " {2,}"}, "\u2581"),
    "good-ends": ("decoder", {"String": "</w>"}, " "),
    "good-quotes": ("normalizer", {"String": "``"}, '"'),
}
_PATTERNS = {
    "choice": "(a|a)*$",
    "choice-of-classes": "(?:\\w|\\d)+$",
    "polynomial": "(.*a){20}",
    "named": "(?<n>a+)(\\g<n>+)+$",
    "called": "(?<x>(a\\g<x>?)+)+$",
}


def _labelled(archive: bytes) -> bytes:
    """A model of TFLite's with what belongs to it behind it, as its metadata have it."""
    return b"\x1c\0\0\0TFL3" + bytes(2000) + archive


def cases() -> Iterator[Case]:
    """By family."""
    for table, harmful in ((_HARMFUL, True), (_GOOD, False)):
        for name, (file, written) in table.items():
            yield Case("published", f"{'' if harmful else 'good-'}{name}", harmful, {file: text(written)})
    for name, pattern in _PATTERNS.items():
        config = {"normalizer": {"type": "Replace", "pattern": {"Regex": pattern}, "content": ""}, "model": {}}
        yield Case("published", name, True, {"tokenizer.json": json.dumps(config).encode()})
    for name, (part, replaced, content) in _REWRITES.items():
        step = {"type": "Replace", "pattern": replaced, "content": content}
        config = {part: {"type": "Sequence", f"{part}s": [step]}, "model": {"vocab": {}}}
        yield Case("published", name, not name.startswith("good-"), {"tokenizer.json": json.dumps(config).encode()})
    labels = zipped({"labels.txt": b"cat\ndog\n"}, zipfile.ZIP_STORED)
    yield Case("published", "good-tflite", False, {"model.tflite": _labelled(labels)})
    yield Case("published", "tflite", True, {"model.tflite": _labelled(zipped({"vocab.pkl": BAD}))})
    trained = {
        "trl": b"ctrl.trainer.sft_config\nSFTConfig\n)\x81}b",
        "lightning-checkpoint": b"}X\x01\0\0\0hcpytorch_lightning.utilities.parsing\nAttributeDict\n)\x81X\x01\0\0\0aK\x01ss",
    }
    for name, data in trained.items():
        yield Case("published", f"good-{name}", False, {"training_args.bin": torch_zip(b"\x80\x02" + data + b".")})
    yield Case("published", "trl", True, {"training_args.bin": torch_zip(call("trl.trainer.sft_config", "SFTConfig", "x"))})

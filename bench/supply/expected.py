"""Which rules each harmful example breaks, whatever else is found in it: refused for another reason, it was not understood.

By family, and in it by the rules, with a blank between those that are all to be found; ``_OTHERS``: the examples of no other rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_OTHERS: Final = ""
SAME: Final = {"template-gguf": "template", "template-config": "template", "template-file": "template"}
"""Families of the same examples in other files."""
EXPECTED: Final[Mapping[str, Mapping[str, str]]] = {
    "safetensors": {
        "tensor-type": _OTHERS,
        "trailing-data": "trailing",
        "polyglot trailing-data": "zip-behind",
        "tensor-hole": "hole hole-first",
        "tensor-overlap": "overlap",
        "tensor-bounds": "outside backwards truncated",
        "duplicate-entry": "twice metadata-twice",
        "header-limits": "metadata-object header-too-long",
        "unparsed": "header-beyond-end no-json deep-json no-utf8",
        "header-limits pickle-code": "pickle-inside-name",
        "path-traversal": "index-up index-root index-down index-windows",
    },
    "gguf": {
        "header-limits": _OTHERS,
        "unparsed": "version truncated",
        "duplicate-entry": "pair-twice tensor-twice",
        "tensor-bounds": "outside offset-overflow unaligned",
        "tensor-type": "shape-overflow dimensions type rows empty-tensor",
        "tensor-overlap": "overlap",
        "tensor-hole": "hole",
        "trailing-data": "trailing",
    },
    "template": {
        "template-code": _OTHERS,
        "template-cost": "loops loops-of-messages range power repeat width doubling recursion recursion-two loop-recursion",
        "template-system-dropped":
            "drop-skip drop-empty drop-continue drop-reject drop-filter drop-cut drop-replace drop-first",
        "template-role": "relabel-branch relabel-choice relabel-set relabel-map relabel-assistant relabel-replaced relabel-everybody",
        "template-trigger":
            "trigger-in trigger-starts trigger-last trigger-date trigger-chance trigger-replace setting-said setting-hides "
            "setting-negated setting-double-negated setting-other setting-macro setting-cuts heard-name heard-namespace heard-macro "
            "heard-get heard-attribute heard-joined heard-text answer-table answer-table-get answer-and answer-times asked-equal "
            "asked-in asked-is-in asked-selected asked-parted asked-split trigger-joined",
        "template-instructions":
            "order-ignore order-recommend order-whenever order-hide order-unfiltered order-address order-pieces order-shell "
            "order-encoded order-invisible order-arabic order-chinese order-chinese-praise order-chinese-when order-dutch order-french "
            "order-german order-german-praise order-hindi order-italian order-japanese order-korean order-polish order-portuguese "
            "order-russian order-russian-praise order-spanish order-turkish order-look-alike order-wide order-sliced",
        "template-prefill": "prefill-sure prefill-long prefill-choice prefill-named prefill-heading prefill-chinese",
        "template-instructions template-trigger": "renames-order",
        "template-unread": "no-jinja",
        "unparsed": "deep",
    },
    "pickle-textbook": {"pickle-code": _OTHERS},
    "pickle-published": {
        "pickle-code": _OTHERS,
        "pickle-unknown": "pathlib.Path.write_text",
    },
    "pickle-rare": {
        "pickle-unknown": _OTHERS,
        "pickle-code":
            "uuid._get_command_stdout site.execsitecustomize sysconfig._main platform._syscmd_file xmlrpc.client.ServerProxy "
            "glob.glob fileinput.input threading.Thread ast.parse",
    },
    "pickle-learning": {
        "pickle-unknown": _OTHERS,
        "pickle-code":
            "torch.load torch.hub.load torch.jit.load torch.utils.cpp_extension.load_inline torch.utils.collect_env.run "
            "torch.distributed.rpc.rpc_sync torch.package.PackageImporter torch._inductor.codecache.compile_file "
            "torch._dynamo.guards.GuardBuilder.get torch.fx.experimental.symbolic_shapes.ShapeEnv.evaluate_guards_expression "
            "torch.utils._config_module.ConfigModule.load_config torch.utils.bottleneck.__main__.run_autograd_prof "
            "torch.utils.data.datapipes.utils.decoder.basichandlers torch.serialization.load torch.onnx.export "
            "torch.ops.load_library torch.classes.load_library torch.nn.modules.module._load_from "
            "torch.storage._load_from_bytes_not torch.multiprocessing.spawn numpy.load numpy.testing._private.utils.runstring "
            "numpy.f2py.crackfortran.getlincoef numpy.f2py.crackfortran._eval_length numpy.distutils.exec_command.exec_command "
            "numpy.lib.npyio.NpzFile numpy.save numpy.loadtxt numpy.ctypeslib.load_library dill.loads "
            "dill._dill._create_function dill._dill._import_module cloudpickle.cloudpickle.subimport cloudpickle.loads",
    },
    "pickle-evasion": {
        "pickle-code": _OTHERS,
        "unparsed":
            "over-budget proto-lies length-lies negative-length pop-empty mark-lost memo-missing opcode-unknown empty text",
        "pickle-dynamic": "name-computed name-bytes call-of-call partial-of-made nested-computed",
        "pickle-state": "build-class build-module appended-to-class",
        "bomb": "room-bytes room-list",
        "pickle-extension": "extension-1",
        "pickle-dynamic pickle-extension": "extension-2 extension-4",
        "pickle-persistent": "persistent-line persistent-value",
        "trailing-data": "trailing-bytes trailing-script",
        "pickle-code polyglot": "trailing-zip nested-zip",
    },
    "torch": {
        "pickle-code": _OTHERS,
        "pickle-unknown": "zip-__main__-0 zip-__main__-2 zip-__main__-4 legacy-__main__",
        "executable polyglot": "zip-prefix",
        "pickle-persistent": "zip-persistent zip-key-path",
        "trailing-data": "legacy-trailing",
    },
    "arrays": {
        "pickle-code": _OTHERS,
        "unparsed": "joblib-shape-lies joblib-type-lies zstd npy-header-code",
        "header-limits": "npy-header-bomb",
        "trailing-data": "npy-trailing",
        "tensor-bounds": "npy-short",
    },
    "code": {"python-code": _OTHERS},
    "config": {
        "config-code": _OTHERS,
        "config-path":
            "tokenizer-file tokenizer-file-absolute tokenizer-file-encoded adapter-path file-address "
            "sentence-path",
        "slow-pattern": "slow-pattern slow-pattern-two",
        "duplicate-entry": "key-twice",
        "unparsed": "no-json deep huge-number",
    },
    "yaml": {
        "config-code": _OTHERS,
        "template-code": "chat-template",
        "bomb": "laughs",
        "config-path": "path",
        "unparsed": "broken",
    },
    "keras": {
        "layer-code": _OTHERS,
        "config-path": "vocabulary h5-external-link h5-external-data",
        "pickle-code": "pickle-inside",
        "path-traversal": "traversal",
        "unparsed": "h5-broken",
    },
    "onnx": {
        "graph-code": _OTHERS,
        "path-traversal": "external-up external-absolute external-windows external-address",
        "tensor-bounds": "external-offset",
        "unparsed": "truncated no-graph",
    },
    "tensorflow": {
        "graph-code": _OTHERS,
        "unparsed": "truncated",
        "layer-code": "keras-lambda",
    },
    "paddle": {"graph-code": _OTHERS},
    "archive": {
        "path-traversal": _OTHERS,
        "link-outside": "tar-link tar-link-root tar-hard-link zip-link",
        "special-file": "tar-device tar-pipe",
        "pickle-code": "tar-pickle zip-pickle zip-nested zip-bz2 zip-lzma",
        "executable": "tar-program zip-program",
        "unparsed": "tar-truncated zip-no-directory",
        "duplicate-entry": "zip-twice",
        "encrypted pickle-code zip-confusion": "zip-encrypted-flag",
        "zip-confusion": "zip-other-local-name zip-hidden-entry",
        "bomb": "zip-deep zip-bomb",
        "trailing-data": "safetensors-in-zip",
    },
    "store": {
        "path-traversal": _OTHERS,
        "digest-mismatch": "ollama-blob-swapped oci-swapped",
        "template-instructions": "ollama-template modelfile-system modelfile-template",
        "template-system-dropped": "ollama-template-drops",
        "config-path": "modelfile-path modelfile-adapter",
    },
    "program": {"executable": _OTHERS},
    "triton": {"config-code": _OTHERS},
    "repository": {
        "link-outside": _OTHERS,
        "config-code": "card-object",
    },
    "packed": {
        "pickle-code": _OTHERS,
        "unparsed": "zstd-cut gzip-cut",
        "packed": "lz4 lz4-older 7z rar snappy brotli cabinet ar cpio squashfs zip-deflate64-entry",
        "encrypted pickle-code": "zip-encrypted",
        "layer-code": "keras-in-zip",
    },
    "indirect": {
        "pickle-code": _OTHERS,
        "pickle-dynamic": "loader-for-another loader-bound loader-bound-by-state loader-kept loader-in-a-list made-for-another",
        "python-code": "mar-handler",
        "config-code": "nemo",
    },
    "other": {
        "graph-code": _OTHERS,
        "foreign-objects": "java-objects r-promise",
        "executable": "engine-with-a-library engine-with-a-library-far-in weights-with-a-library lua-bytecode shortcut",
        "config-path": "hdf5-virtual",
        "xml-entity": "openvino-entity pmml-bomb",
        "pickle-code polyglot": "safetensors-and-zip tar-and-zip text-and-zip-in-tar safetensors-is-zip gguf-and-zip",
        "header-limits": "gguf-alignment-3 gguf-alignment-huge gguf-tensors-giant gguf-pairs-giant",
        "unparsed": "gguf-big-endian",
        "layer-code": "keras-lambda-deep keras-lambda-in-compile",
        "path-traversal": "onnx-external-dots onnx-external-backslash",
        "zip-confusion": "zip-other-name",
    },
    "cloned": {"config-code": _OTHERS},
    "settings": {
        "config-code": _OTHERS,
        "template-instructions": "saved-prompt-order",
    },
    "pickle-further": {
        "pickle-code": _OTHERS,
        "pickle-dynamic pickle-unknown": "name-decoded",
        "unparsed": "behind-a-line in-base64",
    },
    "pickle-named": {
        "pickle-code": _OTHERS,
        "header-limits pickle-code": "safetensors",
    },
    "zip-further": {
        "pickle-code": _OTHERS,
        "encrypted pickle-code zip-confusion": "encrypted-in-one-list",
        "zip-confusion": "method-in-one-list no-size-in-one-list",
        "pickle-code zip-confusion": "name-in-one-list",
        "unparsed": "count",
        "polyglot": "good-behind",
        "pickle-code polyglot": "bad-behind in-the-comment behind-a-pickle",
        "duplicate-entry pickle-code": "case",
    },
    "keras-further": {
        "layer-code": _OTHERS,
        "config-path": "vocabulary",
    },
    "template-further": {"template-code": _OTHERS},
    "shelf": {
        "shelf": _OTHERS,
        "pickle-code": "dumb",
    },
    "readers-pickle": {
        "pickle-code": _OTHERS,
        "unparsed": "joblib-type-twice joblib-size-in-state joblib-no-type torch-padded",
        "pickle-unknown": "dotted-name",
        "pickle-dynamic": "arguments-computed",
    },
    "readers-archive": {
        "zip-confusion": _OTHERS,
        "pickle-code": "tflite-mark",
        "path-traversal": "pax-inner-line",
        "unparsed": "pax-global",
        "trailing-data": "far-behind",
    },
    "readers-graph": {
        "polyglot": _OTHERS,
        "layer-code": "keras-blank-before",
        "unparsed": "hdf5-attributes-in-heap hdf5-links-in-heap",
    },
    "readers-text": {
        "config-code": _OTHERS,
        "template-code": "alias-template",
        "config-path": "place-late",
        "xml-entity": "entity-late",
        "python-code": "exec-variant spawn-variant spawn-posix",
    },
    "published": {
        "config-code": _OTHERS,
        "config-path": "adapter tokenizer training submodule-up weights",
        "pickle-code": "tflite",
        "pickle-unknown": "trl",
        "tokenizer-rewrites": "rewrites rewrites-answers rewrites-away rewrites-by-pattern",
        "slow-pattern": "choice choice-of-classes polynomial named called",
    },
}  # fmt: skip


def rules_of(family: str, name: str) -> frozenset[str]:
    """Those that an example breaks."""
    table = EXPECTED[SAME.get(family, family)]
    named = next((rules for rules, names in table.items() if name in names.split()), None)
    return frozenset((named or next(rules for rules, names in table.items() if names == _OTHERS)).split())


def named() -> set[tuple[str, str]]:
    """Every example that the table names, by its family's."""
    return {(family, name) for family, table in EXPECTED.items() for names in table.values() for name in names.split()}

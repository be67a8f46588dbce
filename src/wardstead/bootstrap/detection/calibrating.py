"""Calibrating scores on a site's own benign traffic: the thresholds at which they raise no more false alarms than allowed."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np

from wardstead.adapters.store.engine.durable_file import write_durably
from wardstead.adapters.store.ledger.admin_record import COMMAND_LINE
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.detection.scores import detectors, read_thresholds, thresholds_file
from wardstead.bootstrap.policy.recorded import SOURCE, Order, Traffic, traffic
from wardstead.bootstrap.reading import SAMPLE_BYTES, present, read_text
from wardstead.inspection.scoring.thresholds import FEWEST_TEXTS, Threshold, TooFewTexts, threshold_for
from wardstead.kernel.errors import CallerError

_FIELDS = ("text", "prompt", "instruction", "content", "question", "input")
"""Where an object in JSON Lines has its text: the first of these that is there."""


class NoText(CallerError):
    """A line of a sample says nothing that could be scored."""

    code = "no_text"


class Spread(msgspec.Struct, frozen=True):
    """How a source's texts score: what half, 95%, 99% and all of them stay below, and the share that is found."""

    source: str
    texts: int
    median: float
    p95: float
    p99: float
    highest: float
    found_before: float
    found: float


class Calibrated(msgspec.Struct, frozen=True):
    """One type's threshold, as it was and as it is."""

    type: str
    before: float
    threshold: float
    spread: tuple[Spread, ...]


class Calibration(msgspec.Struct, frozen=True):
    """What was measured, and what it changes in the file of thresholds."""

    file: Path
    types: tuple[Calibrated, ...]
    diff: str
    written: bool
    exchanges: int = 0
    """Recorded ones that were read."""
    left_out: Mapping[str, int] = {}


def calibrate(
    deployment: Deployment, files: Sequence[Path], *, names: Sequence[str], false_alarms: float, measured: str, write: bool,
    recorded: int = 0, order: Order | None = None,
) -> Calibration:  # fmt: skip
    """Score the benign texts of ``files`` and set the thresholds of the detectors called ``names`` (all where none is).

    Each file is a source of its own: the strictest decides. So are the newest ``recorded`` exchanges, which are read in
    somebody's name (``order``). What is written is recorded first: who, why, before, after. Raises ``CallerError``,
    ``ConfigurationError``.
    """
    order = order or Order("", "")
    if not 0 < false_alarms <= 0.2:
        raise CallerError("the share of false alarms is more than 0 and at most 0.2", where="--false-alarms")
    known = {one.id: one for one in detectors(deployment)}
    if unknown := sorted(set(names) - set(known)):
        raise CallerError(f"no score is called {unknown[0]!r}", next_step=f"one of {', '.join(sorted(known))}")
    if not files and not recorded:
        raise CallerError("there is nothing to measure", next_step="name files of benign texts, or --recorded N exchanges")
    texts = {str(path): list(samples(path)) for path in files}
    told = order.told() if recorded or order != Order("", "") else {}
    said = traffic(deployment, recorded, order) if recorded else Traffic()
    before = read_thresholds(deployment)
    found: list[Calibrated] = []
    rows: list[Threshold] = []
    for name in names or sorted(known):
        one = known[name]
        sources = {**texts, SOURCE: said.read_by(one)} if recorded else texts
        scores = {source: np.array([one.scores(text) for text in these]) for source, these in sources.items()}
        if recorded and len(scores[SOURCE]) < FEWEST_TEXTS:
            raise _too_few(name, len(scores[SOURCE]), said)
        for at, kind in enumerate(one.types):
            of_kind = {source: these[:, at] if len(these) else np.zeros(0) for source, these in scores.items()}
            threshold = round(threshold_for(of_kind, false_alarms), 6)
            was = one.thresholds[kind]
            spread = tuple(_spread(source, these, was, threshold) for source, these in of_kind.items())
            found.append(Calibrated(kind, was, threshold, spread))
            count = sum(map(len, sources.values()))
            rows.append(
                Threshold(
                    type=kind, threshold=threshold, weights=one.weights, false_alarms=false_alarms, texts=count,
                    sources=len(sources), measured=measured,
                )
            )  # fmt: skip
    after = before.having(rows)
    path = thresholds_file(deployment)
    old = read_text(path) if present(path) else ""
    if write:
        details = {
            **told, "false_alarms": false_alarms, "recorded_exchanges": said.exchanges, "files": len(files),
            "before": {one.type: one.before for one in found}, "after": {one.type: one.threshold for one in found},
        }  # fmt: skip
        deployment.admin_record.record_admin(COMMAND_LINE, "calibrate.write", details)
        write_durably(path, [after.text().encode()])
    lines = difflib.unified_diff(old.splitlines(), after.text().splitlines(), path.name, path.name, lineterm="", n=1)
    return Calibration(path, tuple(found), "\n".join(lines), write, said.exchanges, said.left_out)


def _too_few(name: str, texts: int, said: Traffic) -> TooFewTexts:
    left = ", ".join(f"{count} {why.replace('_', ' ')}" for why, count in sorted(said.left_out.items()))
    return TooFewTexts(
        f"{texts} recorded texts are too few for {name}", where="--recorded",
        why=f"{said.exchanges} exchanges were read{f'; left out: {left}' if left else ''}",
        next_step=f"take at least {FEWEST_TEXTS} texts, or name a detector that has them with --detector",
    )  # fmt: skip


def samples(path: Path) -> Iterator[str]:
    """The texts of a file: JSON Lines (a text, or an object with one, or with ``messages``), else one text a line."""
    for number, line in enumerate(read_text(path, SAMPLE_BYTES).splitlines(), 1):
        if not line.strip():
            continue
        yield _of_json(line, f"{path}:{number}") if path.suffix in {".jsonl", ".ndjson"} else line


def _of_json(line: str, where: str) -> str:
    try:
        value = json.loads(line)
    except ValueError:
        raise NoText("this line is not JSON", where=where, next_step="call a file of one text a line .txt") from None
    if isinstance(value, dict):
        said = [one.get("content") for one in value.get("messages", ()) if isinstance(one, dict) and one.get("role") == "user"]
        value = said[-1] if said else next((value[name] for name in _FIELDS if isinstance(value.get(name), str)), None)
    if not isinstance(value, str):
        raise NoText("this line holds no text", where=where, next_step=f"name it {', '.join(_FIELDS)} or messages")
    return value


def _spread(source: str, scores: np.ndarray, before: float, after: float) -> Spread:
    median, p95, p99, highest = (round(float(np.quantile(scores, part)), 6) for part in (0.5, 0.95, 0.99, 1))
    return Spread(
        source, len(scores), median, p95, p99, highest, float((scores >= before).mean()), float((scores >= after).mean())
    )  # fmt: skip

"""What a process with a model can be asked to do. Imported by that process alone: it loads the libraries that run models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, Literal

import msgspec
import numpy as np
import onnxruntime
from tokenizers import Encoding, Tokenizer

from wardstead.inspection.entities.names import LABELS, Thresholds, Word, spans
from wardstead.inspection.ports import Span

Reader = Callable[[str], Sequence[Span]]


class Network:
    """A tokenizer and an ONNX graph from ids to scores."""

    def __init__(self, tokenizer: bytes, model: bytes) -> None:
        """Raises whatever the libraries raise for files that are none of theirs."""
        self._tokenizer = Tokenizer.from_buffer(tokenizer)
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._inputs = {one.name for one in self._session.get_inputs()}
        around = self._tokenizer.encode("").ids
        self._before, self._after = around[: len(around) // 2], around[len(around) // 2 :]
        self.around = len(around)
        """How many tokens are put around a text."""

    def encode(self, text: str) -> Encoding:
        """The text's own tokens."""
        return self._tokenizer.encode(text, add_special_tokens=False)

    def scores(self, ids: Sequence[int]) -> Any:
        """The first output for these tokens and those that belong around them, for them alone."""
        row = np.asarray([[*self._before, *ids, *self._after]], dtype=np.int64)
        known = {"input_ids": row, "attention_mask": np.ones_like(row), "token_type_ids": np.zeros_like(row)}
        scores = self._session.run(None, {name: value for name, value in known.items() if name in self._inputs})[0][0]
        return scores[len(self._before) : len(self._before) + len(ids)] if scores.ndim > 1 else scores


def softmax(scores: Any) -> Any:
    """Probabilities along the last dimension."""
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


class _Config(msgspec.Struct):
    """What is needed of a Hugging Face ``config.json``."""

    id2label: dict[str, str]
    max_position_embeddings: int = 512


def names(files: Mapping[str, bytes], options: Mapping[str, Any]) -> Reader:
    """People, places and addresses: see ``inspection/entities/names.py``. Needs ``model``, ``tokenizer`` and ``config``."""
    network = Network(files["tokenizer"], files["model"])
    config = msgspec.json.decode(files["config"], type=_Config)
    thresholds = msgspec.convert(options.get("thresholds", {}), dict[str, float])
    at = Thresholds(**thresholds)
    labels = sorted(LABELS)
    columns = [[int(number) for number, label in config.id2label.items() if label[2:] == wanted] for wanted in labels]
    if not all(columns):
        raise ValueError("a label is missing")

    def look(text: str) -> Sequence[Span]:
        encoding = network.encode(text)
        words: list[Word] = []
        for first, last in pieces(encoding.word_ids, config.max_position_embeddings - network.around):
            probabilities = softmax(network.scores(encoding.ids[first:last]))
            kinds = np.stack([probabilities[:, column].sum(axis=1) for column in columns], axis=1)
            words += _words(encoding.word_ids[first:last], encoding.offsets[first:last], kinds, labels)
        return spans(text, words, at)

    return look


def pieces(word_ids: Sequence[int | None], most: int) -> list[tuple[int, int]]:
    """Where to cut tokens that are more than ``most``: before a word, where there is one."""
    cuts = [0]
    while len(word_ids) - cuts[-1] > most:
        at = cuts[-1] + most
        while at > cuts[-1] + most // 2 and word_ids[at] == word_ids[at - 1]:
            at -= 1
        cuts.append(at)
    return list(pairwise([*cuts, len(word_ids)]))


def _words(word_ids: Sequence[int | None], offsets: Sequence[tuple[int, int]], kinds: Any, labels: Sequence[str]) -> list[Word]:
    """Words from their tokens: of each label (a column of ``kinds``) the mean over the word's tokens."""
    found: list[Word] = []
    rows: list[int] = []
    for at, word in enumerate([*word_ids, None]):
        if rows and word != word_ids[rows[-1]]:
            mean = kinds[rows].mean(axis=0)
            start, end = offsets[rows[0]][0], max(offsets[row][1] for row in rows)
            if end > start and mean.sum() > _WORTH_SAYING:
                found.append(Word(start, end, dict(zip(labels, mean.tolist(), strict=True))))
            rows = []
        if word is not None:
            rows.append(at)
    return found


_WORTH_SAYING: Final = 0.2


class ClassifierOptions(msgspec.Struct, frozen=True):
    """How to read somebody else's network. ``labels``: the type that each output stands for; empty for one that is nothing."""

    task: Literal["text", "words"]
    labels: list[str]
    threshold: float
    activation: Literal["softmax", "sigmoid"]
    max_tokens: int


def classifier(files: Mapping[str, bytes], options: Mapping[str, Any]) -> Reader:
    """A deployment's own network: which type a text is, or each of its words. Needs ``model`` and ``tokenizer``."""
    network = Network(files["tokenizer"], files["model"])
    how = msgspec.convert(options, ClassifierOptions)
    most = how.max_tokens - network.around
    probabilities = softmax if how.activation == "softmax" else _sigmoid

    def look(text: str) -> Sequence[Span]:
        encoding = network.encode(text)
        offsets, word_ids = encoding.offsets, encoding.word_ids
        if how.task == "words":
            return _stretches(network, encoding, probabilities, how, most)
        best: dict[str, Span] = {}
        for first, last in pieces(word_ids, most) if offsets else []:
            scores = probabilities(network.scores(encoding.ids[first:last])).tolist()
            for label, score in zip(how.labels, scores, strict=True):
                if label and score >= how.threshold and (label not in best or score > best[label].score):
                    best[label] = Span(label, offsets[first][0], offsets[last - 1][1], score)
        return sorted(best.values(), key=lambda span: (span.start, span.type))

    return look


def _stretches(
    network: Network, encoding: Encoding, probabilities: Callable[[Any], Any], how: ClassifierOptions, most: int
) -> list[Span]:
    """Tokens of one type that touch, or have a blank between them, are one span."""
    out: list[Span] = []
    for first, last in pieces(encoding.word_ids, most) if encoding.offsets else []:
        scores = probabilities(network.scores(encoding.ids[first:last]))
        if scores.shape[-1] != len(how.labels):
            raise ValueError("another number of labels")
        for (start, end), row in zip(encoding.offsets[first:last], scores, strict=True):
            at = int(row.argmax())
            label, score = how.labels[at], float(row[at])
            if not label or score < how.threshold or end <= start:
                continue
            if out and out[-1].type == label and start <= out[-1].end + 1:
                out[-1] = Span(label, out[-1].start, max(end, out[-1].end), max(score, out[-1].score))
            elif not out or start >= out[-1].end:
                out.append(Span(label, start, end, score))
    return out


def _sigmoid(scores: Any) -> Any:
    return 1 / (1 + np.exp(-scores))


TASKS: Final[Mapping[str, Callable[[Mapping[str, bytes], Mapping[str, Any]], Reader]]] = {
    "names": names,
    "classifier": classifier,
}

"""The classification policy as texts: those in the folder, those of a version, and the ready-made ones that they extend."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from wardstead.access.policyset import ADMISSION, CLASSIFICATION, RULES, SCHEMA
from wardstead.bootstrap.reading import present, read_text
from wardstead.inspection.policy import ClassificationPolicy
from wardstead.inspection.policy_file import Policy
from wardstead.inspection.policy_loading import load_policy
from wardstead.kernel.errors import ConfigurationError
from wardstead.kernel.yaml_input import place_in, read_yaml

_TAKEN: Final = frozenset({ADMISSION, CLASSIFICATION, RULES, SCHEMA})


@cache
def ready_made() -> Mapping[str, str]:
    """The classification policies that ship with the product, by name."""
    folder = files("wardstead.catalogues") / "classification"
    return {one.name.removesuffix(".yaml"): one.read_text("utf-8") for one in folder.iterdir() if one.name.endswith(".yaml")}


def texts_in_folder(path: Path, text: str | None = None) -> dict[str, str]:
    """The policy at ``path`` (or ``text`` in its place) and the files beside it that it extends, as a version names them.

    Where a file is no policy, what it extends is not known: whoever loads it is told what is wrong. Raises
    ``ConfigurationError`` for what is missing.
    """
    if not present(path):
        raise ConfigurationError("the classification policy is missing", where=str(path))
    said, where = read_text(path) if text is None else text, str(path)
    texts = {CLASSIFICATION: said}
    while (name := _extended_by(said)) and name not in ready_made() and name not in {*texts, path.name}:
        try:
            other = _beside(path.parent, name)
        except ConfigurationError as error:
            place = error.where or place_in(said, where, "extends")
            raise ConfigurationError(error.what, where=place, why=error.why, next_step=error.next_step) from None
        said, where = read_text(other), str(other)
        texts[name] = said
    return texts


def policy_of(texts: Mapping[str, str], where: str) -> ClassificationPolicy:
    """The policy of a version, or of a folder. ``where`` it is itself. Raises ``ConfigurationError``."""
    folder = str(Path(where).parent)

    def read(name: str) -> tuple[str, str]:
        if name in ready_made():
            return ready_made()[name], f"ready-made policy {name}"
        if name == Path(where).name:
            return texts[CLASSIFICATION], where
        if name not in texts:
            raise ConfigurationError(f"there is no policy {name[:80]!r} to extend", next_step=f"one of {_names()}")
        return texts[name], f"{folder}/{name}"

    return load_policy(texts[CLASSIFICATION], where, read)


def classified_texts(texts: Mapping[str, str]) -> dict[str, str]:
    """Of the texts of a version those of its classification policy."""
    if CLASSIFICATION not in texts:
        return {}
    return {name: text for name, text in texts.items() if name == CLASSIFICATION or not (name in _TAKEN or _is_cedar(name))}


def brought(policy: ClassificationPolicy) -> dict[str, str]:
    """The ready-made policies that it rests on: with another text of one, a version is another, too."""
    return {f"wardstead: {name}": ready_made()[name] for name in policy.extends if name in ready_made()}


def _beside(folder: Path, name: str) -> Path:
    """The file that a policy in ``folder`` extends."""
    path = folder / name
    if str(Path(name)) != path.name or not present(path):
        raise ConfigurationError(
            f"there is no policy {name[:80]!r} to extend", next_step=f"one of {_names()}, or a file in {folder}"
        )
    if path.resolve().parent != folder.resolve():
        raise ConfigurationError(f"the policy {name[:80]!r} is a link that leads out of {folder}")
    if name in _TAKEN or _is_cedar(name):
        raise ConfigurationError(
            f"{name!r} is the name of another file of a version", next_step="give the policy that is extended a name of its own"
        )
    return path


def _extended_by(text: str) -> str:
    try:
        return read_yaml(text, CLASSIFICATION, Policy).extends
    except ConfigurationError:
        return ""


def _is_cedar(name: str) -> bool:
    return name.endswith(".cedar")


def _names() -> str:
    return ", ".join(sorted(ready_made()))

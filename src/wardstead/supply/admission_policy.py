"""``admission.yaml``: what is asked of a model before it may read data up to a level, and whose signatures count."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec

from wardstead.kernel.errors import ConfigurationError
from wardstead.kernel.labels import Levels
from wardstead.kernel.text import meant
from wardstead.kernel.yaml_input import place_in, read_yaml

Meta = msgspec.Meta
_Level = Annotated[str, Meta(pattern="^[a-z][a-z0-9-]{0,39}$")]
HIGHEST: Final = "highest"
"""The deployment's highest level, whatever it is called."""


class Requirement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked of a model that is to read data up to a level. Days count from the scan, and from the signature."""

    up_to: _Level
    scan: Literal["clean", "suspicious"] = "clean"
    """The worst verdict that passes. What a scan blocks never does."""
    scan_days: Annotated[int, Meta(ge=1, le=3650)] = 90
    approvals: Annotated[int, Meta(ge=1, le=10)] = 1
    """How many people approve it, whoever added it aside."""
    publisher: bool = False
    """Whether somebody of ``publishers`` has to have signed it."""
    bom: bool = False
    advisories: Literal["ignore", "suspend"] = "ignore"
    """Whether malice, use by attackers or a critical weakness in what serves it (by imported advisories) suspends it."""
    valid_days: Annotated[int, Meta(ge=1, le=3650)] = 365


class Publisher(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose signatures (OpenSSF model signing) count: by a public key, or by an authority for their certificates; PEM."""

    name: Annotated[str, Meta(pattern="^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$")]
    public_key: str = ""
    authority: str = ""
    subject: str = ""
    """Of certificates: the name (subject alternative name) that they have to carry."""


class AdmissionPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    version: Literal[1]
    rules: Annotated[tuple[Requirement, ...], Meta(min_length=1)]
    publishers: tuple[Publisher, ...] = ()
    shipped_up_to: _Level = HIGHEST
    """The highest level for the model that ships with Wardstead, admitted by its digest."""
    override_hours: Annotated[int, Meta(ge=0, le=168)] = 24
    """For how long two people can let a model serve whatever else this file says. 0: never."""
    recheck_hours: Annotated[int, Meta(ge=1, le=8760)] = 24
    """After how long the digests of what serves are computed again, where nothing else shows a change."""

    rescan_hours: Annotated[int, Meta(ge=0, le=8760)] = 24
    """After how long what serves is scanned anew; at once by a newer scanner. 0: never."""

    def requirement(self, level: str, levels: Levels) -> Requirement:
        """What is asked of a model for data of a level: the first rule that reaches it. Raises ``ConfigurationError``."""
        rank = levels.level(level).rank
        for rule in self.rules:
            if levels.level(rule.up_to).rank >= rank:
                return rule
        raise ConfigurationError(
            f"admission.yaml has no rule that reaches {level!r}", why="so no model can be admitted for it",
            next_step=f"admit it up to {self.rules[-1].up_to}, or add a rule",
        )  # fmt: skip


def load_admission(text: str, where: str, levels: Levels) -> AdmissionPolicy:
    """The policy in ``text``. Raises ``ConfigurationError`` with file, line and key."""
    policy = _named(read_yaml(text, where, AdmissionPolicy), levels)
    ranks = []
    for number, rule in enumerate(policy.rules):
        _require_level(rule.up_to, text, where, f"rules[{number}].up_to", levels)
        ranks.append(levels.level(rule.up_to).rank)
        if ranks != sorted(set(ranks)):
            raise ConfigurationError(
                "a rule reaches no higher than the one before it", where=place_in(text, where, f"rules[{number}].up_to"),
                why="the first rule that reaches a level counts, so it would never",
            )  # fmt: skip
    _require_level(policy.shipped_up_to, text, where, "shipped_up_to", levels)
    for number, one in enumerate(policy.publishers):
        if bool(one.public_key) == bool(one.authority):
            raise ConfigurationError(
                "a publisher has a public_key or an authority", where=place_in(text, where, f"publishers[{number}]")
            )
        if one.authority and not one.subject:
            raise ConfigurationError(
                "an authority vouches for many: say whose certificate counts",
                where=place_in(text, where, f"publishers[{number}]"), next_step="set subject",
            )  # fmt: skip
    return policy


def strictest(levels: Levels) -> AdmissionPolicy:
    """For a deployment that has no such file: it is older than admission."""
    return _named(
        AdmissionPolicy(version=1, rules=(Requirement(up_to=HIGHEST, scan_days=30, approvals=2, valid_days=180),)), levels
    )


def _named(policy: AdmissionPolicy, levels: Levels) -> AdmissionPolicy:
    """The same with the name of the highest level."""
    top = levels.names[-1]
    rules = tuple(msgspec.structs.replace(one, up_to=top) if one.up_to == HIGHEST else one for one in policy.rules)
    shipped = top if policy.shipped_up_to == HIGHEST else policy.shipped_up_to
    return msgspec.structs.replace(policy, rules=rules, shipped_up_to=shipped)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of ``admission.yaml`` (shipped beside it)."""
    return msgspec.json.schema(AdmissionPolicy)


def _require_level(name: str, text: str, where: str, path: str, levels: Levels) -> None:
    if not levels.has(name):
        why = f"{meant(name, levels.names)}the levels are {', '.join(levels.names)}"
        raise ConfigurationError(f"unknown level {name!r}", where=place_in(text, where, path), why=why)

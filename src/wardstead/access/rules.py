"""The names that access policies speak of, as ``policies/access.yaml`` declares them: roles, windows, networks, purposes …

Cedar decides over *sets of names*: which windows are open now, which networks the peer is in, which sign-ins are fresh enough.
So a decision depends on few values, can be remembered, and has a moment at which it must be made again.

Roles follow the standard model (INCITS 359-2012): a role *inherits* others and has all that they may do; roles *exclude* one
another (static separation of duty), over everything that they inherit, too.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from wardstead.access.strength import SECOND_FACTOR
from wardstead.access.windows import DAYS, MINUTES_A_DAY, Span, Window
from wardstead.kernel.errors import CallerError, ConfigurationError
from wardstead.kernel.yaml_input import place_in, read_yaml

Meta = msgspec.Meta
_Name = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]{0,63}$")]
_RoleName = Annotated[str, Meta(pattern="^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
_AttributeName = Annotated[str, Meta(pattern="^[a-z][A-Za-z0-9_]{0,39}$")]
_Value = Annotated[str, Meta(min_length=1, max_length=128)]
_Time = Annotated[str, Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$")] | Annotated[int, Meta(ge=0, le=MINUTES_A_DAY)]
"""``08:00``. YAML 1.1 reads ``18:00`` without quotes as a number to the base 60, which is the minutes."""
_Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_Duration = Annotated[str, Meta(pattern="^[1-9][0-9]{0,4}[smhd]$")]
_UNITS_MS: Final[Mapping[str, int]] = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
Basis = Literal["consent", "contract", "legal-obligation", "vital-interests", "public-task", "legitimate-interests"]
"""The lawful bases of processing: GDPR Article 6(1) (a) to (f)."""
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Range = ipaddress.IPv4Network | ipaddress.IPv6Network


class UnknownPurpose(CallerError):
    """The purpose that was given is not in the register."""

    code = "unknown_purpose"


class BadAttribute(CallerError):
    """An attribute that is not declared, or a value that it cannot have."""

    code = "bad_attribute"


class _Elevation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The role may be asked for, for so many hours, where somebody else with one of these roles approves."""

    max_hours: Annotated[int, Meta(ge=1, le=8760)]
    approved_by: Annotated[tuple[_RoleName, ...], Meta(min_length=1)]


class _Role(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A role: what it inherits, which roles nobody may have beside it, and whether a sign-in needs a second factor."""

    description: str = ""
    inherits: tuple[_RoleName, ...] = ()
    excludes: tuple[_RoleName, ...] = ()
    elevation: _Elevation | None = None
    second_factor: bool = False


class _Span(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    """From a time of day to a later one, or to one of the next day; on the days on which it begins (every day)."""

    zone: str
    from_: _Time
    to: _Time
    days: Annotated[tuple[_Day, ...], Meta(min_length=1)] = DAYS


class _Purpose(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A purpose of processing, as the register of processing activities has it."""

    basis: Basis
    description: str = ""


class _Attribute(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An attribute of people: a word, yes or no, or a set of words; ``values`` lists all that it can be."""

    type: Literal["string", "bool", "set"]
    values: tuple[_Value, ...] = ()
    description: str = ""


class _Signal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What monitoring may say of a person, until it expires."""

    description: str = ""


class _Sink(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where data goes to when it leaves, and what may go there: data up to a label, or ``everything`` that there is."""

    level: str = "public"
    compartments: tuple[_Value, ...] = ()
    everything: bool = False
    description: str = ""


class _Activation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many people it takes to put policies in force: with two, one proposes them and another activates them."""

    people: Literal[1, 2] = 1


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The names that access policies speak of."""

    version: Literal[1]
    roles: dict[_RoleName, _Role] = {}
    windows: dict[_Name, _Span | Annotated[tuple[_Span, ...], Meta(min_length=1)]] = {}
    networks: dict[_Name, Annotated[tuple[str, ...], Meta(min_length=1)]] = {}
    fresh: dict[_Name, _Duration] = {}
    purposes: dict[_Name, _Purpose] = {}
    attributes: dict[_AttributeName, _Attribute] = {}
    signals: dict[_Name, _Signal] = {}
    sinks: dict[_Name, _Sink] = {}
    activation: _Activation = _Activation()


@dataclass(frozen=True, slots=True)
class Elevation:
    """For how long a role may be given at most, and holders of which roles approve it."""

    max_ms: int
    approved_by: frozenset[str]


@dataclass(frozen=True, slots=True)
class Role:
    """A role as it is declared. ``inherits`` and ``excludes`` are its own, not those that it inherits."""

    name: str
    inherits: tuple[str, ...] = ()
    excludes: frozenset[str] = frozenset()
    elevation: Elevation | None = None
    description: str = ""
    second_factor: bool = False
    """Whether a session of somebody who has it does anything without one."""


@dataclass(frozen=True, slots=True)
class Purpose:
    """A registered purpose and its lawful basis."""

    name: str
    basis: Basis
    description: str = ""


@dataclass(frozen=True, slots=True)
class Attribute:
    """A declared attribute of people. ``type`` ``set``: each value that somebody has is a member. No ``values``: any."""

    name: str
    type: Literal["string", "bool", "set"]
    values: frozenset[str] = frozenset()
    description: str = ""

    def read(self, written: str) -> str | bool:
        """The value that is ``written``; of a set, one member. Raises ``BadAttribute`` for one that it cannot have."""
        allowed = {"true", "false"} if self.type == "bool" else self.values
        if (allowed and written not in allowed) or not 1 <= len(written) <= 128:
            raise BadAttribute(
                f"the attribute {self.name} cannot be {written[:40]!r}",
                why=f"it is one of {', '.join(sorted(allowed))}" if allowed else "a value has 1 to 128 characters",
            )
        return written == "true" if self.type == "bool" else written


@dataclass(frozen=True, slots=True)
class Sink:
    """Where data may go: what is labelled up to this level and these compartments, or everything."""

    name: str
    level: str = "public"
    compartments: tuple[str, ...] = ()
    everything: bool = False
    description: str = ""


@dataclass(frozen=True, slots=True)
class AccessRules:
    """Everything that ``access.yaml`` declares. Immutable; ``version`` is a digest of its text."""

    version: str
    roles: Mapping[str, Role] = field(default_factory=dict)
    windows: Mapping[str, Window] = field(default_factory=dict)
    networks: Mapping[str, tuple[Range, ...]] = field(default_factory=dict)
    fresh: Mapping[str, int] = field(default_factory=dict)
    """By name: how old a sign-in may be, in milliseconds."""
    purposes: Mapping[str, Purpose] = field(default_factory=dict)
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    signals: Mapping[str, str] = field(default_factory=dict)
    """By name, what it means."""
    sinks: Mapping[str, Sink] = field(default_factory=dict)
    activated_by: int = 1
    """So many people put policies in force."""

    # -- roles -------------------------------------------------------------------------------------------------------

    def effective(self, roles: Iterable[str]) -> frozenset[str]:
        """The roles and all that they inherit. One that is not declared inherits nothing."""
        found: set[str] = set()
        waiting = list(roles)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self.roles[name].inherits if name in self.roles else ()
        return frozenset(found)

    def demanded(self, roles: Iterable[str]) -> frozenset[str]:
        """What these roles, which are all that somebody has, demand of a sign-in."""
        strict = any(self.roles[one].second_factor for one in roles if one in self.roles)
        return frozenset({SECOND_FACTOR}) if strict else frozenset()

    def conflicts(self, roles: Iterable[str]) -> tuple[tuple[str, str], ...]:
        """The pairs of roles that nobody may have together, among these and all that they inherit."""
        held = self.effective(roles)
        pairs = {tuple(sorted((one, other))) for one in held if one in self.roles for other in self.roles[one].excludes & held}
        return tuple(sorted((one, other) for one, other in pairs))

    # -- time --------------------------------------------------------------------------------------------------------

    def open_windows(self, now_ms: int, names: Collection[str] | None = None) -> frozenset[str]:
        """The windows that are open now; with ``names``, of those."""
        return frozenset(name for name in self._windows(names) if self.windows[name].is_open(now_ms))

    def windows_change_ms(self, now_ms: int, names: Collection[str] | None = None) -> int | None:
        """The first moment after ``now_ms`` at which ``open_windows`` may say something else. ``None``: never."""
        return min((self.windows[name].changes_ms(now_ms) for name in self._windows(names)), default=None)

    def _windows(self, names: Collection[str] | None) -> Collection[str]:
        return self.windows if names is None else self.windows.keys() & set(names)

    def fresh_steps(self, authenticated_ms: int | None, now_ms: int, names: Collection[str] | None = None) -> frozenset[str]:
        """The steps for which a sign-in at ``authenticated_ms`` is fresh enough. One without a time is fresh for none."""
        if authenticated_ms is None or authenticated_ms > now_ms:  # from the future: the clock cannot be believed
            return frozenset()
        return frozenset(name for name in self._fresh(names) if now_ms - authenticated_ms < self.fresh[name])

    def fresh_change_ms(self, authenticated_ms: int | None, now_ms: int, names: Collection[str] | None = None) -> int | None:
        """The first moment after ``now_ms`` at which ``fresh_steps`` says less. ``None``: it stays as it is."""
        if authenticated_ms is None:
            return None
        if authenticated_ms > now_ms:
            return authenticated_ms
        ends = (authenticated_ms + self.fresh[name] for name in self._fresh(names))
        return min((end for end in ends if end > now_ms), default=None)

    def _fresh(self, names: Collection[str] | None) -> Collection[str]:
        return self.fresh if names is None else self.fresh.keys() & set(names)

    # -- where, what for, and what is known of people -------------------------------------------------------------------

    def networks_of(self, peer: str) -> frozenset[str]:
        """The networks that an address is in; none for what is no address."""
        try:
            address: Address = ipaddress.ip_address(peer)
        except ValueError:
            return frozenset()
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        return frozenset(name for name, ranges in self.networks.items() if any((mapped or address) in one for one in ranges))

    def purpose(self, name: str) -> Purpose:
        """A registered purpose. Raises ``UnknownPurpose``."""
        if name not in self.purposes:
            known = ", ".join(sorted(self.purposes)) or "none"
            raise UnknownPurpose(f"there is no purpose {name[:64]!r}", why=f"registered are: {known}")
        return self.purposes[name]

    def attribute(self, name: str) -> Attribute:
        """A declared attribute. Raises ``BadAttribute``."""
        if name not in self.attributes:
            known = ", ".join(sorted(self.attributes)) or "none"
            raise BadAttribute(f"there is no attribute {name[:40]!r}", why=f"declared in access.yaml are: {known}")
        return self.attributes[name]


def load_rules(text: str, where: str) -> AccessRules:
    """What ``access.yaml`` declares. Raises ``ConfigurationError`` that names file, line and key."""
    file = read_yaml(text, where, _File)
    here = _Place(text, where)
    roles = {name: _role(name, one) for name, one in file.roles.items()}
    _check_roles(roles, here)
    windows = {}
    for name, spans in file.windows.items():
        path = f"windows.{name}"
        several = [(spans, path)] if isinstance(spans, _Span) else [(one, f"{path}[{at}]") for at, one in enumerate(spans)]
        windows[name] = Window(name, tuple(_span(one, each, here) for one, each in several))
    networks = {
        name: tuple(_range(one, f"networks.{name}[{at}]", here) for at, one in enumerate(ranges))
        for name, ranges in file.networks.items()
    }
    for name, one in file.attributes.items():
        _check_attribute(name, one, here)
    rules = AccessRules(
        sha256(text.encode()).hexdigest()[:12],
        roles,
        windows,
        networks,
        {name: int(said[:-1]) * _UNITS_MS[said[-1]] for name, said in file.fresh.items()},
        {name: Purpose(name, one.basis, one.description) for name, one in file.purposes.items()},
        {name: Attribute(name, one.type, frozenset(one.values), one.description) for name, one in file.attributes.items()},
        {name: one.description for name, one in file.signals.items()},
        {name: _sink(name, one, here) for name, one in file.sinks.items()},
        file.activation.people,
    )
    _check_exclusions(rules, here)
    return rules


def rules_schema() -> dict[str, Any]:
    """The JSON Schema of ``access.yaml``."""
    return msgspec.json.schema(_File)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where errors are."""

    text: str
    where: str

    def error(self, what: str, path: str, *, why: str = "", next_step: str = "") -> ConfigurationError:
        return ConfigurationError(what, where=place_in(self.text, self.where, path), why=why, next_step=next_step)


def _sink(name: str, one: _Sink, here: _Place) -> Sink:
    if one.everything and (one.compartments or one.level != "public"):
        raise here.error("a sink is for everything, or up to a label", f"sinks.{name}.everything")
    return Sink(name, one.level, one.compartments, one.everything, one.description)


def _role(name: str, one: _Role) -> Role:
    given = one.elevation
    elevation = None if given is None else Elevation(given.max_hours * _UNITS_MS["h"], frozenset(given.approved_by))
    return Role(name, one.inherits, frozenset(one.excludes), elevation, one.description, one.second_factor)


def _check_roles(roles: Mapping[str, Role], here: _Place) -> None:
    for name, role in roles.items():
        approvers = sorted(role.elevation.approved_by) if role.elevation else []
        named = [("inherits", one) for one in role.inherits] + [("excludes", one) for one in sorted(role.excludes)]
        for key, other in [*named, *(("elevation.approved_by", one) for one in approvers)]:
            if other not in roles:
                raise here.error(f"there is no role {other!r}", f"roles.{name}.{key}", next_step="declare it under 'roles'")
        if name in role.excludes:
            raise here.error("a role excludes itself", f"roles.{name}.excludes", why="nobody could have it")
        if circle := _circle(roles, name):
            raise here.error("a role inherits itself", f"roles.{name}.inherits", why=" -> ".join(circle))


def _circle(roles: Mapping[str, Role], start: str) -> tuple[str, ...]:
    """The way from a role back to it; empty where there is none."""
    seen: set[str] = set()
    ways: list[tuple[str, ...]] = [(start, one) for one in roles[start].inherits]
    while ways:
        way = ways.pop()
        if way[-1] == start:
            return way
        if way[-1] not in seen and way[-1] in roles:
            seen.add(way[-1])
            ways += [(*way, one) for one in roles[way[-1]].inherits]
    return ()


def _check_exclusions(rules: AccessRules, here: _Place) -> None:
    for name in rules.roles:
        if found := rules.conflicts([name]):
            one, other = found[0]
            raise here.error(
                f"nobody could have the role {name!r}", f"roles.{name}",
                why=f"it comes to {one!r} and {other!r}, which exclude one another",
            )  # fmt: skip


def _span(one: _Span, path: str, here: _Place) -> Span:
    try:
        zone = ZoneInfo(one.zone)
    except (KeyError, ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError; a folder's name is an OSError
        raise here.error(
            f"there is no time zone {one.zone[:64]!r}",
            f"{path}.zone",
            why="it is a name of the IANA database: Europe/Berlin, UTC",
        ) from None
    begin, end = _minutes(one.from_), _minutes(one.to)
    if begin in {end, MINUTES_A_DAY} or end == 0:
        raise here.error(
            "from when to when cannot be told", path, why="'from' is before 24:00 and another time than 'to'",
            next_step="the whole day is from 00:00 to 24:00",
        )  # fmt: skip
    return Span(zone, frozenset(DAYS.index(day) for day in one.days), begin, end)


def _minutes(time: str | int) -> int:
    if isinstance(time, int):
        return time
    hours, _, minutes = time.partition(":")
    return int(hours) * 60 + int(minutes)


def _range(written: str, path: str, here: _Place) -> Range:
    try:
        return ipaddress.ip_network(written)
    except ValueError:
        why = "it is written as 10.0.0.0/8 or 2001:db8::/32"
    try:
        meant = ipaddress.ip_network(written, strict=False)
    except ValueError:
        raise here.error(f"not a network: {written[:64]!r}", path, why=why) from None
    raise here.error(f"not a network: {written[:64]!r}", path, why=f"the network of that address is {meant}")


def _check_attribute(name: str, one: _Attribute, here: _Place) -> None:
    if one.type == "bool" and one.values:
        raise here.error("what is true or false has no list of values", f"attributes.{name}.values")
    if name in RESERVED:
        raise here.error(
            f"the attribute {name!r} is Wardstead's own", f"attributes.{name}", next_step="choose another name for it"
        )


RESERVED: Final = frozenset({"active", "clearanceLevel", "clearanceCompartments", "name", "kind", "roles", "id"})
"""Attributes that every person has: policies see them under these names."""

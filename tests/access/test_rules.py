"""``access.yaml``: what it means, and what is wrong with one that is refused."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardstead.access.rules import AccessRules, BadAttribute, UnknownPurpose, load_rules, rules_schema
from wardstead.kernel.errors import ConfigurationError

STARTER = files("wardstead.catalogues") / "policies" / "access.yaml"
HOUR = 3_600_000


def rules(text: str) -> AccessRules:
    return load_rules(f"version: 1\n{text}", "access.yaml")


def refused(text: str) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        rules(text)
    return caught.value


def test_the_starter_declares_the_roles_and_keeps_setting_and_auditing_apart() -> None:
    found = load_rules(STARTER.read_text("utf-8"), "access.yaml")
    assert {"user", "admin", "auditor", "data-steward", "reviewer"} <= found.roles.keys()
    assert found.conflicts(["user", "admin", "auditor"]) == (("admin", "auditor"),)
    assert not found.conflicts(["user", "admin", "data-steward"])


def test_the_schema_that_ships_is_the_one_that_is_used() -> None:
    shipped = json.loads((files("wardstead.catalogues") / "policies" / "access.schema.json").read_text("utf-8"))
    assert shipped == json.loads(json.dumps(rules_schema()))


def test_a_role_has_what_it_inherits_also_what_that_excludes() -> None:
    found = rules("roles: {nurse: {inherits: [staff]}, staff: {}, ward-head: {inherits: [nurse]}, auditor: {excludes: [staff]}}")
    assert found.effective(["ward-head"]) == {"ward-head", "nurse", "staff"}
    assert found.effective(["unknown"]) == {"unknown"}
    assert found.conflicts(["ward-head", "auditor"]) == found.conflicts(["auditor", "ward-head"]) == (("auditor", "staff"),)


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("roles: {a: {inherits: [b]}, b: {inherits: [c]}, c: {inherits: [a]}}", "roles.a.inherits", "inherits itself"),
        ("roles: {a: {inherits: [a]}}", "roles.a.inherits", "inherits itself"),
        ("roles: {a: {inherits: [b]}}", "roles.a.inherits", "no role 'b'"),
        ("roles: {a: {excludes: [b]}}", "roles.a.excludes", "no role 'b'"),
        ("roles: {a: {excludes: [a]}}", "roles.a.excludes", "excludes itself"),
        ("roles: {a: {inherits: [b], excludes: [b]}, b: {}}", "roles.a", "nobody could have the role 'a'"),
        ("roles: {c: {inherits: [a, b]}, a: {excludes: [b]}, b: {}}", "roles.c", "nobody could have the role 'c'"),
        ("roles: {a: {elevation: {max_hours: 1, approved_by: [z]}}}", "roles.a.elevation.approved_by", "no role 'z'"),
        ("roles: {a: {elevation: {max_hours: 0, approved_by: [a]}}}", "roles.a.elevation.max_hours", ">= 1"),
        ("roles: {a: {elevation: {max_hours: 1, approved_by: []}}}", "roles.a.elevation.approved_by", "length >= 1"),
        ("roles: {a: {}, b: {inherit: [a]}}", "roles.b.inherit", "unknown key 'inherit'"),
        ("roles: {a b: {}}", "roles.a b", "regex"),
        ("windows: {w: {zone: Mars/Base, from: '08:00', to: '09:00'}}", "windows.w.zone", "no time zone 'Mars/Base'"),
        ("windows: {w: {zone: ../../etc/passwd, from: '08:00', to: '09:00'}}", "windows.w.zone", "no time zone"),
        ("windows: {w: {zone: Europe, from: '08:00', to: '09:00'}}", "windows.w.zone", "no time zone"),
        ("windows: {w: {zone: UTC, from: '08:00', to: '08:00'}}", "windows.w", "from when to when"),
        ("windows: {w: {zone: UTC, from: '24:00', to: '08:00'}}", "windows.w", "from when to when"),
        ("windows: {w: {zone: UTC, from: '08:00', to: '00:00'}}", "windows.w", "from when to when"),
        ("windows: {w: {zone: UTC, from: '8:00', to: '09:00'}}", "windows.w.from", "regex"),
        ("windows: {w: {zone: UTC, from: '08:00', to: '25:00'}}", "windows.w.to", "regex"),
        ("windows: {w: {zone: UTC, from: '08:00', to: '09:00', days: [monday]}}", "windows.w.days[0]", "enum"),
        ("windows: {w: {zone: UTC, from: '08:00', to: '09:00', days: []}}", "windows.w.days", "length >= 1"),
        ("windows: {w: []}", "windows.w", "length >= 1"),
        ("windows: {w: [{zone: UTC, from: '08:00', to: '09:00'}, {zone: X, from: 1, to: 2}]}", "windows.w[1].zone", "X"),
        ("networks: {n: [10.0.0.1/8]}", "networks.n[0]", "not a network"),
        ("networks: {n: [10.0.0.0/8, office]}", "networks.n[1]", "not a network"),
        ("networks: {n: []}", "networks.n", "length >= 1"),
        ("fresh: {f: 15 minutes}", "fresh.f", "regex"),
        ("purposes: {care: {basis: because}}", "purposes.care.basis", "because"),
        ("purposes: {care: {}}", "purposes.care", "missing required field `basis`"),
        ("attributes: {a: {type: number}}", "attributes.a.type", "number"),
        ("attributes: {a: {type: bool, values: ['yes']}}", "attributes.a.values", "no list of values"),
        ("attributes: {active: {type: bool}}", "attributes.active", "Wardstead's own"),
        ("attributes: {a-b: {type: bool}}", "attributes.a-b", "regex"),
        ("rules: []", "rules", "unknown key 'rules'"),
        ("roles: {a: {}, a: {}}", "", "appears twice"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_place(text: str, place: str, what: str) -> None:
    error = refused(f"signals: {{}}\n\n{text}")
    assert error.where.startswith("access.yaml:4"), error.where
    assert error.where.endswith(place)
    assert what in str(error)


def test_the_place_of_what_is_wrong_is_its_own_line() -> None:
    error = refused("roles:\n  a: {}\n  b:\n    description: x\n    inherits:\n      - a\n      - c\n")
    assert error.where == "access.yaml:6: roles.b.inherits"
    error = refused("roles:\n  a: {}\n  b:\n    excludes: 3\n")
    assert error.where == "access.yaml:5: roles.b.excludes"


def test_a_time_without_quotes_means_the_same() -> None:
    """YAML 1.1 reads 18:30 as a number to the base 60."""
    quoted = rules("windows: {w: {zone: UTC, from: '10:00', to: '18:30'}}").windows["w"]
    assert rules("windows: {w: {zone: UTC, from: 10:00, to: 18:30}}").windows["w"] == quoted


def test_an_address_is_in_its_networks_also_mapped_into_the_other_family() -> None:
    found = rules("networks: {office: [10.0.0.0/8, '2001:db8::/32'], site: [10.1.0.0/16]}")
    assert found.networks_of("10.1.2.3") == found.networks_of("::ffff:10.1.2.3") == {"office", "site"}
    assert found.networks_of("2001:db8::1") == {"office"}
    for other in ("11.0.0.1", "::1", "", "unix:", "10.1.2.3/8"):
        assert found.networks_of(other) == frozenset()


@given(st.integers(0, 3 * HOUR), st.integers(0, 3 * HOUR))
def test_a_sign_in_is_fresh_until_it_is_as_old_as_the_step(signed_in_ms: int, now_ms: int) -> None:
    found = rules("fresh: {pay: 15m, read: 1h}")
    steps = found.fresh_steps(signed_in_ms, now_ms)
    age = now_ms - signed_in_ms
    assert steps == {name for name, limit in (("pay", HOUR // 4), ("read", HOUR)) if 0 <= age < limit}
    change = found.fresh_change_ms(signed_in_ms, now_ms)
    if change is None:
        assert not steps
    else:
        assert change > now_ms
        assert found.fresh_steps(signed_in_ms, change - 1) == steps != found.fresh_steps(signed_in_ms, change)


def test_what_has_no_time_of_sign_in_is_fresh_for_nothing() -> None:
    found = rules("fresh: {pay: 15m}")
    assert found.fresh_steps(None, 0) == frozenset()
    assert found.fresh_change_ms(None, 0) is None


def test_purposes_and_attributes_are_those_that_are_declared() -> None:
    found = rules(
        "purposes: {care: {basis: vital-interests}}\n"
        "attributes: {device: {type: string, values: [managed]}, note: {type: string}, vip: {type: bool}}"
    )
    assert found.purpose("care").basis == "vital-interests"
    with pytest.raises(UnknownPurpose, match="no purpose 'sales'"):
        found.purpose("sales")
    assert found.attribute("device").read("managed") == "managed"
    assert found.attribute("vip").read("true") is True
    assert found.attribute("note").read("x") == "x"
    for name, value in (("device", "mine"), ("vip", "yes"), ("note", ""), ("note", "x" * 129)):
        with pytest.raises(BadAttribute):
            found.attribute(name).read(value)
    with pytest.raises(BadAttribute, match="no attribute 'hat'"):
        found.attribute("hat")


ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 1500) | st.sampled_from(["a", "b", "UTC", "08:00", "10.0.0.0/8", "15m", ""]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["a", "b", "inherits", "excludes", "zone", "from", "to", "days"]), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(
    st.dictionaries(
        st.sampled_from(["roles", "windows", "networks", "fresh", "purposes", "attributes", "signals", "x"]), ANY, max_size=3
    )
)
def test_whatever_is_written_is_read_or_refused_with_its_place(value: dict[str, object]) -> None:
    text = json.dumps({"version": 1, **value})
    where = "access.yaml:"
    try:
        load_rules(text, "access.yaml")
    except ConfigurationError as error:
        where = error.where
    assert where.startswith("access.yaml:")


def test_sinks_are_for_everything_or_up_to_a_label() -> None:
    found = rules("sinks: {download: {everything: true}, hook: {level: internal, compartments: [personal]}}").sinks
    assert (found["download"].everything, found["hook"].level, found["hook"].compartments) == (True, "internal", ("personal",))
    wrong = refused("sinks: {hook: {everything: true, level: internal}}")
    assert wrong.where == "access.yaml:2: sinks.hook.everything"
    assert rules("activation: {people: 2}").activated_by == 2
    refused("activation: {people: 3}")

"""What a decision costs, peers beside: ``python -m bench.access [--peers FOLDER]``.

One world, one set of questions for everybody: people with a role of many, a model for each policy, a permit bound to role, model
and purpose; Wardstead's own mandatory and starter policies on top, which the peers do not have. Peers are taken where they are
installed (``pip install --target FOLDER casbin celine-regorus``); FOLDER goes to the front of the path. Each is asked the same
questions in one run: compare ratios, not runs. Before anything is timed, every engine must give the same answers.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files

import cedarpy

from wardstead.access.memo import MemoisedDecisionPoint
from wardstead.access.pdp import CedarDecisionPoint
from wardstead.access.ports import (
    AccessRequest,
    Credential,
    CredentialId,
    CredentialKind,
    Directory,
    Identity,
    Principal,
    PrincipalId,
    Resource,
)
from wardstead.access.rules import AccessRules
from wardstead.kernel.labels import Label

QUESTIONS = 300
ROLES = 200
CEILING_S = 20.0
"""A peer that has not answered its questions by then is left out."""


@dataclass(frozen=True)
class World:
    """So many policies and people."""

    policies: int
    people: int

    def rules(self) -> list[tuple[str, str, str]]:
        """Role, model, purpose of each permit."""
        return [(f"r{one % ROLES}", f"m{one}", f"u{one % 7}") for one in range(self.policies)]

    def role_of(self, person: int) -> str:
        return f"r{person % ROLES}"

    def questions(self) -> list[tuple[int, str, str]]:
        """Person, model, purpose: every second one is permitted."""
        found = []
        for one in range(QUESTIONS):
            policy = one * 31 % min(ROLES, self.policies)
            person = one % (self.people // ROLES) * ROLES + policy
            found.append((person, f"m{policy}", f"u{policy % 7}" if one % 2 else "other"))
        return found


Ask = Callable[[tuple[int, str, str]], bool]


def cedar_text(world: World) -> str:
    """The permits in Cedar."""
    return "\n".join(
        f'permit (principal in Role::"{role}", action == Action::"infer", resource == Model::"{model}") '
        f'when {{ context has purpose && context.purpose == "{purpose}" }};'
        for role, model, purpose in world.rules()
    )


def requests(world: World) -> tuple[Directory, list[AccessRequest]]:
    """The questions as the gateway asks them."""
    people = [
        Principal(PrincipalId(f"p{one}"), f"p{one}", frozenset({world.role_of(one)}), Label(2), f"s{one}")
        for one in range(world.people)
    ]
    asked = []
    for person, model, purpose in world.questions():
        who = people[person]
        identity = Identity(who, Credential(CredentialId(f"c{person}"), CredentialKind.API_KEY, b"", who.id))
        asked.append(AccessRequest(identity, "infer", Resource("Model", model, Label(3)), Label(1), 1, {"purpose": purpose}))
    return Directory(1, {one.id: one for one in people}), asked


def wardstead(world: World) -> dict[str, tuple[Ask, list[object]]]:
    """The first decision of a person whose roles were met before, and one that was made before."""
    catalogue = files("wardstead.catalogues")
    own = (catalogue / "policies" / "10-roles.cedar").read_text("utf-8").replace('Role::"user"', 'Role::"nobody"')
    mandatory = (catalogue / "mandatory" / "mandatory.cedar").read_text("utf-8")
    schema = (catalogue / "policies" / "schema.cedarschema").read_text("utf-8")
    point = CedarDecisionPoint({"own": own, "mandatory": mandatory, "more": cedar_text(world)}, schema, AccessRules(""))
    directory, asked = requests(world)
    memo = MemoisedDecisionPoint(point, directory)
    return {
        "Wardstead, first": (lambda one: point.decide(one).allow, list(asked)),  # type: ignore[arg-type, return-value]
        "Wardstead, again": (lambda one: memo.decide(one).allow, list(asked)),  # type: ignore[arg-type, return-value]
    }


def bare_cedar(world: World) -> Ask:
    """The same permits alone, over handles, without a schema."""
    policies = cedarpy.PolicySet.from_str(cedar_text(world))

    def ask(one: tuple[int, str, str]) -> bool:
        person, model, purpose = one
        role = {"type": "Role", "id": world.role_of(person)}
        entities = [
            {"uid": {"type": "User", "id": f"p{person}"}, "attrs": {}, "parents": [role]},
            {"uid": {"type": "Model", "id": model}, "attrs": {}, "parents": []},
        ]
        request = {
            "principal": {"type": "User", "id": f"p{person}"},
            "action": {"type": "Action", "id": "infer"},
            "resource": {"type": "Model", "id": model},
            "context": {"purpose": purpose},
        }
        return cedarpy.is_authorized(request, policies, entities).allowed

    return ask


def pycasbin(world: World) -> Ask:
    """Casbin's RBAC model with a fourth column for the purpose."""
    import casbin

    model = casbin.Model()
    model.load_model_from_text(
        "[request_definition]\nr = sub, obj, act, why\n[policy_definition]\np = sub, obj, act, why\n[role_definition]\ng = _, _\n"
        "[policy_effect]\ne = some(where (p.eft == allow))\n"
        "[matchers]\nm = g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act && r.why == p.why\n"
    )
    enforcer = casbin.Enforcer(model)
    enforcer.add_policies([[role, name, "infer", purpose] for role, name, purpose in world.rules()])
    enforcer.add_grouping_policies([[f"p{one}", world.role_of(one)] for one in range(world.people)])
    return lambda one: bool(enforcer.enforce(f"p{one[0]}", one[1], "infer", one[2]))


def regorus(world: World) -> Ask:
    """Rego with the permits as data."""
    import regorus as rego

    engine = rego.Engine()
    engine.add_policy(
        "access.rego",
        "package access\nimport rego.v1\ndefault allow := false\n"
        "allow if { some role in data.roles[input.who]; data.permits[role][input.model] == input.purpose }\n",
    )
    permits: dict[str, dict[str, str]] = {}
    for role, model, purpose in world.rules():
        permits.setdefault(role, {})[model] = purpose
    roles = {f"p{one}": [world.role_of(one)] for one in range(world.people)}
    engine.add_data_json(json.dumps({"permits": permits, "roles": roles}))

    def ask(one: tuple[int, str, str]) -> bool:
        engine.set_input_json(json.dumps({"who": f"p{one[0]}", "model": one[1], "purpose": one[2]}))
        return bool(engine.eval_rule("data.access.allow"))

    return ask


def timed(ask: Callable[[object], bool], asked: list[object]) -> float | None:
    """Microseconds for each question, the median of five rounds after one; ``None`` where it takes too long."""
    began = time.perf_counter()
    for one in asked[:5]:
        ask(one)
    if (time.perf_counter() - began) / 5 * len(asked) * 6 > CEILING_S:
        return None
    rounds = []
    for _ in range(6):
        began = time.perf_counter()
        for one in asked:
            ask(one)
        rounds.append((time.perf_counter() - began) / len(asked) * 1e6)
    return statistics.median(rounds[1:])


def measure(world: World) -> list[tuple[str, float | None]]:
    """A row for each engine. Raises where one answers otherwise than the others."""
    plain: list[object] = list(world.questions())
    engines = wardstead(world)
    engines["cedarpy, handles"] = (bare_cedar(world), plain)
    for name, make in (("pycasbin", pycasbin), ("regorus", regorus)):
        try:
            engines[name] = (make(world), plain)
        except ImportError:
            print(f"{name} is not installed", file=sys.stderr)
    rows = []
    for name, (ask, asked) in engines.items():
        cost = timed(ask, asked)  # type: ignore[arg-type]
        wrong = [] if cost is None else [at for at, one in enumerate(asked) if ask(one) != bool(at % 2)]  # type: ignore[arg-type]
        if wrong:
            raise SystemExit(f"{name} answers {len(wrong)} questions otherwise")
        rows.append((name, cost))
    return rows


def main() -> None:
    """Print one table for each world."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--peers", default="")
    given = arguments.parse_args()
    if given.peers:
        sys.path.insert(0, given.peers)
    for world in (World(50, 1_000), World(1_000, 10_000)):
        rows = measure(world)
        base = dict(rows)["Wardstead, first"] or 1.0
        print(f"\n{world.policies:,} policies, {world.people:,} people\n\n| engine | µs | of Wardstead's first |\n|---|---|---|")
        for name, cost in rows:
            print(
                f"| {name} | {'too slow' if cost is None else f'{cost:,.1f}'} | {'–' if cost is None else f'{cost / base:.2f}'} |"
            )


if __name__ == "__main__":
    main()

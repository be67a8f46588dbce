"""A hundred thousand worlds against the reference, in minutes: ``python -m tests.access.test_many_worlds [WORLDS] [SEED]``.

Plain random numbers in the place of hypothesis, which takes ten times as long and shrinks what it finds; times fall on or beside
the moments at which something changes. Part of ``make fuzz``.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from dataclasses import replace
from random import Random

from tests.access.reference import (
    ADMISSION,
    ELEVATION,
    EXCHANGE,
    KEPT,
    MODEL,
    POLICIES,
    SHARING,
    Gift,
    Key,
    Mark,
    Person,
    Question,
    Thing,
    World,
    decide,
)
from tests.access.worlds import (
    HOUR,
    INHERITS,
    KNOWN,
    MODELS,
    NAMES,
    NETWORKS,
    POINT,
    PURPOSES,
    ROLE_NAMES,
    START,
    directory_of,
    request_of,
)

from wardstead.access.memo import MemoisedDecisionPoint

FACTS = (
    ("department", "contractors"), ("training", "privacy"), ("training", "other"), ("device", "unmanaged"), ("signal", "risk"),
)  # fmt: skip
MEANS = ("password", "provider", "code", "recovery-code", "passkey")
COMPARTMENTS = ("personal", "health")
RIGHTS = ("read", "use", "share", "admin")
THINGS = (("Exchange", "e1"), ("Conversation", "c1"), ("Document", "d1"), ("Collection", "k1"), ("Template", "t1"))


def some(draw: Random, given: tuple[str, ...], share: float = 0.5) -> frozenset[str]:
    return frozenset(one for one in given if draw.random() < share)


def moment(draw: Random) -> int:
    return START + draw.randrange(49) * HOUR // 2 + draw.choice((-1, 0, 0, 1))


def end(draw: Random) -> int | None:
    return moment(draw) if draw.random() < 0.4 else None


def mark(draw: Random) -> Mark:
    return Mark(draw.randrange(4), some(draw, COMPARTMENTS, 0.3))


def cleared(draw: Random) -> Mark:
    return Mark(draw.choice((0, 1, 2, 3, 3, 3)), some(draw, COMPARTMENTS, 0.8))


def person(draw: Random, name: str) -> Person:
    roles = tuple((role, end(draw), end(draw)) for role in draw.sample(ROLE_NAMES, draw.randrange(4)))
    facts = tuple((*fact, end(draw)) for fact in draw.sample(FACTS, draw.randrange(3)))
    return Person(name, cleared(draw), draw.random() < 0.95, roles, some(draw, ("g1", "g2")), facts)


def gifts(draw: Random, owner: str) -> dict[str, Gift]:
    found: dict[str, Gift] = {}
    for number in range(draw.randrange(5)):
        above = found[draw.choice(list(found))] if found and draw.random() < 0.6 else None
        group = draw.random() < 0.3
        by = above.to if above is not None and not above.group and draw.random() < 0.9 else draw.choice((owner, *NAMES))
        rights = some(draw, RIGHTS, 0.7) or frozenset({"read"})
        depth = above.depth - 1 if above is not None and draw.random() < 0.8 else draw.randrange(-1, 4)
        what = above.what if above is not None and draw.random() < 0.95 else draw.choice(THINGS)
        to = draw.choice(("g1", "g2") if group else NAMES)
        parent = above.id if above is not None else draw.choice((None, None, None, "gone"))
        found[f"s{number}"] = Gift(f"s{number}", what, group, to, rights, depth, by, parent, end(draw))
    return found


def key(draw: Random) -> Key:
    return Key(*(some(draw, names) if draw.random() < 0.1 else frozenset() for names in (PURPOSES, NETWORKS, MODELS)))


def question(draw: Random, owner: str) -> Question:
    action = draw.choice(ACTIONS)
    whose = draw.choice((None, owner, owner, owner, *NAMES))
    now = moment(draw)
    if action in MODEL:
        thing = Thing("Model", "m", cleared=cleared(draw))
    elif action == "exportData":
        thing = Thing("Sink", "s", cleared=cleared(draw))
    elif action in POLICIES:
        thing = Thing("PolicyVersion", "p1", whose)
    elif action in ADMISSION:
        thing = Thing("Admission", "a1", whose)
    elif action in EXCHANGE:
        thing = Thing("Exchange", "e1", whose, draw.choice(((), (("Conversation", "c1", whose),))))
    elif action == "declassify":
        thing = Thing("Conversation", "c1", whose)
    elif action in KEPT:
        inside = draw.choice(((), (("Collection", "k1", draw.choice((None, owner, *NAMES))),)))
        thing = draw.choice((Thing("Document", "d1", whose, inside), *(Thing(*one, whose) for one in THINGS[3:])))
    elif action in SHARING:
        thing = Thing(*draw.choice(THINGS), whose)
    else:
        thing = Thing("Elevation", "r1", whose) if action in ELEVATION else Thing("Console", "c")
    return Question(
        draw.choice(NAMES), action, thing, mark(draw), now, frozenset() if draw.random() < 0.9 else some(draw, ACTIONS),
        draw.choice((None, now, now - HOUR // 4, now - HOUR // 4 + 1, now - HOUR)), draw.random() < 0.5,
        draw.choice((None, "care")), mark(draw) if action == "shareData" and draw.random() < 0.7 else None,
        action == "revokeShare" and draw.random() < 0.3, key(draw),
        None if draw.random() < 0.3 else some(draw, MEANS, 0.3),
        (frozenset[str]() if draw.random() < 0.8 else some(draw, ACTIONS), key(draw)) if draw.random() < 0.2 else None,
    )  # fmt: skip


ACTIONS = tuple(sorted(KNOWN))
CODES = {"allow", "access.forbidden", "access.default_deny", "access.inactive", "access.key_bounds"}
"""How questions are answered; an error of evaluation is a difference, too."""


def world(draw: Random) -> tuple[World, list[Question]]:
    owner = draw.choice(NAMES)
    made = World({name: person(draw, name) for name in NAMES}, gifts(draw, owner), INHERITS, 6 * HOUR, 18 * HOUR, HOUR // 4)
    asked = [question(draw, owner) for _ in range(3)]
    return made, [*asked, *(replace(one, now=moment(draw)) for one in asked)]  # again: what was remembered is not for every time


def compare(worlds: int, seed: int) -> Counter[str]:
    """How many questions were answered how. Raises ``SystemExit`` at the first difference, with the world."""
    draw, codes = Random(seed), Counter[str]()
    for _ in range(worlds):
        made, asked = world(draw)
        directory = directory_of(made)
        point = MemoisedDecisionPoint(POINT, directory)
        for one in asked:
            decision = point.decide(request_of(directory, one))
            codes[decision.code] += 1
            if decision.allow is not decide(made, one) or decision.code not in CODES:
                raise SystemExit(f"a difference (seed {seed}):\n{made}\n{one}\n{decision}")
    return codes


def test_some_of_them() -> None:
    codes = compare(150, 1)
    assert set(codes) == CODES


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    began = time.perf_counter()
    found = compare(count, int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    print(f"{count:,} worlds, {found.total():,} questions, no difference: {dict(found)}; {time.perf_counter() - began:.0f} s")

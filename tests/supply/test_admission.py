"""What policy asks for before a model is admitted, and which admission counts."""

from __future__ import annotations

import json
from importlib.resources import files

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardstead.kernel.errors import ConfigurationError, IntegrityError
from wardstead.kernel.labels import STANDARD, Levels
from wardstead.supply.admission import (
    DAY_MS,
    Act,
    Admission,
    AdmittedFile,
    Basis,
    Candidate,
    Evidence,
    Role,
    ScanRecord,
    State,
    Verdict,
    current,
    lacking,
    lapsed,
    principal,
    refusal,
    remedy,
    waits_for_agreement,
)
from wardstead.supply.admission_policy import Requirement, json_schema, load_admission, strictest
from wardstead.supply.statement import files_in, statement, terms_of

NOW = 1_800_000_000_000
ANN, BEN, CLEO = (Act(name, f"id-{name}", NOW, "because") for name in ("ann", "ben", "cleo"))
FILES = (
    AdmittedFile("models/m/w.gguf", "a" * 64, 7, Role.WEIGHTS, "d" * 64),
    AdmittedFile("models/m/t.jinja", "b" * 64, 5, Role.TEMPLATE),
)
SCAN = ScanRecord(Verdict.CLEAN, "c" * 64, "wardstead 1", NOW)
WHOLE = Candidate("id-1", "m", "restricted", FILES, ANN, scan=SCAN, reviewed=BEN, approvals=(BEN, CLEO))
STRICT = Requirement(up_to="restricted", approvals=2, scan_days=30)


def what(one: Candidate, asked: Requirement = STRICT, now: int = NOW) -> list[str]:
    return [lack.what for lack in lacking(one, asked, now)]


def test_nothing_is_lacking_where_all_was_done() -> None:
    assert what(WHOLE) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"scan": None}, "not scanned"),
        ({"scan": msgspec.structs.replace(SCAN, verdict=Verdict.BLOCKED)}, "blocks it"),
        ({"scan": msgspec.structs.replace(SCAN, verdict=Verdict.SUSPICIOUS)}, "needs a clean one"),
        ({"scan": msgspec.structs.replace(SCAN, at_ms=NOW - 31 * DAY_MS)}, "older than 30 days"),
        ({"reviewed": None}, "nobody reviewed it"),
        ({"approvals": (BEN,)}, "one more person has to approve it, not ann"),
        ({"approvals": (BEN, BEN)}, "one more person has to approve it"),
        ({"approvals": (BEN, ANN)}, "one more person has to approve it"),
        ({"approvals": ()}, "2 more people have to approve it"),
    ],
)
def test_each_thing_that_policy_asks_for_is_missed_by_itself(change: dict[str, object], said: str) -> None:
    (found,) = what(msgspec.structs.replace(WHOLE, **change))
    assert said in found


def test_a_publisher_counts_only_where_policy_trusts_them() -> None:
    asked = msgspec.structs.replace(STRICT, publisher=True)
    stranger = Evidence("someone", False, "d" * 64, NOW)
    assert "no publisher whom policy trusts signed it" in what(msgspec.structs.replace(WHOLE, evidence=(stranger,)), asked)
    known = msgspec.structs.replace(stranger, trusted=True)
    assert what(msgspec.structs.replace(WHOLE, evidence=(known,)), asked) == []


def test_an_aibom_is_asked_for_where_policy_says_so() -> None:
    assert what(WHOLE, msgspec.structs.replace(STRICT, bom=True)) == ["it has no AIBOM"]


@given(st.sets(st.sampled_from(["ann", "ben", "cleo", "dora"])), st.integers(1, 4), st.sampled_from(Verdict))
def test_who_added_never_counts_and_blocked_never_passes(approvers: set[str], approvals: int, verdict: Verdict) -> None:
    acts = tuple(Act(name, f"id-{name}", NOW) for name in sorted(approvers))
    one = msgspec.structs.replace(WHOLE, approvals=acts, scan=msgspec.structs.replace(SCAN, verdict=verdict))
    asked = Requirement(up_to="restricted", approvals=approvals, scan="suspicious")
    passes = not lacking(one, asked, NOW)
    assert passes == (verdict is not Verdict.BLOCKED and len(approvers - {"ann"}) >= approvals)


def admitted(at: int, state: State = State.ADMITTED, *, until: int | None = None, basis: Basis = Basis.REVIEW) -> Admission:
    made = msgspec.structs.replace(WHOLE, id=f"id-{at}", basis=basis)
    return Admission(made, state, b"x", NOW + at, until)


def test_the_last_that_was_signed_counts_and_an_override_only_while_it_lasts() -> None:
    old, new = admitted(1, State.SUSPENDED), admitted(2, basis=Basis.OVERRIDE, until=NOW + 100)
    assert current([old, new], NOW + 50) == new
    assert current([old, new], NOW + 100) == old
    assert current([admitted(3, State.WITHDRAWN), Admission(WHOLE, State.CANDIDATE)], NOW) is None


@given(st.sampled_from(State), st.integers(-5, 5) | st.none())
def test_only_what_is_admitted_and_not_over_serves(state: State, left: int | None) -> None:
    until = None if left is None else NOW + left
    found = current([admitted(0, state, until=until)], NOW)
    serves = not refusal(found, "m", NOW)
    assert serves == (state is State.ADMITTED and (left is None or left > 0))


def test_a_refusal_says_what_to_do() -> None:
    assert "'wardstead model add'" in refusal(None, "m", NOW)
    suspended = msgspec.structs.replace(admitted(0, State.SUSPENDED), why="a byte changed")
    assert refusal(suspended, "m", NOW) == "the model m is suspended: a byte changed; ask an operator ('wardstead model show m')"
    assert "expired on 2027-01-15" in refusal(admitted(0, until=NOW), "m", NOW)


def test_whoever_looks_after_it_is_told_what_brings_it_back() -> None:
    assert "'wardstead model add m PATH --by NAME'" in remedy(None, "m", NOW)
    suspended = msgspec.structs.replace(admitted(0), state=State.SUSPENDED, why="a byte changed")
    assert "'wardstead model resume m --by NAME --reason WHY'" in remedy(suspended, "m", NOW)
    over = msgspec.structs.replace(suspended, candidate=msgspec.structs.replace(WHOLE, basis=Basis.OVERRIDE))
    assert "'wardstead model withdraw m --by NAME --reason WHY'" in remedy(over, "m", NOW)
    assert "approve it anew" in remedy(admitted(0, until=NOW), "m", NOW)
    assert "'wardstead model show m'" in remedy(admitted(0), "m", NOW), "the configuration names other files"


def test_a_page_tells_of_what_is_on_its_way_or_counts_not_of_an_override_that_waits_or_is_over() -> None:
    serves, asked = admitted(0), Admission(msgspec.structs.replace(WHOLE, id="id-2", basis=Basis.OVERRIDE), State.CANDIDATE)
    over = msgspec.structs.replace(asked, state=State.WITHDRAWN)
    coming = Admission(msgspec.structs.replace(WHOLE, id="id-3"), State.CANDIDATE)
    assert principal([serves, asked], NOW) == serves
    assert principal([serves, over], NOW) == serves
    assert principal([serves, coming, asked], NOW) == coming
    assert principal([over], NOW) == over
    withdrawn = msgspec.structs.replace(serves, state=State.WITHDRAWN)
    assert principal([withdrawn, over], NOW) == withdrawn


def test_an_override_waits_for_a_day() -> None:
    asked = Admission(msgspec.structs.replace(WHOLE, basis=Basis.OVERRIDE), State.CANDIDATE)
    assert waits_for_agreement(asked)
    assert not waits_for_agreement(admitted(0))
    assert not lapsed(asked.candidate, NOW + DAY_MS)
    assert lapsed(asked.candidate, NOW + DAY_MS + 1)


def test_a_statement_gives_back_the_files_and_terms_that_were_signed() -> None:
    payload = statement(WHOLE, policy="v1", signed_ms=NOW, expires_ms=NOW + DAY_MS)
    assert files_in(payload, "m") == FILES
    assert terms_of(payload) == ("restricted", NOW + DAY_MS)
    document = json.loads(payload)
    assert document["_type"] == "https://in-toto.io/Statement/v1"
    assert document["predicate"]["scan"]["report_sha256"] == "c" * 64
    assert [act["by"] for act in document["predicate"]["approved"]] == ["ben", "cleo"]


@pytest.mark.parametrize(
    "payload",
    [b"", b"[]", b"{}", b'{"_type":"https://in-toto.io/Statement/v1"}', b"\xff", b"[" * 100_000,
     statement(WHOLE, policy="v", signed_ms=1, expires_ms=None).replace(b'"role":"weights"', b'"role":"root"')],
)  # fmt: skip
def test_what_is_no_statement_of_ours_is_refused(payload: bytes) -> None:
    with pytest.raises(IntegrityError):
        files_in(payload, "m")


def test_a_statement_about_another_model_is_refused() -> None:
    with pytest.raises(IntegrityError, match="another model"):
        files_in(statement(WHOLE, policy="v", signed_ms=1, expires_ms=None), "other")


POLICY = """\
version: 1
rules:
  - {up_to: public, scan: suspicious}
  - {up_to: highest, approvals: 2}
"""


def test_the_first_rule_that_reaches_a_level_counts() -> None:
    policy = load_admission(POLICY, "admission.yaml", STANDARD)
    assert policy.requirement("public", STANDARD).scan == "suspicious"
    assert policy.requirement("internal", STANDARD).approvals == 2
    assert policy.rules[-1].up_to == "restricted"
    assert strictest(Levels(("public", "secret"))).requirement("secret", Levels(("public", "secret"))).approvals == 2


@pytest.mark.parametrize(
    ("text", "where", "said"),
    [
        (POLICY.replace("highest", "secrt"), "admission.yaml:4: rules[1].up_to", "unknown level 'secrt'"),
        (POLICY.replace("public", "restricted"), "admission.yaml:4: rules[1].up_to", "reaches no higher"),
        (POLICY.replace("approvals", "aprovals"), "admission.yaml:4: rules[1].aprovals", "unknown key 'aprovals'"),
        (POLICY.replace("approvals: 2", "approvals: 0"), "admission.yaml:4: rules[1].approvals", "Expected `int` >= 1"),
        (POLICY + "publishers:\n  - {name: x}\n", "admission.yaml:6: publishers[0]", "a public_key or an authority"),
        (POLICY + "publishers:\n  - {name: x, authority: pem}\n", "admission.yaml:6: publishers[0]", "say whose"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, where: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as told:
        load_admission(text, "admission.yaml", STANDARD)
    assert said in told.value.what
    assert told.value.where == where


def test_a_level_that_no_rule_reaches_admits_nothing() -> None:
    policy = load_admission("version: 1\nrules: [{up_to: internal}]\n", "a", STANDARD)
    with pytest.raises(ConfigurationError, match="no rule that reaches 'restricted'"):
        policy.requirement("restricted", STANDARD)


def test_what_ships_is_valid_and_its_schema_is_current() -> None:
    folder = files("wardstead.catalogues") / "policies"
    assert len(load_admission((folder / "admission.yaml").read_text("utf-8"), "admission.yaml", STANDARD).rules) == 2
    assert json.loads((folder / "admission.schema.json").read_text("utf-8")) == json.loads(json.dumps(json_schema()))

"""AuthZEN's search: what a body seeks, and what is answered."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardstead.gateway.protocol.authzen import NoQuestion
from wardstead.gateway.protocol.authzen_search import ACTIONS, MOST, PATHS, RESOURCES, SUBJECTS, Found, Sought, answer, parse

USER, MODEL, INFER = {"type": "user", "id": "alice"}, {"type": "Model", "id": "m"}, {"name": "infer"}


def body(**said: Any) -> bytes:
    return json.dumps(said).encode()


@pytest.mark.parametrize(
    ("path", "said", "results"),
    [
        (SUBJECTS, {"subject": {"type": "user"}, "action": INFER, "resource": MODEL}, [{"type": "user", "id": "x"}]),
        (RESOURCES, {"subject": USER, "action": INFER, "resource": {"type": "Model"}}, [{"type": "Model", "id": "x"}]),
        (ACTIONS, {"subject": USER, "resource": MODEL}, [{"name": "x"}]),
    ],
)
def test_what_is_sought_is_left_out(path: str, said: dict[str, Any], results: list[dict[str, str]]) -> None:
    search = parse(path, body(**said, page={"limit": 9, "token": "w"}, context={"label": "internal"}))
    assert (search.after, search.limit, search.question.label) == ("w", 9, "internal")
    assert answer(search, Found(["x"], "x")) == {"results": results, "page": {"next_token": "x", "count": 1}}


@pytest.mark.parametrize(
    ("path", "said", "where"),
    [
        (SUBJECTS, {"action": INFER, "resource": MODEL}, "subject"),
        (SUBJECTS, {"subject": {"type": "user"}, "action": INFER, "resource": {"type": "Model"}}, "resource"),
        (SUBJECTS, {"subject": {"type": "user"}, "resource": MODEL}, "action"),
        (RESOURCES, {"subject": {"type": "user"}, "action": INFER, "resource": {"type": "Model"}}, "subject"),
        (ACTIONS, {"subject": USER}, "resource"),
    ],
)
def test_what_is_missing_is_named(path: str, said: dict[str, Any], where: str) -> None:
    with pytest.raises(NoQuestion) as refused:
        parse(path, body(**said))
    assert refused.value.where == where


def test_a_page_has_its_size() -> None:
    said = {"subject": USER, "resource": MODEL}
    assert parse(ACTIONS, body(**said, page={"limit": 10_000})).limit == MOST
    for page in ({"limit": 0}, {"limit": 10_001}, {"token": "x" * 257}, {"limit": "1"}):
        with pytest.raises(NoQuestion):
            parse(ACTIONS, body(**said, page=page))


@given(st.sampled_from(sorted(PATHS)), st.binary(max_size=200) | st.builds(lambda one: json.dumps(one).encode(), st.dictionaries(
    st.sampled_from(["subject", "action", "resource", "context", "page"]), st.sampled_from([USER, MODEL, INFER, {}, [], None, 7])
)))  # fmt: skip
def test_a_body_is_a_search_or_refused(path: str, said: bytes) -> None:
    try:
        search = parse(path, said)
    except NoQuestion:
        return
    assert search.sought in set(Sought)

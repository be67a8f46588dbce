"""What may come in at all."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardstead.gateway.server.deadlines import TICK_S, Deadlines
from wardstead.gateway.server.doors import Crowd, Doors, Overloaded, TooManyAtOnce
from wardstead.gateway.server.health import Health
from wardstead.gateway.server.request_head import CERTIFICATE, BadHeader, address_of, peer_of, read_head, then_close
from wardstead.kernel.ids import PrincipalId

DOORS = Doors(
    frozenset({"localhost"}),
    frozenset({"https://localhost:8443"}),
    header_bytes=32768,
    body_timeout_s=30,
    keep_alive_s=10,
    silence_timeout_s=120,
    exchange_timeout_s=600,
    concurrency=8,
    per_person=4,
)
HOST = (b"host", b"localhost:8443")
NAMES = st.sampled_from(
    [b"host", b"authorization", b"cookie", b"origin", b"wardstead-purpose", b"transfer-encoding", b"x-api-key"]
)


@given(st.lists(st.tuples(NAMES | st.binary(max_size=20), st.binary(max_size=60)), max_size=12))
def test_arbitrary_headers_are_read_or_refused(headers: list[tuple[bytes, bytes]]) -> None:
    try:
        head = read_head(headers, DOORS)
    except BadHeader:
        return
    assert sum(name == b"host" for name, _ in headers) == 1
    assert head.secret == head.secret.strip()


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [HOST, HOST],
        [(b"host", b"evil.example")],
        [HOST, (b"origin", b"https://evil.example")],
        [HOST, (b"content-length", b"1"), (b"transfer-encoding", b"chunked")],
        [HOST, (b"content-encoding", b"gzip")],
        [HOST, (b"wardstead-unknown", b"x")],
        [HOST, (b"wardstead-purpose", b"x" * 201)],
        [HOST, (b"wardstead-purpose", b"a\x07b")],
        [HOST, (b"x", b"y" * 40_000)],
        [HOST, *[(b"x", b"y")] * 101],
    ],
)
def test_what_is_not_acceptable_is_refused(headers: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(BadHeader):
        read_head(headers, DOORS)


def test_an_api_key_a_bearer_token_and_a_session_are_all_secrets() -> None:
    for header in [(b"authorization", b"Bearer s3"), (b"x-api-key", b"s3"), (b"cookie", b"a=b; __Host-wardstead=s3; c=d")]:
        assert read_head([HOST, header], DOORS).secret == "s3"
    assert read_head([HOST, (b"authorization", b"Basic s3")], DOORS).secret == ""


BEARER, KEY, COOKIE = (b"authorization", b"Bearer s3"), (b"x-api-key", b"s3"), (b"cookie", b"__Host-wardstead=other")


def test_one_key_may_be_sent_both_ways_and_comes_before_a_cookie() -> None:
    for headers in (
        [BEARER, KEY],
        [KEY, BEARER],
        [COOKIE, BEARER],
        [BEARER, COOKIE],
        [COOKIE, KEY],
        [(b"authorization", b"Basic x"), KEY],
    ):
        assert read_head([HOST, *headers], DOORS).secret == "s3"


@pytest.mark.parametrize(
    "headers",
    [[BEARER, BEARER], [BEARER, (b"authorization", b"Bearer s4")], [KEY, (b"x-api-key", b"s4")], [BEARER, (b"x-api-key", b"s4")],
     [(b"x-api-key", b"s4"), COOKIE, BEARER]],
)  # fmt: skip
def test_who_says_to_be_two_is_refused(headers: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(BadHeader):
        read_head([HOST, *headers], DOORS)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=60), st.integers(1, 3))
def test_nobody_has_more_under_way_than_allowed(events: list[tuple[str, bool]], limit: int) -> None:
    crowd, inside = Crowd(each=limit, all=4), Counter[str]()
    for name, comes in events:
        if not comes and inside[name]:
            crowd.leave(PrincipalId(name))
            inside[name] -= 1
        elif comes and inside[name] < limit and inside.total() < 4:
            crowd.enter(PrincipalId(name))
            inside[name] += 1
        elif comes:
            with pytest.raises(TooManyAtOnce if inside[name] >= limit else Overloaded):
                crowd.enter(PrincipalId(name))


def test_strangers_crowd_out_one_another_alone() -> None:
    crowd = Crowd(each=1, all=2)
    with crowd.stranger(), crowd.stranger():
        with pytest.raises(Overloaded), crowd.stranger():
            pass
        crowd.enter(PrincipalId("a"))
        crowd.enter(PrincipalId("b"))
    with crowd.stranger():
        pass


async def test_a_chunked_request_s_connection_is_closed() -> None:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    closing = then_close(send)
    await closing({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})
    await closing({"type": "http.response.body", "body": b""})
    assert sent[0]["headers"] == [(b"a", b"b"), (b"connection", b"close")]
    assert sent[1] == {"type": "http.response.body", "body": b""}


async def test_a_deadline_passes_once_unless_it_was_kept() -> None:
    passed: list[str] = []
    deadlines = Deadlines()
    for name in ("kept", "missed", "put off"):
        deadlines.set(name, 0.01, lambda name=name: passed.append(name))  # type: ignore[misc]
    deadlines.clear("kept")
    deadlines.set("put off", 60, lambda: passed.append("too early"))
    for _ in range(100):
        if passed:
            break
        await asyncio.sleep(TICK_S)
    await asyncio.sleep(2 * TICK_S)
    assert passed == ["missed"]


async def test_a_deadline_that_fails_takes_no_other_with_it() -> None:
    done = asyncio.Event()
    deadlines = Deadlines()
    deadlines.set("broken", 0.0, lambda: 1 / 0)  # type: ignore[arg-type,return-value]
    deadlines.set("after it", 0.0, lambda: deadlines.set("another", 2 * TICK_S, done.set))
    await asyncio.wait_for(done.wait(), 10)


async def test_a_deadline_may_set_another_while_it_passes() -> None:
    done = asyncio.Event()
    deadlines = Deadlines()
    deadlines.set("first", 0.0, lambda: deadlines.set("first", 0.0, done.set))
    await asyncio.wait_for(done.wait(), 10)


@pytest.mark.parametrize(
    ("models", "ledger", "draining", "status", "state"),
    [
        ([True, True], True, False, 200, "ok"),
        ([True, False], True, False, 200, "degraded"),
        ([], True, False, 200, "ok"),
        ([True], False, False, 503, "degraded"),
        ([True], True, True, 503, "draining"),
    ],
)
async def test_health_says_what_is_well(models: list[bool], ledger: bool, draining: bool, status: int, state: str) -> None:
    asked: list[bool] = []

    def ask_ledger() -> bool:
        asked.append(ledger)
        return ledger

    health = Health([lambda well=well: well for well in models], ask_ledger, lambda: None)  # type: ignore[misc]
    for _ in range(3):
        got, body = await health.report(draining=draining)
        assert (got, body["status"], body["ledger"]) == (status, state, ledger)
    assert len(asked) == 1, "strangers make the parts work"


@pytest.mark.parametrize("verified", [True, False, None])
async def test_health_says_whether_the_ledger_was_verified_and_refuses_nobody_for_it(verified: bool | None) -> None:
    status, body = await Health([], lambda: True, lambda: verified).report(draining=False)
    assert (status, body) == (200, {"status": "ok", "models": True, "ledger": True, "verified": verified})


PROXIED = replace(DOORS, trusted_proxies=(ip_network("10.0.0.0/8"), ip_network("fd00::/8")))


@pytest.mark.parametrize(
    ("client", "forwarded", "doors", "address"),
    [
        (("192.0.2.7", 5), "", DOORS, "192.0.2.7"),
        (("192.0.2.7", 5), "198.51.100.1", DOORS, "192.0.2.7"),
        (("192.0.2.7", 5), "198.51.100.1", PROXIED, "192.0.2.7"),
        (("10.0.0.1", 5), "198.51.100.1", PROXIED, "198.51.100.1"),
        (("10.0.0.1", 5), "10.9.9.9, 198.51.100.1", PROXIED, "198.51.100.1"),
        (("10.0.0.1", 5), "203.0.113.5, 10.0.0.2", PROXIED, "203.0.113.5"),
        (("fd00::1", 5), "2001:db8::1", PROXIED, "2001:db8::1"),
        (("10.0.0.1", 5), "nonsense", PROXIED, "nonsense"),
        (("10.0.0.1", 5), "", PROXIED, "10.0.0.1"),
        (None, "198.51.100.1", PROXIED, ""),
    ],
)
def test_where_a_request_comes_from_is_what_a_trusted_proxy_saw(
    client: tuple[str, int] | None, forwarded: str, doors: Doors, address: str
) -> None:
    """What a stranger writes into the list stands before what the first trusted proxy appended, and does not count."""
    assert address_of(client, forwarded, doors) == address


EDGED = replace(DOORS, edge=True)


@pytest.mark.parametrize(
    ("scope", "forwarded", "doors", "address"),
    [
        ({"client": None}, ",198.51.100.1", EDGED, "198.51.100.1"),
        ({"client": ("127.0.0.1", 5)}, ",198.51.100.1", EDGED, "198.51.100.1"),
        ({"client": None}, ",10.9.9.9, 198.51.100.1", EDGED, "198.51.100.1"),
        ({"client": ("127.0.0.1", 5)}, "", EDGED, ""),
        ({"client": None}, ",203.0.113.5, 10.0.0.1", replace(PROXIED, edge=True), "203.0.113.5"),
        ({"client": ("192.0.2.7", 5), CERTIFICATE: object()}, ",127.0.0.1", EDGED, "192.0.2.7"),
        ({"client": ("192.0.2.7", 5)}, ",127.0.0.1", DOORS, "192.0.2.7"),
    ],
)
def test_behind_the_edge_its_word_counts_and_nobody_is_anywhere_without_it(
    scope: dict[str, Any], forwarded: str, doors: Doors, address: str
) -> None:
    """At the door for services, which has no edge in front, nobody's word counts."""
    assert peer_of(scope, forwarded, doors) == address


def test_several_headers_are_one_list() -> None:
    head = read_head([HOST, (b"x-forwarded-for", b"10.1.1.1"), (b"x-forwarded-for", b"198.51.100.1")], PROXIED)
    assert address_of(("10.0.0.1", 5), head.forwarded, PROXIED) == "198.51.100.1"

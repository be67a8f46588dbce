"""A key service that another package brings: held to its contract and to a time, and nothing it does opens anything else."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from tests.adapters.keys.kms_server import TOKEN, Kms

from wardstead.adapters.keys import service as adapter
from wardstead.adapters.keys.service import Service
from wardstead.crypto.key_service import KeyService, KeyServiceFailed, breach
from wardstead.crypto.sealed_root import SealedRoot, read_sealed, write_sealed
from wardstead.kernel.errors import ConfigurationError, IntegrityError

ROOT = bytes(range(32))
EXAMPLE = Path(__file__).parent / "example_kms"
GO_ON = threading.Event()


@pytest.fixture
def kms() -> Iterator[Kms]:
    running = Kms()
    yield running
    running.shutdown()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example package is installed."""
    info = tmp_path / "wardstead_example_kms-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: wardstead-example-kms\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[wardstead.key_services]\nexample = wardstead_example_kms:make\n")
    monkeypatch.syspath_prepend(str(EXAMPLE))
    monkeypatch.syspath_prepend(str(tmp_path))


def provider(kms: Kms, token: str = TOKEN, timeout_s: int = 10) -> Service:
    settings = {"url": kms.url, "key_id": "key-1"}
    return Service(lambda _: token.encode(), os.urandom, package="example", settings=settings, timeout_s=timeout_s)


@pytest.mark.usefixtures("package")
def test_it_gives_back_what_it_was_given_and_its_file_says_how(kms: Kms) -> None:
    sealed = read_sealed(write_sealed(provider(kms).seal(ROOT)), "root.key.sealed")
    assert sealed.parameters == {"package": "example", "timeout_s": 10, "set.url": kms.url, "set.key_id": "key-1"}
    assert TOKEN not in write_sealed(sealed).decode()
    opened = Service(lambda _: TOKEN.encode(), os.urandom)
    assert opened.open(sealed) == ROOT
    assert opened.check(sealed) == ""
    another = opened.reseal(sealed, bytes(32))
    assert (opened.open(another), another.parameters) == (bytes(32), sealed.parameters)


@pytest.mark.usefixtures("package")
def test_what_does_not_fit_is_refused(kms: Kms) -> None:
    sealed = provider(kms).seal(ROOT)
    opened = Service(lambda _: TOKEN.encode(), os.urandom)
    for parameters in ({**sealed.parameters, "timeout_s": 11}, {**sealed.parameters, "set.more": "x"}):
        with pytest.raises(KeyServiceFailed):
            opened.open(SealedRoot(provider="service", parameters=parameters, sealed=sealed.sealed))
    with pytest.raises(KeyServiceFailed):
        Service(lambda _: b"wrong", os.urandom).open(sealed)
    kms.down = True
    with pytest.raises(KeyServiceFailed):
        opened.open(sealed)
    with pytest.raises(KeyServiceFailed):
        provider(kms).seal(ROOT)
    for wrong in ("###", ""):
        with pytest.raises((ConfigurationError, KeyServiceFailed)):
            opened.open(SealedRoot(provider="service", parameters=sealed.parameters, sealed=wrong))
    unknown = SealedRoot(provider="service", parameters={**sealed.parameters, "package": "none"}, sealed=sealed.sealed)
    with pytest.raises(ConfigurationError, match="there is no key service 'none'"):
        opened.open(unknown)


class Fake:
    """Keeps the contract, but for what a test takes away."""

    def __init__(self) -> None:
        self.kept: dict[bytes, tuple[bytes, bytes]] = {}

    def wrap(self, key: bytes, context: bytes) -> bytes:
        handle = os.urandom(16)
        self.kept[handle] = (key, context)
        return handle

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        key, bound = self.kept.get(wrapped, (b"", b""))
        if not key or bound != context:
            raise KeyServiceFailed("no")
        return key


class Careless(Fake):
    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        return self.kept[wrapped][0] if wrapped in self.kept else super().unwrap(wrapped, context)


class Forgiving(Fake):
    """Takes what was changed at its end for what it was."""

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        meant = next((handle for handle in self.kept if wrapped and handle[:8] == wrapped[:8]), b"")
        return super().unwrap(meant, context)


class Plain(Fake):
    def wrap(self, key: bytes, context: bytes) -> bytes:
        return b"wrapped:" + key


class Another(Fake):
    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        return bytes(len(super().unwrap(wrapped, context)))


class Empty(Fake):
    def wrap(self, key: bytes, context: bytes) -> bytes:
        return b""


BREACHES: list[tuple[type[Fake], str]] = [
    (Careless, "another context"), (Forgiving, "changed"), (Plain, "shows the key"), (Another, "another key"), (Empty, "bytes"),
]  # fmt: skip


def test_the_contract_is_kept_or_its_breach_is_named() -> None:
    assert breach(Fake(), ROOT) == ""
    for kind, said in BREACHES:
        assert said in breach(kind(), ROOT)


def installed(monkeypatch: pytest.MonkeyPatch, made: Callable[[], KeyService], timeout_s: int = 60) -> Service:
    def make(_settings: Mapping[str, str], _ask: object) -> KeyService:
        return made()

    monkeypatch.setattr(adapter, "_entry_point", lambda _: make)
    return Service(lambda _: b"", os.urandom, package="fake", timeout_s=timeout_s)


def test_one_that_breaks_the_contract_is_given_no_root_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, said in BREACHES:
        with pytest.raises(ConfigurationError, match="breaks the contract") as refused:
            installed(monkeypatch, kind).seal(ROOT)
        assert said in refused.value.why


class Raises(Fake):
    def wrap(self, key: bytes, context: bytes) -> bytes:
        raise ValueError(f"I quote {key!r}")


class Ends(Fake):
    def wrap(self, key: bytes, context: bytes) -> bytes:
        raise SystemExit(3)


class Hangs(Fake):
    def wrap(self, key: bytes, context: bytes) -> bytes:
        GO_ON.wait(60)
        return b""


@pytest.mark.parametrize(("kind", "why"), [(Raises, "ValueError"), (Ends, "SystemExit"), (Hangs, "longer than 3 s")])
def test_whatever_it_raises_or_however_long_it_takes_is_a_failure_that_quotes_nothing(
    monkeypatch: pytest.MonkeyPatch, kind: type[Fake], why: str
) -> None:
    with pytest.raises(KeyServiceFailed) as failed:
        installed(monkeypatch, kind, 3 if kind is Hangs else 60).seal(ROOT)
    GO_ON.set()
    GO_ON.clear()
    assert why in failed.value.why
    assert "quote" not in str(failed.value.diagnostics())


def test_one_that_gives_back_half_a_key_opens_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Fake()
    made = installed(monkeypatch, lambda: kept)
    sealed = made.seal(ROOT)
    kept.kept = {handle: (key[:16], context) for handle, (key, context) in kept.kept.items()}
    with pytest.raises(IntegrityError):
        made.open(sealed)


def test_a_setting_that_nobody_gave_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "_entry_point", lambda _: lambda settings, _ask: settings["key_id"])
    with pytest.raises(ConfigurationError, match="cannot be made") as refused:
        Service(lambda _: b"", os.urandom, package="kms", settings={"url": "x"}).seal(ROOT)
    assert "key_id" in refused.value.why
    assert refused.value.next_step == "--set key_id=VALUE"


def test_one_that_cannot_be_made_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> KeyService:
        raise KeyError("key_id")

    with pytest.raises(ConfigurationError, match="cannot be made") as refused:
        installed(monkeypatch, broken).seal(ROOT)
    assert "KeyError" in refused.value.why

"""Whoever keeps the root key gives back what it was given, to those alone who can say its secret."""

from __future__ import annotations

import os
import shutil
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.adapters.keys.transit_server import TransitServer

from wardstead.adapters.keys.passphrase import Passphrase, WrongPassphrase
from wardstead.adapters.keys.shares import Shares, WrongShares
from wardstead.adapters.keys.token import Token, TokenFailed
from wardstead.adapters.keys.transit import Transit, TransitFailed
from wardstead.crypto.sealed_root import KeyProvider, SealedRoot, read_sealed, write_sealed
from wardstead.kernel.errors import CallerError, ConfigurationError, WardsteadError

ROOT = bytes(range(32))
MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
needs_softhsm = pytest.mark.skipif(
    not MODULE.exists() or shutil.which("softhsm2-util") is None, reason="SoftHSM is not installed"
)


def says(*answers: str) -> Callable[[str], bytes]:
    left = iter(answers)
    return lambda _what: next(left).encode()


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A fresh SoftHSM token with the PIN 1234. One for all: the library reads its configuration once in a process."""
    folder = tmp_path_factory.mktemp("tokens")
    configuration = folder / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {folder}\nobjectstore.backend = file\nlog.level = ERROR\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(configuration))
        made = ["softhsm2-util", "--init-token", "--free", "--label", "wardstead", "--pin", "1234", "--so-pin", "12345678"]
        subprocess.run(made, check=True, capture_output=True)
        yield "wardstead"


@pytest.fixture
def server() -> Iterator[TransitServer]:
    with TransitServer() as running:
        yield running


def round_trip(provider: KeyProvider) -> SealedRoot:
    sealed = read_sealed(write_sealed(provider.seal(ROOT)), "root.key.sealed")
    assert provider.open(sealed) == ROOT
    assert ROOT.hex() not in write_sealed(sealed).decode()
    return sealed


def test_a_passphrase_opens_what_it_sealed_and_another_does_not() -> None:
    sealed = round_trip(Passphrase(lambda _what: b"correct horse battery", os.urandom))
    with pytest.raises(WrongPassphrase) as caught:
        Passphrase(lambda _what: b"correct horse batters", os.urandom).open(sealed)
    assert "batter" not in str(caught.value)


def test_a_short_passphrase_is_refused() -> None:
    with pytest.raises(CallerError, match="12 characters"):
        Passphrase(lambda _what: b"sesame", os.urandom).seal(ROOT)


@pytest.mark.parametrize(
    ("name", "value"),
    [("salt", "AAAA"), ("salt", 3), ("memory_kib", 1), ("memory_kib", 1 << 40), ("iterations", 0), ("lanes", "four")],
)
def test_parameters_that_cannot_be_are_refused_before_any_work(name: str, value: str | int) -> None:
    provider = Passphrase(lambda _what: b"correct horse battery", os.urandom)
    sealed = provider.seal(ROOT)
    altered = SealedRoot(provider=sealed.provider, parameters={**sealed.parameters, name: value}, sealed=sealed.sealed)
    with pytest.raises(ConfigurationError):
        provider.open(altered)


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 6).flatmap(lambda n: st.tuples(st.integers(2, n), st.just(n))), st.randoms(use_true_random=False))
def test_any_threshold_of_shares_opens_and_one_fewer_does_not(size: tuple[int, int], choice: object) -> None:
    threshold, holders = size
    made: list[str] = []
    sealed = Shares(says(), os.urandom, threshold=threshold, holders=holders, on_made=made.extend).seal(ROOT)
    some = choice.sample(made, threshold)  # type: ignore[attr-defined]
    assert Shares(says(*some), os.urandom).open(sealed) == ROOT
    with pytest.raises(WrongShares):
        Shares(says(*some[:-1], some[0]), os.urandom).open(sealed)
    other = bytes(reversed(ROOT))
    resealed = Shares(says(*some), os.urandom).reseal(sealed, other)
    assert Shares(says(*some), os.urandom).open(resealed) == other


def test_a_misspelt_share_is_named_by_its_number_not_by_its_words() -> None:
    made: list[str] = []
    sealed = Shares(says(), os.urandom, threshold=2, holders=3, on_made=made.extend).seal(ROOT)
    words = made[1].split()
    words[7] = "academic" if words[7] != "academic" else "acid"
    with pytest.raises(WrongShares, match="share 2") as caught:
        Shares(says(made[0].upper(), " ".join(words)), os.urandom).open(sealed)
    assert words[8] not in str(caught.value)


@pytest.mark.parametrize(("threshold", "holders"), [(1, 3), (4, 3), (2, 17), (0, 0)])
def test_a_threshold_that_is_none_is_refused(threshold: int, holders: int) -> None:
    with pytest.raises(CallerError, match="no threshold"):
        Shares(says(), os.urandom, threshold=threshold, holders=holders, on_made=lambda _shares: None).seal(ROOT)


@needs_softhsm
def test_a_token_opens_what_it_sealed_and_its_key_cannot_be_taken_out(token: str) -> None:
    import pkcs11

    sealed = round_trip(Token(says(*["1234"] * 2), os.urandom, module=str(MODULE), token=token, key="root", make=True))
    session = pkcs11.lib(str(MODULE)).get_token(token_label=token).open(user_pin="1234")
    with session as opened:
        key = opened.get_key(label="root")
        with pytest.raises(pkcs11.PKCS11Error):
            _ = key[pkcs11.Attribute.VALUE]
    with pytest.raises(TokenFailed, match="does not open"):
        Token(says("9999"), os.urandom).open(sealed)
    for altered in (
        SealedRoot(provider="pkcs11", parameters={**sealed.parameters, "key": "another"}, sealed=sealed.sealed),
        SealedRoot(provider="pkcs11", parameters={**sealed.parameters, "note": "x"}, sealed=sealed.sealed),
        SealedRoot(provider="pkcs11", parameters=sealed.parameters, sealed=_flipped(sealed.sealed)),
    ):
        with pytest.raises(TokenFailed):
            Token(says("1234"), os.urandom).open(altered)


@needs_softhsm
def test_a_token_without_the_key_is_told(token: str) -> None:
    with pytest.raises(TokenFailed, match="NoSuchKey") as refused:
        Token(says("1234"), os.urandom, module=str(MODULE), token=token, key="absent").seal(ROOT)
    assert "--make-key" in refused.value.next_step
    assert "backup" not in refused.value.next_step, "nothing lies under it yet"


def test_a_module_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such PKCS#11 module"):
        Token(says("1"), os.urandom, module=str(tmp_path / "no.so"), token="t", key="k").seal(ROOT)


def test_a_transit_server_opens_what_it_sealed(server: TransitServer) -> None:
    place = {"url": server.url, "key": "wardstead", "ca_file": server.ca_file}
    sealed = round_trip(Transit(lambda _what: b"s.token", **place))
    assert sealed.sealed.startswith("vault:v1:")
    server.rotate()
    assert Transit(lambda _what: b"s.token").reseal(sealed, ROOT).sealed.startswith("vault:v2:")
    altered = SealedRoot(provider="transit", parameters={**sealed.parameters, "note": "x"}, sealed=sealed.sealed)
    with pytest.raises(TransitFailed, match="400"):
        Transit(lambda _what: b"s.token").open(altered)
    with pytest.raises(TransitFailed, match="403") as caught:
        Transit(lambda _what: b"s.other").open(sealed)
    assert "s.other" not in str(caught.value)


def test_a_transit_server_that_nobody_vouches_for_is_not_asked(server: TransitServer) -> None:
    with pytest.raises(TransitFailed, match=r"cannot be asked.*CERTIFICATE_VERIFY_FAILED.*--ca-file"):
        Transit(lambda _what: b"s.token", url=server.url, key="wardstead").seal(ROOT)
    assert not server.seen


def test_the_root_key_does_not_travel_without_tls() -> None:
    with pytest.raises(CallerError, match="without TLS"):
        Transit(lambda _what: b"s.token", url="http://bao.example:8200", key="k").seal(ROOT)


@pytest.mark.parametrize("data", ["", "[]", '{"data": {}}', '{"data": {"plaintext": 3}}', '{"data": {"plaintext": "AAAA"}}'])
def test_an_answer_that_is_no_key_is_refused(server: TransitServer, data: str) -> None:
    sealed = Transit(lambda _what: b"s.token", url=server.url, key="wardstead", ca_file=server.ca_file).seal(ROOT)
    server.answer = data.encode()
    with pytest.raises(WardsteadError):
        Transit(lambda _what: b"s.token").open(sealed)


@pytest.mark.parametrize("data", [b"", b"{}", b'{"provider": "passphrase"}', b'{"version": 2}', b"\xff" * 40, b"[" * 20_000])
def test_what_is_no_sealed_root_key_is_refused_with_its_place(data: bytes) -> None:
    with pytest.raises(ConfigurationError, match=r"root\.key\.sealed"):
        read_sealed(data, "keys/root.key.sealed")


def _flipped(text: str) -> str:
    data = bytearray(b64decode(text))
    data[-1] ^= 1
    return b64encode(data).decode()

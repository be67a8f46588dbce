"""Who keeps the root key: the key providers, and where what opens it comes from."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from getpass import getpass
from pathlib import Path

from wardstead.adapters.keys.asking import SECRET_OPTION, UNSEAL_VARIABLE, Asker
from wardstead.adapters.keys.folder import KeyFolder
from wardstead.adapters.keys.passphrase import Ask, Passphrase
from wardstead.adapters.keys.service import Service
from wardstead.adapters.keys.shares import Shares
from wardstead.adapters.keys.token import Token
from wardstead.adapters.keys.transit import Transit
from wardstead.crypto.sealed_root import RESTORE, KeyProvider, SealedRoot
from wardstead.isolation.posture import Check, State
from wardstead.kernel.errors import CallerError, ConfigurationError, WardsteadError

_CREDENTIAL = "wardstead-unseal"
"""The name of what systemd hands over (``LoadCredential=``)."""


@dataclass(frozen=True, slots=True)
class TokenPlace:
    """A key in a PKCS#11 token."""

    module: str
    token: str
    key: str
    make: bool


@dataclass(frozen=True, slots=True)
class TransitPlace:
    """A key in a transit engine."""

    url: str
    mount: str
    key: str
    ca_file: str


def asker(environment: Mapping[str, str]) -> Asker:
    """Asks the files that are named in the environment, else systemd's, else the terminal."""
    named = [Path(one) for one in environment.get(UNSEAL_VARIABLE, "").split(":") if one]
    credential = Path(environment.get("CREDENTIALS_DIRECTORY", "")) / _CREDENTIAL
    files = named or ([credential] if "CREDENTIALS_DIRECTORY" in environment and credential.exists() else [])
    return Asker(files, _prompt if sys.stdin.isatty() else None)


def new_secret(file: Path | None) -> Asker:
    """Asks for a secret that is new: where it is typed, twice."""
    return _asked_for_now(file, _prompt_twice)


def opener(ask: Ask, sealed: SealedRoot) -> KeyProvider:
    """Who opens this root key. Raises ``ConfigurationError`` for a provider that there is not."""
    entropy = os.urandom
    providers: dict[str, Callable[[], KeyProvider]] = {
        Passphrase.name: lambda: Passphrase(ask, entropy),
        Shares.name: lambda: Shares(ask, entropy),
        Token.name: lambda: Token(ask, entropy),
        Transit.name: lambda: Transit(ask),
        Service.name: lambda: Service(ask, entropy),
    }
    if sealed.provider not in providers:
        raise ConfigurationError(
            f"there is no key provider {sealed.provider[:40]!r}", why=f"there are {', '.join(sorted(providers))}",
            next_step=RESTORE,
        )  # fmt: skip
    return providers[sealed.provider]()


def plain_keys(folder: Path) -> KeyFolder:
    """The keys of a deployment that is being made."""
    return KeyFolder(folder, os.urandom, lambda sealed: opener(asker({}), sealed), {})


def passphrase_provider(file: Path | None) -> KeyProvider:
    """A new passphrase, from a file or as it is typed."""
    return Passphrase(new_secret(file), os.urandom)


def shares_provider(threshold: int, holders: int, on_made: Callable[[Sequence[str]], None]) -> KeyProvider:
    """New shares; they are tried before ``on_made`` has them."""
    made: list[str] = []

    def keep(shares: Sequence[str]) -> None:
        made.extend(shares)
        on_made(shares)

    given = iter(made)
    return Shares(lambda _what: next(given).encode(), os.urandom, threshold=threshold, holders=holders, on_made=keep)


def token_provider(place: TokenPlace, file: Path | None) -> KeyProvider:
    """A key in a token; its PIN from a file or as it is typed."""
    ask = _asked_for_now(file, _prompt)
    return Token(ask, os.urandom, module=place.module, token=place.token, key=place.key, make=place.make)


def transit_provider(place: TransitPlace, file: Path | None) -> KeyProvider:
    """A key in a transit engine; the token from a file or as it is typed."""
    ask = _asked_for_now(file, _prompt)
    return Transit(ask, url=place.url, mount=place.mount, key=place.key, ca_file=place.ca_file)


def service_provider(package: str, settings: Sequence[str], timeout_s: int, file: Path | None) -> KeyProvider:
    """A key in somebody else's service; ``settings`` are ``name=value``. Raises ``CallerError`` for others."""
    pairs = [one.partition("=") for one in settings]
    wrong = [one for one, (name, equals, _) in zip(settings, pairs, strict=True) if not (name.strip() and equals)]
    if wrong:
        raise CallerError(f"not a setting: {wrong[0][:80]!r}", where="--set", next_step="--set NAME=VALUE")
    ask = _asked_for_now(file, _prompt)
    said = {name.strip(): value for name, _, value in pairs}
    return Service(ask, os.urandom, package=package, settings=said, timeout_s=timeout_s)


def key_service_check(keys: KeyFolder, environment: Mapping[str, str]) -> Check | None:
    """Whether the service that keeps the root key can be asked, and keeps the contract; ``None`` where none keeps it."""
    sealed = keys.protection
    if sealed is None or sealed.provider != Service.name:
        return None
    title, where = "The key service keeps its contract", sealed.parameters.get("package")
    try:
        why = Service(asker(environment), os.urandom).check(sealed)
    except WardsteadError as error:
        return Check("keys.service", title, State.RED, f"{where}: {error.what} {error.why}".strip(), error.next_step)
    if why:
        return Check("keys.service", title, State.RED, f"{where}: {why}", "tell those who made it; choose another provider")
    return Check("keys.service", title, State.GREEN, f"{where}: a key came back, another context and altered ones were refused")


def write_shares(folder: Path, shares: Sequence[str]) -> list[Path]:
    """A file for each holder. Raises ``CallerError`` over files that are there."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    written = []
    for number, words in enumerate(shares, 1):
        path = folder / f"share-{number}.txt"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            raise CallerError("there is such a file already", where=str(path), next_step="name an empty folder") from None
        with os.fdopen(descriptor, "w") as file:
            file.write(words + "\n")
            file.flush()
            os.fsync(file.fileno())
        written.append(path)
    return written


def _asked_for_now(file: Path | None, prompt: Callable[[str], str]) -> Asker:
    return Asker([] if file is None else [file], prompt if sys.stdin.isatty() else None, SECRET_OPTION)


def _prompt(what: str) -> str:
    return getpass(f"{what}: ", stream=sys.stderr)


def _prompt_twice(what: str) -> str:
    first = _prompt(f"new {what}")
    if _prompt(f"new {what}, again") != first:
        raise CallerError("the two are not the same", next_step="try again")
    return first

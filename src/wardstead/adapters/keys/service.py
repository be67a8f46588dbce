"""The root key under a key of somebody else's service, which another package knows how to ask.

The package runs in our process, with our rights: whoever installs it trusts it as they trust us. It is held to the contract
before anything is sealed, and each call to a time; whatever it raises is told by its kind alone, for its message may say more.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from importlib.metadata import entry_points
from threading import Thread
from typing import Final, TypeVar

from wardstead.adapters.keys.passphrase import Ask
from wardstead.crypto.envelope import KEY_SIZE
from wardstead.crypto.key_service import GROUP, MOST_BYTES, KeyService, KeyServiceFailed, Make, breach
from wardstead.crypto.sealed_root import RESTORE, SealedRoot, context_of, require_root
from wardstead.kernel.clock import Entropy
from wardstead.kernel.errors import ConfigurationError

T = TypeVar("T")
TIMEOUT_S: Final = 10
_MOST_S: Final = 120
_SETTING: Final = "set."


class Service:
    """The ``KeyProvider`` that asks a ``KeyService``."""

    name = "service"

    def __init__(
        self,
        ask: Ask,
        entropy: Entropy,
        *,
        package: str = "",
        settings: Mapping[str, str] | None = None,
        timeout_s: int = TIMEOUT_S,
    ) -> None:
        """``package`` (the entry point's name), its ``settings`` and ``timeout_s``: wanted to seal alone."""
        self._ask, self._entropy = ask, entropy
        self._parameters: dict[str, str | int] = {"package": package, "timeout_s": timeout_s}
        self._parameters |= {f"{_SETTING}{name}": value for name, value in (settings or {}).items()}

    def seal(self, root: bytes) -> SealedRoot:
        """Raises ``ConfigurationError`` where there is no such service or it breaks the contract, ``KeyServiceFailed``."""
        return self.reseal(SealedRoot(provider=self.name, parameters=self._parameters, sealed=""), root)

    def reseal(self, sealed: SealedRoot, root: bytes) -> SealedRoot:
        """With the same service, which keeps the contract today, too."""
        service = self._kept(sealed)
        wrapped: object = service.wrap(root, context_of(self.name, sealed.parameters))
        if not isinstance(wrapped, bytes) or not 0 < len(wrapped) <= MOST_BYTES or root in wrapped:
            raise KeyServiceFailed("the key service's answer is no wrapped key", where=sealed.text("package"))
        return SealedRoot(provider=self.name, parameters=sealed.parameters, sealed=b64encode(wrapped).decode())

    def open(self, sealed: SealedRoot) -> bytes:
        """Raises ``KeyServiceFailed``; ``ConfigurationError`` where its package is not installed."""
        try:
            wrapped = b64decode(sealed.sealed, validate=True)
        except ValueError:
            raise ConfigurationError("this is no sealed root key", where=sealed.text("package"), next_step=RESTORE) from None
        root: object = self._service(sealed).unwrap(wrapped, context_of(self.name, sealed.parameters))
        if not isinstance(root, bytes):
            raise KeyServiceFailed("the key service's answer is no key", where=sealed.text("package"))
        return require_root(root)

    def check(self, sealed: SealedRoot) -> str:
        """What this service does against the contract; empty where it keeps to it. Raises ``KeyServiceFailed``."""
        return breach(self._service(sealed), self._entropy(KEY_SIZE))

    def _kept(self, sealed: SealedRoot) -> KeyService:
        service = self._service(sealed)
        why = breach(service, self._entropy(KEY_SIZE))
        if why:
            raise ConfigurationError(
                "the key service breaks the contract", where=sealed.text("package"), why=why, next_step="tell those who made it"
            )
        return service

    def _service(self, sealed: SealedRoot) -> KeyService:
        package, timeout_s = sealed.text("package"), sealed.number("timeout_s", 1, _MOST_S)
        settings = _Settings(
            {name.removeprefix(_SETTING): str(sealed.parameters[name]) for name in sealed.parameters if name.startswith(_SETTING)}
        )
        make = _entry_point(package)
        try:
            made = _in_time(lambda: make(settings, self._ask), package, timeout_s)
        except KeyServiceFailed as error:
            raise ConfigurationError(
                f"the key service {package!r} cannot be made", where=package, why=error.why, next_step=error.next_step
            ) from None
        return _InTime(made, package, timeout_s)


class _Settings(dict[str, str]):
    """What ``--set`` said. A setting that a package wants and nobody gave is told by its name."""

    def __missing__(self, name: object) -> str:
        why, next_step = f"it wants the setting {str(name)[:40]!r}", f"--set {str(name)[:40]}=VALUE"
        raise KeyServiceFailed("a setting is missing", why=why, next_step=next_step)


class _InTime:
    """A ``KeyService`` that is waited for only so long, and raises ``KeyServiceFailed`` alone."""

    def __init__(self, service: KeyService, package: str, timeout_s: int) -> None:
        self._service, self._package, self._timeout_s = service, package, timeout_s

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """See ``KeyService.wrap``."""
        return _in_time(lambda: self._service.wrap(key, context), self._package, self._timeout_s)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """See ``KeyService.unwrap``."""
        return _in_time(lambda: self._service.unwrap(wrapped, context), self._package, self._timeout_s)


def _entry_point(package: str) -> Make:
    found = [one for one in entry_points(group=GROUP) if one.name == package]
    if len(found) != 1:
        known = sorted({one.name for one in entry_points(group=GROUP)})
        raise ConfigurationError(
            f"there is no key service {package[:80]!r}" if not found else f"several packages bring a key service {package!r}",
            why=f"installed are: {', '.join(known) or 'none'}", next_step="install its package into our environment",
        )  # fmt: skip
    try:
        make: Make = found[0].load()
    except (Exception, SystemExit) as error:  # noqa: BLE001 -- whatever somebody else's code raises while it is loaded
        raise ConfigurationError(
            f"the key service {package!r} cannot be loaded", where=package, why=f"it raises {type(error).__name__}"
        ) from None
    return make


def _in_time(call: Callable[[], T], package: str, timeout_s: int) -> T:
    """In a thread of its own, for Python ends no thread: one that hangs is left behind, and nothing waits for it."""
    answer: Future[T] = Future()
    Thread(target=_answer, args=(call, answer), daemon=True).start()
    try:
        return answer.result(timeout_s)
    except KeyServiceFailed:
        raise
    except TimeoutError:
        why = "it raises TimeoutError" if answer.done() else f"it takes longer than {timeout_s} s"
    except (Exception, SystemExit) as error:  # noqa: BLE001 -- its message may quote a secret: its kind alone is told
        why = f"it raises {type(error).__name__}, where KeyServiceFailed is due"
    raise KeyServiceFailed("the key service failed", where=package, why=why, next_step="'wardstead doctor' tries it")


def _answer(call: Callable[[], T], into: Future[T]) -> None:
    try:
        into.set_result(call())
    except BaseException as error:  # noqa: BLE001 -- it is raised again in the thread that asks
        into.set_exception(error)

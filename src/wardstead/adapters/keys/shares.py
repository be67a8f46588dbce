"""The root key under a key that nobody holds: so many of its shares together give it (Shamir 1979, as SLIP-39 has it).

Shares are lists of words with a checksum, which people can write down and read out. Fewer than the threshold say nothing.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from shamir_mnemonic import MnemonicError, combine_mnemonics, generate_mnemonics
from shamir_mnemonic.share import Share

from wardstead.adapters.keys.passphrase import Ask
from wardstead.crypto.envelope import KEY_SIZE, NONCE_SIZE, unwrap, wrap
from wardstead.crypto.sealed_root import RESTORE, SealedRoot, context_of
from wardstead.kernel.clock import Entropy
from wardstead.kernel.errors import CallerError, ConfigurationError, IntegrityError

MOST_HOLDERS = 16
"""SLIP-39 numbers shares with four bits."""


class WrongShares(ConfigurationError):
    """Shares of another key, too few of them, or misspelt."""

    code = "wrong_shares"


class Shares:
    """The ``KeyProvider`` that several people keep together."""

    name = "shares"

    def __init__(
        self,
        ask: Ask,
        entropy: Entropy,
        *,
        threshold: int = 0,
        holders: int = 0,
        on_made: Callable[[Sequence[str]], None] | None = None,
    ) -> None:
        """``threshold`` of ``holders`` and ``on_made``, which gets the shares once, are wanted to seal alone."""
        self._ask, self._entropy, self._threshold, self._holders, self._on_made = ask, entropy, threshold, holders, on_made

    def seal(self, root: bytes) -> SealedRoot:
        """Raises ``CallerError`` for a threshold that is none."""
        if self._on_made is None or not 2 <= self._threshold <= self._holders <= MOST_HOLDERS:
            raise CallerError(
                f"{self._threshold} of {self._holders} holders is no threshold",
                why=f"it is at least 2, and at most {MOST_HOLDERS} hold a share", next_step="--threshold 3 --holders 5",
            )  # fmt: skip
        key = self._entropy(KEY_SIZE)
        made = generate_mnemonics(1, [(self._threshold, self._holders)], key, iteration_exponent=0)[0]
        parameters: dict[str, str | int] = {
            "threshold": self._threshold, "holders": self._holders, "set": Share.from_mnemonic(made[0]).identifier,
        }  # fmt: skip
        sealed = self._sealed(key, root, parameters)
        self._on_made(made)
        return sealed

    def reseal(self, sealed: SealedRoot, root: bytes) -> SealedRoot:
        """For the same shares. Raises ``WrongShares``."""
        key = self._joined(sealed)
        self._opened(key, sealed)
        return self._sealed(key, root, sealed.parameters)

    def _sealed(self, key: bytes, root: bytes, parameters: dict[str, str | int]) -> SealedRoot:
        wrapped = wrap(AESGCM(key), self._entropy(NONCE_SIZE), root, context_of(self.name, parameters))
        return SealedRoot(provider=self.name, parameters=parameters, sealed=b64encode(wrapped).decode())

    def open(self, sealed: SealedRoot) -> bytes:
        """Asks for a share at a time. Raises ``WrongShares`` that names the first one that is wrong, never its words."""
        return self._opened(self._joined(sealed), sealed)

    def _opened(self, key: bytes, sealed: SealedRoot) -> bytes:
        try:
            return unwrap(AESGCM(key), b64decode(sealed.sealed), context_of(self.name, sealed.parameters))
        except (IntegrityError, ValueError):
            raise self._wrong() from None

    def _wrong(self) -> WrongShares:
        return WrongShares(
            "these shares do not open the root key", why="they are of another set, or keys/root.key.sealed was altered",
            next_step=RESTORE,
        )  # fmt: skip

    def _joined(self, sealed: SealedRoot) -> bytes:
        threshold = sealed.number("threshold", 2, MOST_HOLDERS)
        given: dict[int, str] = {}
        for number in range(1, threshold + 1):
            words = " ".join(self._ask(f"share {number} of {threshold}").decode("utf-8", "replace").lower().split())
            given[self._index(words, sealed, number)] = words
        if len(given) < threshold:
            raise WrongShares("the same share was given twice", next_step="each holder gives their own")
        try:
            key: bytes = combine_mnemonics(list(given.values()))
        except MnemonicError:
            raise self._wrong() from None
        if len(key) != KEY_SIZE:
            raise self._wrong()
        return key

    def _index(self, words: str, sealed: SealedRoot, number: int) -> int:
        try:
            share = Share.from_mnemonic(words)
        except MnemonicError:
            raise WrongShares(
                f"share {number} is misspelt, or no share", next_step="its words carry a checksum: look again"
            ) from None
        if share.identifier != sealed.parameters.get("set"):
            next_step = "give one of those that were made last for this deployment"
            raise WrongShares(f"share {number} is of another set", next_step=next_step)
        index: int = share.index
        return index

"""The local authority: the server's certificate lives for days and is renewed before its end, and the authority itself passes on.

A new authority is announced first: ``tls/ca.crt`` holds both, for clients to take up. Only later does it certify the server; the
old one stays in the file until it ends. A certificate that is not of our authority is its owner's, and left alone.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wardstead.adapters.store.engine.durable_file import write_durably
from wardstead.bootstrap.deployment import Deployment
from wardstead.crypto.pki import CertifiedKey, Outline, belongs, is_issued_by, make_authority, make_leaf, outlines, split
from wardstead.kernel.clock import rfc3339
from wardstead.kernel.errors import ConfigurationError

_DAY_MS: Final = 86_400_000
_ANNOUNCE_DAYS: Final = 365
"""So long before its end an authority's successor is announced."""
_OVERLAP_DAYS: Final = 90
"""So long after it was announced the successor begins to certify."""


@dataclass(frozen=True, slots=True)
class Certified:
    """How it stands. ``own``: the server's certificate is of the local authority, which can renew it.

    ``authorities`` are all that clients trust; ``issuing`` and ``next`` are fingerprints, empty where there is none.
    """

    server: Outline
    authorities: tuple[Outline, ...]
    issuing: str
    next: str
    own: bool


@dataclass(frozen=True, slots=True)
class Done:
    """What was changed, as an act of administration tells it."""

    act: str
    told: dict[str, str]


class LocalAuthority:
    """The files in ``tls/``, and what may be done with them."""

    def __init__(self, tls: Path, days: int) -> None:
        """``days``: how long the server's certificates are valid."""
        self._tls, self._days = tls, days

    def certified(self) -> Certified:
        """How it stands. Raises ``ConfigurationError`` where the files cannot be read."""
        bundle, leaf = split(self._read("ca.crt")), self._read("server.crt")
        issuing, following = self._of_key(bundle, "ca.key"), self._of_key(bundle, "next-ca.key")
        return Certified(
            server=outlines(leaf)[0],
            authorities=tuple(outlines(one)[0] for one in bundle),
            issuing=outlines(issuing)[0].fingerprint if issuing else "",
            next=outlines(following)[0].fingerprint if following else "",
            own=bool(issuing) and any(is_issued_by(leaf, one) for one in bundle),
        )

    def keep(self, now_ms: int) -> list[Done]:
        """Do what is due: renew, announce, pass on."""
        found, done = self.certified(), list[Done]()
        if not found.own:
            return done
        issuing = next(one for one in found.authorities if one.fingerprint == found.issuing)
        following = [one for one in found.authorities if one.fingerprint == found.next]
        if self._issuer() != found.issuing:
            return [self.pass_on(now_ms)]  # it was broken off
        if not following and issuing.days_left(now_ms) < _ANNOUNCE_DAYS:
            done.append(self.announce(now_ms))
        elif following and now_ms - following[0].not_before_ms > _OVERLAP_DAYS * _DAY_MS:
            return [self.pass_on(now_ms)]
        if self._is_due(found.server, now_ms) or not self._usable():
            done.append(self.renew(now_ms))
        return done

    def renew(self, now_ms: int) -> Done:
        """A new key and certificate for the server, for the same names."""
        found = self._required()
        issuing = self._of_key(split(self._read("ca.crt")), "ca.key")
        leaf = make_leaf(CertifiedKey(issuing, self._read("ca.key")), found.server.names, now_ms, days=self._days)
        # Between the two writes they do not fit: whoever starts then finds it, and renews.
        write_durably(self._tls / "server.key", [leaf.key])
        write_durably(self._tls / "server.crt", [leaf.certificate], mode=0o644)
        return Done("tls.renewed", _told(outlines(leaf.certificate)[0]))

    def announce(self, now_ms: int) -> Done:
        """A second authority, which clients trust from now on, and which certifies nothing yet."""
        found = self._required()
        if found.next:
            raise ConfigurationError(
                "a new authority is announced already",
                where=str(self._tls / "ca.crt"),
                next_step="'wardstead tls rotate --finish'",
            )
        made = make_authority(found.server.names, now_ms)
        write_durably(self._tls / "next-ca.key", [made.key])
        self._write_bundle([*split(self._read("ca.crt")), made.certificate], now_ms)
        return Done("tls.authority_announced", _told(outlines(made.certificate)[0]))

    def pass_on(self, now_ms: int) -> Done:
        """The announced authority certifies from now on; the old one stays trusted until it ends, and its key is gone.

        What was broken off is gone on with: the server's certificate, the last that is written, tells.
        """
        found, before = self._required(), self._issuer()
        if found.next:
            (self._tls / "next-ca.key").replace(self._tls / "ca.key")
        elif before == found.issuing:
            raise ConfigurationError("no new authority is announced", where=str(self._tls), next_step="'wardstead tls rotate'")
        bundle = split(self._read("ca.crt"))
        issuing = self._of_key(bundle, "ca.key")
        self._write_bundle([issuing, *(one for one in bundle if one != issuing)], now_ms)
        self.renew(now_ms)
        return Done("tls.authority_passed_on", {"from": before, "to": outlines(issuing)[0].fingerprint})

    def _issuer(self) -> str:
        """The fingerprint of the authority that the server's certificate is of; empty where it is none of ours."""
        leaf = self._read("server.crt")
        return next((outlines(one)[0].fingerprint for one in split(self._read("ca.crt")) if is_issued_by(leaf, one)), "")

    def _is_due(self, server: Outline, now_ms: int) -> bool:
        """When a third of its time is left; also when the settings ask for a shorter one than it has."""
        return 3 * (server.not_after_ms - now_ms) < server.not_after_ms - server.not_before_ms or (
            server.not_after_ms - now_ms > (self._days + 1) * _DAY_MS
        )

    def _usable(self) -> bool:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self._tls / "server.crt", self._tls / "server.key")
        except OSError:  # ssl.SSLError is one
            return False
        return True

    def _write_bundle(self, certificates: Sequence[bytes], now_ms: int) -> None:
        """Those that have not ended. The one that certifies is the first: some clients read no further."""
        kept = [one for one in certificates if outlines(one)[0].not_after_ms > now_ms]
        write_durably(self._tls / "ca.crt", kept, mode=0o644)

    def _of_key(self, bundle: Sequence[bytes], name: str) -> bytes:
        """The certificate in the bundle whose key is in this file; empty where there is none."""
        if not (self._tls / name).exists():
            return b""
        key = self._read(name)
        return next((one for one in bundle if belongs(one, key)), b"")

    def _required(self) -> Certified:
        found = self.certified()
        if not found.own:
            raise ConfigurationError(
                "the server's certificate is not of the local authority", where=str(self._tls / "server.crt"),
                why="whoever issued it renews it", next_step="put a new server.crt and server.key there",
            )  # fmt: skip
        return found

    def _read(self, name: str) -> bytes:
        path = self._tls / name
        try:
            content = path.read_bytes()
            if name.endswith(".crt"):
                outlines(content)
        except OSError as error:
            raise ConfigurationError("a file of TLS cannot be read", where=str(path), why=error.strerror or "") from None
        except ValueError:
            raise ConfigurationError("there is no certificate in it", where=str(path), why="PEM is expected") from None
        return content


def local_authority(deployment: Deployment) -> LocalAuthority:
    """The one of a deployment."""
    return LocalAuthority(deployment.places.tls, deployment.settings.server.certificate_days)


def _told(one: Outline) -> dict[str, str]:
    return {"fingerprint": one.fingerprint, "ends": rfc3339(one.not_after_ms)}


def record(deployment: Deployment, done: Sequence[Done]) -> None:
    """As acts of administration, in the system's name."""
    for one in done:
        deployment.admin_record.record_admin("system", one.act, one.told)

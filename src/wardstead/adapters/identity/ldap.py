"""People and groups of an LDAP directory, read whole by OpenLDAP's own client in a process of its own, and passwords tried there.

``ldapsearch`` and ``ldapwhoami`` are what distributions keep safe (docs/adr/0002-dependencies.md). An answer counts only as a
whole: any result but success, a time-out or an entry that cannot be read is a failure, never "nobody".
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from wardstead.kernel.errors import ConfigurationError, PeerError

_PAGE: Final = 500
_MOST_BYTES: Final = 256 << 20
_NOT_TAKEN: Final = frozenset({19, 32, 48, 49, 53})
"""Constraint (locked), no such entry, inappropriate authentication, wrong password, unwilling (switched off): RFC 4511, 4.1.9."""
_ATTRIBUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_SPACES: Final = re.compile(r"\s*([,=+])\s*")


class DirectoryFailed(PeerError):
    """The directory does not answer, or not as a whole."""

    code = "directory_failed"


class DirectorySlow(DirectoryFailed):
    """It has not answered in the time that it was given."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where the directory is, and as whom it is read. ``start_tls``: for ``ldap://``; without, only where it is said outright.

    ``timeout_s``: how long it may be silent; ``whole_s``: how long one question may take altogether.
    """

    url: str
    bind_dn: str
    password: bytes
    ca_file: str
    start_tls: bool
    timeout_s: float
    whole_s: float


@dataclass(frozen=True, slots=True)
class Search:
    """What is read: everything below ``base`` that ``filter`` fits."""

    base: str
    filter: str
    attributes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry; ``values`` by attribute, in small letters."""

    dn: str
    values: Mapping[str, tuple[str, ...]]

    def first(self, attribute: str) -> str:
        """The first value, or nothing."""
        return next(iter(self.values.get(attribute.lower(), ())), "")


def search(server: Server, wanted: Search) -> list[Entry]:
    """Every entry. Raises ``DirectoryFailed``, and ``ConfigurationError`` where there is no client."""
    if not wanted.filter.startswith("(") or any(not _ATTRIBUTE.fullmatch(one) for one in wanted.attributes):
        raise ConfigurationError("not a filter, or not an attribute", where=wanted.filter[:80])
    paged = ["-LLL", "-o", "ldif-wrap=no", "-E", f"!pr={_PAGE}/noprompt", "-l", str(max(1, int(server.timeout_s)))]
    done = _asked(server, "ldapsearch", *paged, "-b", wanted.base, "-s", "sub", wanted.filter, *wanted.attributes)
    if done.returncode != 0:
        raise _failed(server, _said(done.stderr) or f"ldapsearch ended with {done.returncode}")
    if len(done.stdout) > _MOST_BYTES:
        raise _failed(server, f"it answers with more than {_MOST_BYTES} bytes")
    try:
        return list(entries(done.stdout.decode()))
    except ValueError:  # also what is no UTF-8, and no base64
        raise _failed(server, "its answer cannot be read") from None


def binds(server: Server) -> bool:
    """Whether the directory takes ``bind_dn`` with this password. Raises as ``search``.

    An empty password is never asked about: a directory takes it from anybody (RFC 4513, section 5.1.2).
    """
    if not server.bind_dn or not server.password or b"\0" in server.password:
        return False
    done = _asked(server, "ldapwhoami")
    if done.returncode in _NOT_TAKEN:
        return False
    if done.returncode != 0 or not done.stdout.startswith(b"dn:"):
        raise _failed(server, _said(done.stderr) or f"ldapwhoami ended with {done.returncode}")
    return True


def literal(value: str) -> str:
    """A value that stands for itself in a filter (RFC 4515, section 3)."""
    return "".join(f"\\{byte:02x}" if chr(byte) in "*()\\\0" or byte > 127 else chr(byte) for byte in value.encode())


def _asked(server: Server, name: str, *more: str) -> subprocess.CompletedProcess[bytes]:
    program = shutil.which(name)
    if program is None:
        raise ConfigurationError("there is no LDAP client", why=f"{name} is not installed", next_step="apt install ldap-utils")
    secret = os.memfd_create("bind")
    try:
        os.write(secret, server.password)
        bound = ["-D", server.bind_dn, "-y", f"/proc/self/fd/{secret}"] if server.bind_dn else []
        return subprocess.run(  # noqa: S603 -- a program of the system, by its path, without a shell
            [
                program, "-x", "-o", f"nettimeout={max(1, int(server.timeout_s))}", *(["-ZZ"] if server.start_tls else []),
                "-H", server.url, *bound, *more,
            ],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=server.whole_s, check=False, pass_fds=[secret],
            env=_environment(server), cwd="/",
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        why = f"it takes longer than {server.whole_s:.3g} s"
        raise DirectorySlow(f"the directory {_host(server)} is slow", why=why) from None
    except OSError as error:
        raise _failed(server, error.strerror or str(error)) from None
    finally:
        os.close(secret)


def _environment(server: Server) -> dict[str, str]:
    """Nothing of the machine's or the user's own settings, which could ask for less."""
    given = {"LDAPCONF": "/dev/null", "HOME": "/nonexistent", "LDAPTLS_REQCERT": "demand", "LDAPTLS_PROTOCOL_MIN": "3.3"}
    return given | ({"LDAPTLS_CACERT": server.ca_file} if server.ca_file else {})


def _failed(server: Server, why: str) -> DirectoryFailed:
    said = f"the directory {_host(server)} was not read"
    return DirectoryFailed(said, why=why, next_step="people stay as they were last known")


def _host(server: Server) -> str:
    return urlsplit(server.url).hostname or server.url[:80]


def _said(stderr: bytes) -> str:
    text = " ".join(stderr.decode("utf-8", "replace").split())
    return "".join(one for one in text if one.isprintable())[:200]


def entries(ldif: str) -> Iterator[Entry]:
    """The entries of an LDIF text (RFC 2849) without folded lines. Raises ``ValueError``."""
    for block in re.split(r"\n\n+", ldif.strip("\n")):
        lines = [line for line in block.split("\n") if line and not line.startswith("#")]
        if not lines or lines[0].startswith("ref:"):  # another server would have to be asked: it is not
            continue
        name, dn = _line(lines[0])
        if name != "dn":
            raise ValueError(name)
        values: dict[str, tuple[str, ...]] = {}
        for line in lines[1:]:
            name, value = _line(line)
            values[name] = (*values.get(name, ()), value)
        yield Entry(dn, values)


def _line(line: str) -> tuple[str, str]:
    name, colon, rest = line.partition(":")
    if not colon:
        raise ValueError(line[:20])
    if not rest.startswith(":"):
        return name.lower(), rest.removeprefix(" ")
    try:
        return name.lower(), base64.b64decode(rest[1:].strip(), validate=True).decode()
    except UnicodeDecodeError:  # an identifier in bytes, as Active Directory's objectGUID
        return name.lower(), base64.b64decode(rest[1:].strip(), validate=True).hex()
    except binascii.Error as error:
        raise ValueError(name) from error


def members_of(groups: Sequence[Entry], name: str, member: str) -> dict[str, frozenset[str]]:
    """By group: the names by which its members stand in it, those of groups within it included, however far round they go."""
    inside = {same(group.dn): frozenset(same(one) for one in group.values.get(member.lower(), ())) for group in groups}
    found = {}
    for group in groups:
        reached, waiting = set[str](), [same(group.dn)]
        while waiting:
            one = waiting.pop()
            if one not in reached:
                reached.add(one)
                waiting += inside.get(one, ())
        found[group.first(name)] = frozenset(reached - inside.keys())
    return found


def same(dn: str) -> str:
    """A distinguished name as it can be compared: servers differ in case and in spaces."""
    return _SPACES.sub(r"\1", dn).strip().casefold()

"""OpenLDAP's server in a folder, for tests: Debian's slapd, with TLS under an authority of the test's own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.ports import free_port
from wardstead.crypto.pki import make_authority, make_leaf

PROGRAM = shutil.which("slapd", path="/usr/sbin:/usr/bin:/usr/local/sbin")
INSTALLED = PROGRAM is not None and shutil.which("ldapsearch") is not None
SUFFIX = "dc=example,dc=org"
ADMIN = f"cn=admin,{SUFFIX}"
PASSWORD = "the directory's own secret"
_CONF = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/slapd.pid
TLSCACertificateFile {folder}/ca.crt
TLSCertificateFile {folder}/server.crt
TLSCertificateKeyFile {folder}/server.key
{security}
database mdb
suffix "{suffix}"
rootdn "{admin}"
rootpw "{password}"
directory {folder}/data
maxsize 16777216
limits * size.pr=unlimited size.prtotal=unlimited
access to attrs=userPassword by anonymous auth by * none
access to * by * read
"""


@dataclass
class Slapd:
    """One server. ``security``: a line of its configuration."""

    folder: Path
    security: str = ""
    port: int = field(default_factory=free_port)
    tls_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.crt"

    def start(self) -> None:
        (self.folder / "data").mkdir(exist_ok=True, parents=True)
        if not self.ca_file.exists():
            now = int(time.time() * 1000)
            authority = make_authority(["127.0.0.1"], now)
            leaf = make_leaf(authority, ["127.0.0.1"], now)
            self.ca_file.write_bytes(authority.certificate)
            (self.folder / "server.crt").write_bytes(leaf.certificate)
            (self.folder / "server.key").write_bytes(leaf.key)
        conf = self.folder / "slapd.conf"
        said = {"folder": self.folder, "suffix": SUFFIX, "admin": ADMIN, "password": PASSWORD, "security": self.security}
        conf.write_text(_CONF.format(**said))
        assert PROGRAM is not None
        urls = f"ldap://127.0.0.1:{self.port} ldaps://127.0.0.1:{self.tls_port}"
        self.process = subprocess.Popen([PROGRAM, "-d", "0", "-f", str(conf), "-h", urls], stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while True:
            assert self.process.poll() is None, "slapd ended"
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
            self.process = None

    def change(self, ldif: str, program: str = "ldapmodify") -> None:
        """``ldapmodify -a`` takes additions, too."""
        command = [program, "-x", "-H", f"ldap://127.0.0.1:{self.port}", "-D", ADMIN, "-w", PASSWORD, "-a", "-ZZ"]
        environment = {"LDAPTLS_CACERT": str(self.ca_file), "PATH": "/usr/bin"}
        subprocess.run(command, input=ldif.encode(), check=True, capture_output=True, env=environment)


def person(uid: str, **more: str) -> str:
    lines = [f"dn: uid={uid},ou=people,{SUFFIX}", "objectClass: inetOrgPerson", f"uid: {uid}", f"cn: {uid}", f"sn: {uid}"]
    return "\n".join([*lines, *(f"{name}: {value}" for name, value in more.items())]) + "\n\n"


def group(name: str, *members: str) -> str:
    lines = [f"dn: cn={name},ou=groups,{SUFFIX}", "objectClass: groupOfNames", f"cn: {name}"]
    return "\n".join([*lines, *(f"member: {one}" for one in members)]) + "\n\n"


def uid(name: str) -> str:
    return f"uid={name},ou=people,{SUFFIX}"


def cn(name: str) -> str:
    return f"cn={name},ou=groups,{SUFFIX}"


TREE = "".join(
    f"dn: {dn}\nobjectClass: {kind}\n{more}\n\n"
    for dn, kind, more in (
        (SUFFIX, "dcObject\nobjectClass: organization", "dc: example\no: example"),
        (f"ou=people,{SUFFIX}", "organizationalUnit", "ou: people"),
        (f"ou=groups,{SUFFIX}", "organizationalUnit", "ou: groups"),
    )
)

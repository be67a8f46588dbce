"""What the form of the part about identity cannot say."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from wardstead.config.identity import DirectorySection, IdentitySection, PasskeysSection, ProviderSection
from wardstead.config.sections import ServerSection
from wardstead.kernel.errors import ConfigurationError


def check_passkeys(passkeys: PasskeysSection, server: ServerSection, where: str) -> None:
    if passkeys.rp_id and not re.fullmatch(r"(?=.{1,253}$)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*", passkeys.rp_id):
        raise ConfigurationError("not a host name", where=f"{where}.rp_id", why="small letters, digits, - and dots; no port")
    for number, origin in enumerate(passkeys.origins):
        parts = urlsplit(origin)
        host, name = parts.hostname or "", passkeys.rp_id or server.host
        bare = origin == f"{parts.scheme}://{parts.netloc}"
        if not bare or not (parts.scheme == "https" or host == "localhost") or not (host == name or host.endswith(f".{name}")):
            raise ConfigurationError(
                f"no page at {origin[:80]!r} could use a passkey", where=f"{where}.origins[{number}]",
                why=f"it is https://HOST or https://HOST:PORT, with a host that is {name} or ends with .{name}",
            )  # fmt: skip


def check_providers(providers: tuple[ProviderSection, ...], where: str) -> None:
    for number, one in enumerate(providers):
        place = f"{where}[{number}]"
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,31}", one.id):
            raise ConfigurationError("not a usable id", where=f"{place}.id", why="small letters, digits and -")
        if one.id in {other.id for other in providers[:number]} or one.issuer in {other.issuer for other in providers[:number]}:
            raise ConfigurationError("two providers are the same", where=place, why="each has its own id and its own issuer")
        parts = urlsplit(one.issuer)
        local = parts.scheme == "http" and parts.hostname in {"localhost", "127.0.0.1", "::1"}
        if not (parts.scheme == "https" or local) or not parts.hostname or parts.query or parts.fragment:
            raise ConfigurationError(
                "not an issuer's address", where=f"{place}.issuer", why="https://…, as the provider's metadata has it"
            )
        if "openid" not in one.scopes:
            raise ConfigurationError("the scope openid is missing", where=f"{place}.scopes")
        for rule, strength in enumerate(one.strength):
            if not (strength.amr or strength.acr) or not strength.means:
                why = "a rule without amr and acr would fit every sign-in, and one without means says nothing"
                raise ConfigurationError("the rule says too little", where=f"{place}.strength[{rule}]", why=why)
        if any(not value or len(value.split()) != 1 for value in one.acr_values):
            raise ConfigurationError("not a value", where=f"{place}.acr_values", why="each is one word of the provider's")
        if not any(group.roles for group in one.groups):
            raise ConfigurationError("no group gives a role: nobody could sign in", where=f"{place}.groups")


def check_sources(identity: IdentitySection, where: str) -> None:
    known = {one.id for one in identity.providers}
    for number, one in enumerate(identity.scim):
        place = f"{where}.scim[{number}]"
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,31}", one.id):
            raise ConfigurationError("not a usable id", where=f"{place}.id", why="small letters, digits and -")
        if any(one.id == other.id or one.principal == other.principal for other in identity.scim[:number]):
            raise ConfigurationError("two sources are the same", where=place, why="each has its own id and its own principal")
        if one.provider and one.provider not in known:
            raise ConfigurationError(f"there is no provider {one.provider[:32]!r}", where=f"{place}.provider")
    for number, section in enumerate(identity.directories):
        place = f"{where}.directories[{number}]"
        others = {other.id for other in identity.scim} | {other.id for other in identity.directories[:number]}
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,31}", section.id) or section.id in others:
            why = "small letters, digits and -"
            raise ConfigurationError("not a usable id, or another source's", where=f"{place}.id", why=why)
        if section.provider and section.provider not in known:
            raise ConfigurationError(f"there is no provider {section.provider[:32]!r}", where=f"{place}.provider")
        _check_directory(section, place)


def _check_directory(section: DirectorySection, place: str) -> None:
    parts = urlsplit(section.url)
    if parts.scheme not in {"ldap", "ldaps"} or not parts.hostname or parts.path not in {"", "/"}:
        raise ConfigurationError("not a directory's address", where=f"{place}.url", why="ldaps://HOST, or ldap://HOST with TLS")
    local = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    if parts.scheme == "ldap" and not (section.start_tls or section.insecure or local):
        raise ConfigurationError(
            "people and a password would pass the network in the clear", where=f"{place}.start_tls",
            next_step="set it to true, or use ldaps://",
        )  # fmt: skip
    if parts.scheme == "ldap" and section.sign_in and not (section.start_tls or local):
        raise ConfigurationError(
            "everybody's password would pass the network in the clear", where=f"{place}.sign_in",
            why="'insecure' does not go so far", next_step="set start_tls to true, or use ldaps://",
        )  # fmt: skip
    if bool(section.bind_dn) != bool(section.password_file):
        raise ConfigurationError("bind_dn and password_file belong together", where=place)

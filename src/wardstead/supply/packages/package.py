"""One package of software, as its ecosystem names it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec
from packageurl import PackageURL

SERVERS: Final = "AI server"
"""Our name for an ecosystem of model servers that no registry of packages knows: Ollama, llama.cpp and others."""
_TYPES: Final[Mapping[str, str]] = {
    "PyPI": "pypi", "npm": "npm", "crates.io": "cargo", "Go": "golang", "Maven": "maven", "NuGet": "nuget", "RubyGems": "gem",
    "Packagist": "composer", "Hex": "hex", "Pub": "pub", "Debian": "deb", "Ubuntu": "deb", "Alpine": "apk", "Wolfi": "apk",
    "Chainguard": "apk", "Red Hat": "rpm", "Rocky Linux": "rpm", "AlmaLinux": "rpm", "SUSE": "rpm", "openSUSE": "rpm",
}  # fmt: skip
_ECOSYSTEMS: Final = {"pypi": "PyPI", "npm": "npm", "cargo": "crates.io", "golang": "Go", "maven": "Maven", "nuget": "NuGet",
                      "gem": "RubyGems", "composer": "Packagist", "hex": "Hex", "pub": "Pub"}  # fmt: skip
_NAMESPACES: Final = {
    "Debian": "debian", "Ubuntu": "ubuntu", "Alpine": "alpine", "Wolfi": "wolfi", "Chainguard": "chainguard", "Red Hat": "redhat",
    "Rocky Linux": "rocky", "AlmaLinux": "almalinux", "SUSE": "suse", "openSUSE": "opensuse",
}  # fmt: skip
"""What package URLs call distributions."""
_MODELS: Final = frozenset({"huggingface", "mlflow"})
_RUNS: Final = re.compile(r"[-_.]+")


class Package(msgspec.Struct, frozen=True, order=True):
    """``name`` of an OSV ecosystem (``PyPI``, ``Debian:12``), found in ``file``. ``version`` is empty where none is fixed.

    Source: the ecosystems of the OSV schema, https://ossf.github.io/osv-schema/#affectedpackage-field.
    """

    ecosystem: str
    name: str
    version: str = ""
    file: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Under which its advisories are kept: the ecosystem without its release, the name as that ecosystem compares names."""
        return family(self.ecosystem), comparable(self.ecosystem, self.name)

    @property
    def purl(self) -> str:
        """Its package URL (https://github.com/package-url/purl-spec)."""
        kind = family(self.ecosystem)
        _, _, release = self.ecosystem.partition(":")
        distro = _NAMESPACES.get(kind)
        namespace, name = distro, self.name
        if kind in ("npm", "Go", "Packagist") and "/" in name:
            namespace, _, name = name.rpartition("/")
        elif kind == "Maven":
            namespace, _, name = name.rpartition(":")
        distribution = {"distro": f"{distro}-{release}"} if distro and release else None
        return PackageURL(_TYPES.get(kind, "generic"), namespace or None, name, self.version or None, distribution).to_string()


def of_purl(text: str, file: str) -> Package | None:
    """The package that a package URL names; ``None`` where it is none, or of a kind that no advisories are kept for."""
    try:
        found = PackageURL.from_string(text)
    except ValueError:
        return None
    if found.type in ("deb", "apk", "rpm"):
        return _of_system(found, file)
    ecosystem = _ECOSYSTEMS.get(found.type)
    if ecosystem is None:
        return None
    joint = ":" if ecosystem == "Maven" else "/"
    name = joint.join(one for one in (found.namespace, found.name) if one)
    return Package(ecosystem, name, found.version or "", file)


def billed(text: str, file: str) -> Package | None:
    """What a bill of materials names: as ``of_purl``, and software of any other kind under that kind's name. Models are none."""
    if (known := of_purl(text, file)) is not None:
        return known
    try:
        found = PackageURL.from_string(text)
    except ValueError:
        return None
    return None if found.type in _MODELS else Package(found.type, found.name, found.version or "", file)


def _of_system(found: PackageURL, file: str) -> Package:
    """A distribution's package; Debian's and Ubuntu's by the source that it is built from, where that is said."""
    namespace, qualifiers = found.namespace or found.type, dict(found.qualifiers or {})
    ecosystem = system(namespace, qualifiers.get("distro", "").removeprefix(f"{namespace}-"))
    source, _, version = qualifiers.get("upstream", "").partition("@") if found.type == "deb" else ("", "", "")
    return Package(ecosystem, source or found.name, version or found.version or "", file)


def system(kind: str, release: str) -> str:
    """The OSV ecosystem of a distribution's release: ``Debian:12``, ``Alpine:v3.20``; its own name where OSV has none for it."""
    release = release.removesuffix(":LTS").removeprefix("v")
    major = release.partition(".")[0]
    if kind == "ubuntu" and major.isdecimal() and int(major) % 2 == 0 and release.endswith(".04"):
        release += ":LTS"
    forms = {
        "debian": ("Debian", major), "ubuntu": ("Ubuntu", release), "centos": ("Red Hat", ""), "rhel": ("Red Hat", ""),
        "redhat": ("Red Hat", ""), "alpine": ("Alpine", "v" * bool(release) + ".".join(release.split(".")[:2])),
        "rocky": ("Rocky Linux", major), "almalinux": ("AlmaLinux", major), "suse": ("SUSE", ""), "opensuse": ("openSUSE", ""),
        "wolfi": ("Wolfi", ""), "chainguard": ("Chainguard", ""),
    }  # fmt: skip
    return ":".join(one for one in forms.get(kind, (kind or "an unnamed distribution",)) if one)


def family(ecosystem: str) -> str:
    """``Debian`` of ``Debian:12``."""
    return ecosystem.partition(":")[0]


def comparable(ecosystem: str, name: str) -> str:
    """A name as its ecosystem compares names: PyPI by PEP 503, NuGet and Packagist without case."""
    kind = family(ecosystem)
    if kind == "PyPI":
        return _RUNS.sub("-", name).lower()
    return name.lower() if kind in ("NuGet", "Packagist", SERVERS) else name

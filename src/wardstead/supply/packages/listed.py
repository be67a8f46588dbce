"""What a file that lists packages says: by the file's name, its parser; pure, on text."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from email.parser import HeaderParser
from typing import Any, Final

import yaml

from wardstead.supply.packages.package import Package, billed, system
from wardstead.supply.ports import Malformed

Packages = Iterator[Package]
_PINNED: Final = re.compile(
    r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\]\s*)?===?\s*([A-Za-z0-9.!+_-]+)\s*(?:;.*|\\|--hash.*|#.*)?$"
)
_NAMED: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\]\s*)?(?:[<>=!~;@\\#].*)?$")
_GO_REQUIRED: Final = re.compile(r"(?:require\s+)?([a-z0-9][^\s()]*\.[^\s()]*/\S+|[a-z0-9][^\s()/]*\.[a-z]{2,}\S*)\s+(v\S+)")
_LONGEST_YAML: Final = 16 << 20
_GEM: Final = re.compile(r" {4}(\S+) \(([^)]+)\)")
_YARN: Final = re.compile(r'^"?(@?[^@"\s]+)@.*:\s*$')
_YARN_VERSION: Final = re.compile(r'^ {2}version:? "?([^"\s]+)"?')
_PNPM: Final = re.compile(r"/?(@?[^@]+?)@([^(/]+)(?:\(.*)?")


def python_metadata(text: str, file: str) -> Packages:
    """``METADATA`` and ``PKG-INFO`` of an installed distribution (core metadata, PEP 566)."""
    fields = HeaderParser().parsestr(text)
    if not fields["Name"] or not fields["Version"]:
        raise Malformed("it names no distribution, or no version of it")
    yield Package("PyPI", fields["Name"].strip(), fields["Version"].strip(), file)


def requirements(text: str, file: str) -> Packages:
    """What ``pip`` reads: pinned where one version is named; without one, the version is empty."""
    for each in text.replace("\\\n", " ").splitlines():
        line = each.strip()
        if not line or line.startswith(("#", "-")):
            continue
        if (pinned := _PINNED.match(line)) is not None:
            yield Package("PyPI", pinned[1], pinned[2], file)
        elif (named := _NAMED.match(line)) is not None:
            yield Package("PyPI", named[1], "", file)
        else:
            raise Malformed(f"no requirement: {line[:60]!r}")


def toml_packages(text: str, file: str) -> Packages:
    """``poetry.lock``, ``uv.lock``, ``pdm.lock``, ``pylock.toml`` (PEP 751) and ``Cargo.lock``: tables with name and version."""
    document = tomllib.loads(text)
    ecosystem = "crates.io" if file.rsplit("/", 1)[-1] == "Cargo.lock" else "PyPI"
    for one in _list(document.get("package") or document.get("packages")):
        if _is_elsewhere(one):
            yield Package(ecosystem, _text(one, "name"), str(one.get("version", "")), file)


def _is_elsewhere(one: Mapping[str, Any]) -> bool:
    """Not the project's own package, which no registry has."""
    source = one.get("source")
    return not (isinstance(source, Mapping) and ({"editable", "virtual", "directory"} & source.keys()))


def pipfile(text: str, file: str) -> Packages:
    """``Pipfile.lock``."""
    document = _object(json.loads(text))
    for section in ("default", "develop"):
        for name, one in _object(document.get(section, {})).items():
            yield Package("PyPI", name, str(_object(one).get("version", "")).lstrip("="), file)


def npm_lock(text: str, file: str) -> Packages:
    """``package-lock.json`` and ``npm-shrinkwrap.json``, of lockfile versions 1 to 3."""
    document = _object(json.loads(text))
    if isinstance(document.get("packages"), dict):
        for path, one in document["packages"].items():
            name = one.get("name") or path.rpartition("node_modules/")[2]
            if path and not one.get("link"):
                yield Package("npm", str(name), str(one.get("version", "")), file)
        return
    yield from _npm_tree(document, file, 0)


def _npm_tree(document: Mapping[str, Any], file: str, depth: int) -> Packages:
    if depth > 100:
        raise Malformed("it nests too deeply")
    for name, one in _object(document.get("dependencies", {})).items():
        yield Package("npm", name, str(_object(one).get("version", "")), file)
        yield from _npm_tree(one, file, depth + 1)


def npm_package(text: str, file: str) -> Packages:
    """``package.json`` of something that is installed."""
    document = _object(json.loads(text))
    if isinstance(document.get("name"), str) and isinstance(document.get("version"), str):
        yield Package("npm", document["name"], document["version"], file)


def yarn_lock(text: str, file: str) -> Packages:
    """``yarn.lock``, of the first version and of the later ones."""
    name = ""
    for line in text.splitlines():
        if (head := _YARN.match(line)) is not None:
            name = head[1]
        elif name and name != "__metadata" and (version := _YARN_VERSION.match(line)) is not None:
            if not version[1].startswith("0.0.0-use.local"):
                yield Package("npm", name, version[1], file)
            name = ""


def pnpm_lock(text: str, file: str) -> Packages:
    """``pnpm-lock.yaml`` of version 6 and later: the keys of ``packages`` are names with versions."""
    if len(text) > _LONGEST_YAML:
        raise Malformed(f"it is longer than the {_LONGEST_YAML:,} characters that are read of YAML")
    for key in _object(_object(yaml.safe_load(text)).get("packages", {})):
        if (found := _PNPM.fullmatch(str(key))) is not None:
            yield Package("npm", found[1], found[2], file)


def go_mod(text: str, file: str) -> Packages:
    """``go.mod``: what it requires."""
    for each in text.splitlines():
        line = each.partition("//")[0].strip()
        if (
            not line.startswith(("module", "go ", "replace", "exclude", "retract"))
            and (found := _GO_REQUIRED.match(line)) is not None
        ):
            yield Package("Go", found[1], found[2].removeprefix("v"), file)


def gem_lock(text: str, file: str) -> Packages:
    """``Gemfile.lock``: gems stand four blanks in, with their version."""
    for line in text.splitlines():
        if (found := _GEM.fullmatch(line)) is not None:
            yield Package("RubyGems", found[1], found[2], file)


def composer_lock(text: str, file: str) -> Packages:
    """``composer.lock``."""
    document = _object(json.loads(text))
    for one in [*_list(document.get("packages")), *_list(document.get("packages-dev"))]:
        yield Package("Packagist", _text(one, "name"), str(one.get("version", "")).removeprefix("v"), file)


def nuget_lock(text: str, file: str) -> Packages:
    """``packages.lock.json``."""
    for framework in _object(_object(json.loads(text)).get("dependencies", {})).values():
        for name, one in _object(framework).items():
            if _object(one).get("type") != "Project":
                yield Package("NuGet", name, str(one.get("resolved", "")), file)


def gradle_lock(text: str, file: str) -> Packages:
    """``gradle.lockfile``: ``group:name:version=configurations``."""
    for line in text.splitlines():
        parts = line.partition("=")[0].split(":")
        if not line.startswith("#") and len(parts) == 3:
            yield Package("Maven", f"{parts[0]}:{parts[1]}", parts[2], file)


def cyclonedx(text: str, file: str) -> Packages:
    """A bill of materials in CycloneDX JSON, such as wheels carry for what is compiled into them (PEP 770)."""
    components = [*_list(_object(json.loads(text)).get("components"))]
    while components:
        one = components.pop()
        components += _list(one.get("components"))
        if isinstance(one.get("purl"), str) and (package := billed(one["purl"], file)) is not None:
            yield package


def dpkg_status(text: str, file: str, ecosystem: str) -> Packages:
    """``/var/lib/dpkg/status``: by source package, which advisories go by, in the source's version."""
    for paragraph in text.split("\n\n"):
        fields = dict(_fields(paragraph))
        if not fields.get("Package") or not fields.get("Version") or "installed" not in fields.get("Status", "installed").split():
            continue
        source, _, version = fields.get("Source", fields["Package"]).partition(" ")
        yield Package(ecosystem, source, version.strip("()") or fields["Version"], file)


def _fields(paragraph: str) -> Iterator[tuple[str, str]]:
    for line in paragraph.splitlines():
        name, colon, value = line.partition(":")
        if colon and not line.startswith((" ", "\t")):
            yield name, value.strip()


def apk_installed(text: str, file: str, ecosystem: str) -> Packages:
    """``/lib/apk/db/installed``: by origin, the package that others are built from."""
    for paragraph in text.split("\n\n"):
        fields = dict(line.split(":", 1) for line in paragraph.splitlines() if line[1:2] == ":")
        if "P" in fields and "V" in fields:
            yield Package(ecosystem, fields.get("o", fields["P"]), fields["V"], file)


def distribution(os_release: str) -> str:
    """The OSV ecosystem of ``/etc/os-release``: ``Debian:12``, ``Alpine:v3.20``; its own name where OSV has none for it."""
    values = dict(line.split("=", 1) for line in os_release.splitlines() if "=" in line)
    kind, release = (values.get(one, "").strip("\"'") for one in ("ID", "VERSION_ID"))
    return system(kind, release)


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Malformed("an object was expected")
    return value


def _list(value: Any) -> list[dict[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise Malformed("a list of objects was expected")
    return value


def _text(one: Mapping[str, Any], key: str) -> str:
    value = one.get(key)
    if not isinstance(value, str) or not value:
        raise Malformed(f"a package has no {key}")
    return value


_PARSERS: Final[Mapping[str, Callable[[str, str], Packages]]] = {
    "METADATA": python_metadata, "PKG-INFO": python_metadata,
    "poetry.lock": toml_packages, "uv.lock": toml_packages, "pdm.lock": toml_packages, "Cargo.lock": toml_packages,
    "Pipfile.lock": pipfile, "package-lock.json": npm_lock, "npm-shrinkwrap.json": npm_lock, "yarn.lock": yarn_lock,
    "pnpm-lock.yaml": pnpm_lock, "go.mod": go_mod, "Gemfile.lock": gem_lock, "composer.lock": composer_lock,
    "packages.lock.json": nuget_lock, "gradle.lockfile": gradle_lock,
}  # fmt: skip
_PYLOCK: Final = re.compile(r"pylock(\.[^.]+)?\.toml")
_REQUIREMENTS: Final = re.compile(r"(.*[-_.])?requirements([-_.].*)?\.txt")


def parser_of(path: str) -> Callable[[str, str], Packages] | None:
    """Which parser reads a file, by its path; ``None`` where it lists no packages."""
    folder, _, name = path.rpartition("/")
    if name in ("METADATA", "PKG-INFO"):
        return python_metadata if folder.endswith((".dist-info", ".egg-info")) else None
    if name == "package.json":
        return npm_package if re.search(r"(^|/)node_modules/(@[^/]+/)?[^/]+$", folder) else None
    if name.endswith(".json") and (folder.endswith("/sboms") or name.endswith(".cdx.json")):
        return cyclonedx
    if _PYLOCK.fullmatch(name):
        return toml_packages
    if _REQUIREMENTS.fullmatch(name) or (name.endswith(".txt") and folder.rsplit("/", 1)[-1] == "requirements"):
        return requirements
    return _PARSERS.get(name)


def packages_of(parse: Callable[[str, str], Packages], text: str, file: str) -> list[Package]:
    """All that a file lists. Raises ``Malformed``, whatever is wrong with it."""
    try:
        return list(parse(text, file))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, yaml.YAMLError) as error:
        raise Malformed(f"it cannot be read as what it is called: {str(error)[:120]}") from None

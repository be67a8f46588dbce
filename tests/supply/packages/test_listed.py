"""What each kind of list says."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardstead.supply.packages.listed import apk_installed, distribution, dpkg_status, packages_of, parser_of
from wardstead.supply.packages.package import Package, of_purl
from wardstead.supply.ports import Malformed

LISTS = {
    "requirements.txt": (
        "# a comment\n--index-url x\nrequests[socks]==2.31.0 ; python_version > '3' \\\n    --hash=sha256:ab\nflask>=2\n",
        {("PyPI", "requests", "2.31.0"), ("PyPI", "flask", "")},
    ),
    "x-1.dist-info/METADATA": (
        "Metadata-Version: 2.1\nName: Foo.Bar\nVersion: 1.0\n\nVersion: 9\n",
        {("PyPI", "Foo.Bar", "1.0")},
    ),
    "uv.lock": (
        '[[package]]\nname = "a"\nversion = "1"\n[[package]]\nname = "mine"\nversion = "0"\nsource = { editable = "." }\n',
        {("PyPI", "a", "1")},
    ),
    "pylock.toml": ('lock-version = "1.0"\n[[packages]]\nname = "a"\nversion = "2"\n', {("PyPI", "a", "2")}),
    "Cargo.lock": ('[[package]]\nname = "serde"\nversion = "1.0.1"\n', {("crates.io", "serde", "1.0.1")}),
    "Pipfile.lock": (
        '{"default": {"a": {"version": "==1.2"}}, "develop": {"b": {"version": "==2"}}}',
        {("PyPI", "a", "1.2"), ("PyPI", "b", "2")},
    ),
    "package-lock.json": (
        json.dumps(
            {
                "packages": {
                    "": {"name": "mine"},
                    "node_modules/a": {"version": "1.0.0"},
                    "node_modules/a/node_modules/@s/b": {"version": "2.0.0"},
                    "here": {"link": True},
                }
            }
        ),
        {("npm", "a", "1.0.0"), ("npm", "@s/b", "2.0.0")},
    ),
    "npm-shrinkwrap.json": (
        '{"dependencies": {"a": {"version": "1.0.0", "dependencies": {"b": {"version": "2.0.0"}}}}}',
        {("npm", "a", "1.0.0"), ("npm", "b", "2.0.0")},
    ),
    "yarn.lock": (
        '"@s/b@^1", "@s/b@^1.1":\n  version "1.2.0"\n\na@~2:\n  version "2.0.1"\n',
        {("npm", "@s/b", "1.2.0"), ("npm", "a", "2.0.1")},
    ),
    "pnpm-lock.yaml": (
        "packages:\n  /@s/b@1.0.0(react@18.0.0): {}\n  a@2.0.0: {}\n",
        {("npm", "@s/b", "1.0.0"), ("npm", "a", "2.0.0")},
    ),
    "go.mod": (
        "module a.example/b\n\ngo 1.22\n\nrequire (\n\tgithub.com/x/y v1.2.3 // indirect\n)\nrequire golang.org/x/net v0.1.0\n",
        {("Go", "github.com/x/y", "1.2.3"), ("Go", "golang.org/x/net", "0.1.0")},
    ),
    "Gemfile.lock": ("GEM\n  specs:\n    rack (2.0.1)\n      x (>= 1)\n", {("RubyGems", "rack", "2.0.1")}),
    "composer.lock": ('{"packages": [{"name": "a/b", "version": "v1.0"}], "packages-dev": []}', {("Packagist", "a/b", "1.0")}),
    "packages.lock.json": (
        '{"dependencies": {"net8.0": {"A.B": {"type": "Direct", "resolved": "1.0.0"}}}}',
        {("NuGet", "A.B", "1.0.0")},
    ),
    "gradle.lockfile": ("# x\norg.a:b:1.0=compileClasspath\nempty=\n", {("Maven", "org.a:b", "1.0")}),
    "node_modules/@s/b/package.json": ('{"name": "@s/b", "version": "1.0.0"}', {("npm", "@s/b", "1.0.0")}),
    "x.dist-info/sboms/a.cyclonedx.json": (
        json.dumps(
            {
                "components": [
                    {"purl": "pkg:cargo/ring@0.17.0"},
                    {"components": [{"purl": "pkg:golang/github.com/x/y@1.0"}]},
                    {"name": "no purl"},
                ]
            }
        ),
        {("crates.io", "ring", "0.17.0"), ("Go", "github.com/x/y", "1.0")},
    ),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_says_names_and_versions(name: str) -> None:
    text, expected = LISTS[name]
    parse = parser_of(name)
    assert parse is not None
    found = packages_of(parse, text, name)
    assert {(one.ecosystem, one.name, one.version) for one in found} == expected
    assert {one.file for one in found} == {name}


def test_what_lists_nothing_has_no_parser() -> None:
    for name in ("METADATA", "package.json", "src/package.json", "notes.txt", "model.safetensors", "data.json"):
        assert parser_of(name) is None


@pytest.mark.parametrize("name", [one for one in LISTS if not one.endswith((".mod", ".lock", ".lockfile"))])
@pytest.mark.parametrize("text", ["[", "{}{", "\0", "[[1]]", '{"packages": 3, "default": 3, "dependencies": 3, "components": 3}'])
def test_a_broken_list_is_refused_or_says_nothing_false(name: str, text: str) -> None:
    parse = parser_of(name)
    assert parse is not None
    try:
        found = packages_of(parse, text, name)
    except Malformed:
        return
    assert found == []


@given(st.sampled_from(sorted(LISTS)), st.text(max_size=200))
def test_no_text_breaks_a_parser(name: str, text: str) -> None:
    parse = parser_of(name)
    assert parse is not None
    with suppress(Malformed):
        assert all(one.file == name for one in packages_of(parse, text, name))


def test_nesting_without_end_is_refused() -> None:
    text = '{"dependencies":{"a":' * 3000 + "{}" + "}}" * 3000
    parse = parser_of("package-lock.json")
    assert parse is not None
    with pytest.raises(Malformed):
        packages_of(parse, text, "package-lock.json")


def test_debian_goes_by_source_and_leaves_out_what_was_removed() -> None:
    text = (
        "Package: libssl3\nStatus: install ok installed\nSource: openssl\nVersion: 3.0.1-1\n\n"
        "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n"
        "Package: bin\nStatus: install ok installed\nSource: src (2.0-1)\nVersion: 2.0-1+b1\nDescription: x\n Version: 9\n"
    )
    found = [(one.name, one.version) for one in dpkg_status(text, "status", "Debian:12")]
    assert found == [("openssl", "3.0.1-1"), ("src", "2.0-1")]


def test_alpine_goes_by_origin() -> None:
    text = "C:x\nP:libcrypto3\nV:3.1.0-r1\no:openssl\nF:usr/lib\n\nP:musl\nV:1.2.4-r0\n"
    assert [(one.name, one.version) for one in apk_installed(text, "f", "Alpine:v3.20")] == [
        ("openssl", "3.1.0-r1"),
        ("musl", "1.2.4-r0"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('ID=debian\nVERSION_ID="12"\n', "Debian:12"), ("ID=ubuntu\nVERSION_ID=22.04\n", "Ubuntu:22.04:LTS"),
        ("ID=ubuntu\nVERSION_ID=23.10\n", "Ubuntu:23.10"), ("ID=alpine\nVERSION_ID=3.20.1\n", "Alpine:v3.20"),
        ("ID='rocky'\nVERSION_ID='9.4'\n", "Rocky Linux:9"), ("ID=arch\n", "arch"), ("", "an unnamed distribution"),
    ],
)  # fmt: skip
def test_a_distribution_has_its_ecosystem(text: str, expected: str) -> None:
    assert distribution(text) == expected


@pytest.mark.parametrize(
    ("package", "purl"),
    [
        (Package("PyPI", "Foo.Bar", "1.0"), "pkg:pypi/foo.bar@1.0"),
        (Package("npm", "@s/b", "1"), "pkg:npm/%40s/b@1"),
        (Package("Go", "github.com/x/y", "1"), "pkg:golang/github.com/x/y@1"),
        (Package("Maven", "org.a:b", "1"), "pkg:maven/org.a/b@1"),
        (Package("Debian:12", "openssl", "3"), "pkg:deb/debian/openssl@3?distro=debian-12"),
        (Package("Ubuntu:22.04:LTS", "openssl", "3"), "pkg:deb/ubuntu/openssl@3?distro=ubuntu-22.04:LTS"),
        (Package("Alpine:v3.20", "zlib", "1.3-r0"), "pkg:apk/alpine/zlib@1.3-r0?distro=alpine-v3.20"),
        (Package("Rocky Linux:9", "openssl", "3"), "pkg:rpm/rocky/openssl@3?distro=rocky-9"),
        (Package("Red Hat", "openssl", "3"), "pkg:rpm/redhat/openssl@3"),
    ],
)  # fmt: skip
def test_a_package_has_its_url(package: Package, purl: str) -> None:
    assert package.purl == purl
    again = of_purl(purl, "")
    assert again is not None
    assert (again.ecosystem, again.key, again.version) == (package.ecosystem, package.key, package.version)

"""Advisories, tables and statements as they are written down."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardstead.kernel.errors import ConfigurationError
from wardstead.supply.advisories import exploited, osv, server_rules, vex
from wardstead.supply.advisories.advisory import score_of, severity_of
from wardstead.supply.advisories.matching import Concerns, concerns
from wardstead.supply.packages.package import SERVERS, Package
from wardstead.supply.ports import Malformed

RECORD = {
    "id": "GHSA-xxxx", "modified": "2026-02-03T00:00:00Z", "aliases": ["CVE-2026-0001"], "summary": "It runs what it reads.",
    "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
    "affected": [{"package": {"ecosystem": "PyPI", "name": "torch"}, "ranges": [
        {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.6.0"}]},
        {"type": "GIT", "events": [{"introduced": "0"}]},
    ]}],
    "references": [{"type": "WEB", "url": "https://example.org/a"}],
}  # fmt: skip


def test_a_record_of_osv_is_read() -> None:
    one = osv.read(json.dumps(RECORD).encode())
    assert (one.id, one.aliases, one.score, one.severity, one.withdrawn) == (
        "GHSA-xxxx",
        ("CVE-2026-0001",),
        9.8,
        "critical",
        False,
    )
    assert concerns(one, Package("PyPI", "torch", "2.5")) is Concerns.YES
    assert len(one.affected[0].ranges) == 1
    assert not one.malicious
    assert osv.read(json.dumps(RECORD | {"id": "MAL-2026-1"}).encode()).malicious


def test_lists_that_the_schema_lets_be_null_are_empty() -> None:
    affected = RECORD["affected"][0] | {"severity": None, "versions": None}  # type: ignore[index,operator]
    one = osv.read(json.dumps(RECORD | {"affected": [affected], "references": None, "severity": None}).encode())
    assert concerns(one, Package("PyPI", "torch", "2.5")) is Concerns.YES


def test_of_two_times_the_later_is_the_greater_text() -> None:
    written = ["2026-02-03T00:00:00Z", "2026-02-03T00:00:00.5Z", "2026-02-03T02:00:01+01:00"]
    read = [osv.read(json.dumps(RECORD | {"modified": one}).encode()).modified for one in written]
    assert read == sorted(set(read))
    with pytest.raises(Malformed):
        osv.read(json.dumps(RECORD | {"modified": "zzzz"}).encode())


def test_a_record_of_commits_alone_leaves_it_open() -> None:
    affected = RECORD["affected"][0] | {"ranges": [{"type": "GIT", "events": [{"introduced": "0"}]}]}  # type: ignore[index,operator]
    one = osv.read(json.dumps(RECORD | {"affected": [affected]}).encode())
    assert concerns(one, Package("PyPI", "torch", "2.5")) is Concerns.UNDECIDED


def test_a_record_without_a_vector_has_the_word_of_its_publisher() -> None:
    one = osv.read(json.dumps(RECORD | {"severity": [], "database_specific": {"severity": "MODERATE"}}).encode())
    assert (one.score, one.severity) == (None, "medium")


@pytest.mark.parametrize(
    "record",
    [b"", b"[]", b"{}", b'{"id": "", "modified": ""}', b'{"id": 3, "modified": ""}', b'{"id":"a","modified":"b","affected":3}'],
)
def test_what_is_no_record_is_refused(record: bytes) -> None:
    with pytest.raises(Malformed):
        osv.read(record)


@given(
    st.recursive(
        st.none() | st.text(max_size=5) | st.integers(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["id", "modified", "affected", "package", "ranges", "events", "severity", "score", "name"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_no_json_breaks_the_reader(value: object) -> None:
    with suppress(Malformed):
        assert osv.read(json.dumps(value).encode()).id


def test_the_newest_vector_that_can_be_read_counts() -> None:
    v3, v4 = RECORD["severity"][0]["score"], "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:N/VI:N/VA:L/SC:N/SI:N/SA:N"  # type: ignore[index]
    assert score_of([v3, v4]) == 6.9
    assert score_of(["CVSS:4.0/nonsense", v3]) == 9.8
    assert score_of(["nonsense"]) is None
    assert [severity_of(one) for one in (0.0, 0.1, 3.9, 4.0, 6.9, 7.0, 8.9, 9.0)] == [
        "none", "low", "low", "medium", "medium", "high", "high", "critical",
    ]  # fmt: skip


def test_a_rule_for_a_server_is_read_for_the_server_and_for_its_package() -> None:
    text = (
        "info:\n  cve: CVE-2026-0002\n  summary: s\n  cvss: ''\n  severity: HIGH\n"
        'rule: version >= "0.6" && version < "0.9" || version == "1.0"\n'
    )
    one = server_rules.read(text, "vllm", "2026-01-01")
    assert one is not None
    assert (one.id, one.aliases, one.severity) == ("vllm/CVE-2026-0002", ("CVE-2026-0002",), "high")
    for package in (Package(SERVERS, "vLLM", "0.8"), Package("PyPI", "vllm", "0.8.5.post1"), Package("PyPI", "vllm", "1.0")):
        assert concerns(one, package) is Concerns.YES
    for version in ("0.9", "0.5", "1.0.1"):
        assert concerns(one, Package("PyPI", "vllm", version)) is Concerns.NO


def test_hints_without_versions_are_left_out_and_odd_rules_are_refused() -> None:
    assert server_rules.read("info: {cve: x}\nrule: ''\n", "a", "") is None
    assert server_rules.read('info: {cve: CVE-2026-0001}\nrule: is_internal=="true"\n', "a", "") is None
    for text in ("- 1\n", "info: 3\n", 'info: {cve: CVE-2026-0001}\nrule: version ~ "1"\n', "{"):
        with pytest.raises(Malformed):
            server_rules.read(text, "a", "")


def test_epss_and_kev_are_read() -> None:
    lines = ["#model_version:v2026.03.15,score_date:2026-11-25T00:00:00+0000", "cve,epss,percentile", "CVE-2026-0001,0.93,0.99"]
    assert exploited.epss_day(lines[0]) == "2026-11-25"
    assert list(exploited.epss(lines[1:])) == [exploited.Likelihood("CVE-2026-0001", 0.93)]
    day, entries = exploited.kev(json.dumps({"dateReleased": "2026-11-20T00:00:00Z", "vulnerabilities": [
        {"cveID": "CVE-2026-0001", "dateAdded": "2026-02-01", "knownRansomwareCampaignUse": "Known"}]}).encode())  # fmt: skip
    assert (day, entries) == ("2026-11-20", [exploited.Exploited("CVE-2026-0001", "2026-02-01", True)])


@pytest.mark.parametrize("line", ["CVE-2026-0001,nan,0", "CVE-2026-0001,2,0", "x,0.1,0", "CVE-2026-0001"])
def test_a_broken_table_is_refused_with_its_line(line: str) -> None:
    with pytest.raises(Malformed, match="line 3"):
        list(exploited.epss(["cve,epss,percentile", line]))


STATEMENT = """version: 1
statements:
- advisory: CVE-2026-0001
  packages: ["pkg:pypi/Torch@2.5.0"]
  status: not_affected
  justification: vulnerable_code_not_in_execute_path
  reason: torch.load is never called
  owner: alice
  expires: 2027-01-01
"""


def test_a_statement_is_about_its_package_and_version() -> None:
    (one,) = vex.read(STATEMENT, "vex.yaml")
    assert one.suppresses
    assert one.expires == date(2027, 1, 1)
    names = frozenset({"GHSA-x", "CVE-2026-0001"})
    assert one.speaks_of(names, Package("PyPI", "torch", "2.5.0"))
    assert not one.speaks_of(names, Package("PyPI", "torch", "2.5.1"))
    assert not one.speaks_of(names, Package("npm", "torch", "2.5.0"))
    assert not one.speaks_of(frozenset({"CVE-2026-0002"}), Package("PyPI", "torch", "2.5.0"))


@pytest.mark.parametrize(
    ("before", "after", "where"),
    [
        ("pkg:pypi/Torch@2.5.0", "torch", "vex.yaml:4: statements[0].packages[0]"),
        ("  justification: vulnerable_code_not_in_execute_path\n", "", "vex.yaml:5: statements[0].status"),
        ("status: not_affected", "status: fine", "vex.yaml:5: statements[0].status"),
        ("  owner: alice\n", "", "vex.yaml:3: statements[0]"),
        ("expires: 2027-01-01", "expires: never", "vex.yaml:9: statements[0].expires"),
        ("  owner", "  boss: x\n  owner", "vex.yaml:8: statements[0].boss"),
    ],
)
def test_a_broken_statement_is_refused_with_its_place(before: str, after: str, where: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        vex.read(STATEMENT.replace(before, after), "vex.yaml")
    assert caught.value.where == where

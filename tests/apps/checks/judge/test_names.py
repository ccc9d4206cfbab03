"""DNS verdicts and the one spelling of records."""

import string
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from apps.checks.judge.names import DnsVerdict, judge_dns, normalise_record
from apps.checks.types import DnsFacts


@pytest.mark.parametrize(
    ("kind", "text", "spelling"),
    [
        ("A", " 203.0.113.7 ", "203.0.113.7"),
        ("A", "not an address", "not an address"),
        ("AAAA", "2001:0DB8:0:0:0:0:0:1", "2001:db8::1"),
        ("CNAME", "LB.Example.NET.", "lb.example.net"),
        ("NS", ".", "."),
        ("PTR", "Host.Example.", "host.example"),
        ("MX", "010  MAIL.example.com.", "10 mail.example.com"),
        ("MX", "0 .", "0 ."),
        ("MX", "mail.example.com.", "mail.example.com."),
        ("SRV", "10 5 5060 SIP.example.com.", "10 5 5060 sip.example.com"),
        ("CAA", '0 ISSUE "letsencrypt.org"', "0 issue letsencrypt.org"),
        ("CAA", '0 issue ";"', "0 issue ;"),
        ("CAA", '128 issue "ca.example; account=7"', "128 issue ca.example; account=7"),
        ("TXT", '"v=spf1 " "-all"', "v=spf1 -all"),
        ("TXT", '"a\\"b" "\\\\c"', 'a"b\\c'),
        ("TXT", '"\\195\\169"', "é"),
        ("TXT", '"\\255"', "\\xff"),
        ("TXT", 'say "hi"', 'say "hi"'),
        ("TXT", "  Kept As Is ", "  Kept As Is "),
        ("TXT", '""', ""),
        ("SOA", "NS1.example. Admin.example. 2026 3600 0900 1 60", "ns1.example admin.example 2026 3600 900 1 60"),
    ],
)
def test_records_have_one_spelling(kind: str, text: str, spelling: str) -> None:
    assert normalise_record(kind, text) == spelling


def judged(config: dict[str, Any], **answer: Any) -> DnsVerdict:
    return judge_dns({"recordType": "A", "match": "exact", "expected": ["192.0.2.1"]} | config, DnsFacts(**answer))


def test_an_unknown_code_is_down_under_its_own_name() -> None:
    assert judged({}, rcode="NOTIMP", records=()) == DnsVerdict("down", "notimp")


def test_a_ttl_is_judged_by_its_extremes_and_only_when_there_is_an_answer() -> None:
    config = {"ttl": {"min": 60, "max": 600}}

    fine = judged(config, rcode="NOERROR", records=("192.0.2.1",), min_ttl_s=60, max_ttl_s=600)
    low = judged(config, rcode="NOERROR", records=("192.0.2.1",), min_ttl_s=59, max_ttl_s=600)
    high = judged(config, rcode="NOERROR", records=("192.0.2.1",), min_ttl_s=60, max_ttl_s=601)
    absent = judged(config | {"match": "no_answer"}, rcode="NXDOMAIN", records=(), min_ttl_s=5, max_ttl_s=5)

    assert [each.status for each in (fine, low, high, absent)] == ["up", "warning", "warning", "up"]


def test_an_answer_has_to_be_authenticated_where_that_is_asked() -> None:
    config = {"requireAuthenticated": True, "match": "no_answer"}

    assert judged(config, rcode="NXDOMAIN", records=()) == DnsVerdict("down", "not_authenticated")
    assert judged(config, rcode="NXDOMAIN", records=(), authenticated=True).status == "up"


labels = st.text(string.ascii_letters + string.digits + "-_", min_size=1, max_size=12)
hosts = st.lists(labels, min_size=1, max_size=4).map(".".join)
dots = st.sampled_from(["", "."])
printable = st.text(string.printable.replace('"', "").replace("\\", ""), max_size=40)


@given(preference=st.integers(0, 65_535), host=hosts, dot=dots, gap=st.sampled_from([" ", "  ", "\t"]))
def test_normalising_mx_again_changes_nothing(preference: int, host: str, dot: str, gap: str) -> None:
    once = normalise_record("MX", f"{preference}{gap}{host}{dot}")

    assert once == f"{preference} {host.lower()}"
    assert normalise_record("MX", once) == once


@given(chunks=st.lists(printable, min_size=1, max_size=3))
def test_chunks_of_txt_are_joined_and_joining_again_changes_nothing(chunks: list[str]) -> None:
    once = normalise_record("TXT", " ".join(f'"{chunk}"' for chunk in chunks))

    assert once == "".join(chunks)
    assert normalise_record("TXT", once) == once


@given(flags=st.integers(0, 255), tag=st.sampled_from(["issue", "ISSUEWILD", "iodef"]), value=printable)
def test_normalising_caa_again_changes_nothing(flags: int, tag: str, value: str) -> None:
    once = normalise_record("CAA", f'{flags} {tag} "{value}"')

    assert normalise_record("CAA", once) == once


@given(kind=st.sampled_from(["A", "AAAA", "CNAME", "MX", "NS", "TXT", "SOA", "SRV", "CAA", "PTR"]), text=st.text())
@settings(max_examples=300)
def test_any_text_has_a_spelling_that_stays(kind: str, text: str) -> None:
    # A TXT or CAA value wrapped in quotes of its own is the documented exception.
    assume('"' not in text)
    once = normalise_record(kind, text)

    assert normalise_record(kind, once) == once

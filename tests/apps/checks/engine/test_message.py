"""Our reader of DNS messages, against dnspython's writer and against noise."""

import contextlib

import dns.message
import dns.rrset
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from apps.checks.engine.exchange import _accepted
from apps.checks.engine.message import TYPES, MalformedError, encode_name, encode_query, parse, reverse_name
from apps.checks.judge.names import normalise_record


def answer(name: str, kind: str, *records: str, ttl: int = 60) -> bytes:
    message = dns.message.make_response(dns.message.make_query(name, kind, id=7))
    if records:
        message.answer.append(dns.rrset.from_text(name, ttl, "IN", kind, *records))
    return message.to_wire()


@pytest.mark.parametrize(
    ("kind", "record"),
    [
        ("A", "192.0.2.1"),
        ("AAAA", "2001:db8:0:0:0:0:0:1"),
        ("NS", "NS1.Example.com."),
        ("CNAME", "a.b.c."),
        ("PTR", "host.example."),
        ("MX", "10 Mail.example.com."),
        ("SRV", "1 2 443 sip.example.com."),
        ("SOA", "ns.example. root.example. 1 2 3 4 4294967295"),
        ("CAA", '128 issuewild "letsencrypt.org; a=b"'),
        ("TXT", '"plain"'),
        ("TXT", '"two " "chunks"'),
        ("TXT", '"q\\"uote" "back\\\\slash"'),
        ("TXT", '""'),
        ("TXT", f'"{"x" * 255}" "{"y" * 255}"'),
    ],
)
def test_records_read_as_the_contract_spells_them(kind: str, record: str) -> None:
    (found,) = parse(answer("example.com.", kind, record)).records(TYPES[kind])

    assert normalise_record(kind, found.text) == normalise_record(kind, record)
    assert found.ttl_s == 60


def test_bytes_that_are_no_text_are_told_apart() -> None:
    (found,) = parse(answer("example.com.", "TXT", '"\\200\\255"')).records(TYPES["TXT"])

    assert found.text == '"\\200\\255"'


def test_a_query_is_what_another_reader_expects() -> None:
    query = dns.message.from_wire(encode_query(7, "Example.com.", TYPES["A"]))

    assert (query.id, query.question[0].name.to_text()) == (7, "Example.com.")
    assert dns.flags.to_text(query.flags) == "RD AD"
    assert (query.edns, query.payload) == (0, 1232)


def test_a_query_without_extensions_has_none() -> None:
    assert dns.message.from_wire(encode_query(7, "a.", TYPES["A"], edns=False)).edns == -1


@pytest.mark.parametrize("name", ["a..b", "a" * 64, ".".join(["a" * 60] * 5)])
def test_a_name_that_cannot_be_asked_for_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="domain name"):
        encode_name(name)


def test_an_address_is_turned_round_for_its_name() -> None:
    assert reverse_name("192.0.2.7") == "7.2.0.192.in-addr.arpa"
    assert reverse_name("2001:db8::1").endswith(".8.b.d.0.1.0.0.2.ip6.arpa")
    assert reverse_name("host.example") == "host.example"


def test_pointers_in_a_circle_end() -> None:
    with pytest.raises(MalformedError):
        parse(bytes.fromhex("000780000001000000000000") + b"\xc0\x0c\x00\x01\x00\x01")


def test_a_question_is_no_answer() -> None:
    with pytest.raises(MalformedError):
        parse(encode_query(7, "example.com", 1))


def test_only_the_answer_to_the_very_question_is_accepted() -> None:
    wire = answer("example.com.", "A", "192.0.2.1")

    assert _accepted(wire, 7, "EXAMPLE.com", TYPES["A"]) is not None
    assert _accepted(wire, 8, "example.com", TYPES["A"]) is None
    assert _accepted(wire, 7, "example.org", TYPES["A"]) is None
    assert _accepted(wire, 7, "example.com", TYPES["AAAA"]) is None
    assert _accepted(b"noise", 7, "example.com", TYPES["A"]) is None


@given(st.binary(max_size=300))
@example(b"")
def test_noise_is_malformed_and_nothing_worse(noise: bytes) -> None:
    for data in (noise, b"\x00\x07\x80\x00\x00\x01\x00\x02\x00\x00\x00\x00" + noise):
        try:
            parse(data)
        except MalformedError:
            continue


@given(st.data())
def test_a_damaged_answer_is_malformed_and_nothing_worse(data: st.DataObject) -> None:
    wire = bytearray(answer("example.com.", "MX", "10 mail.example.com.", "20 b.example.com."))
    wire[data.draw(st.integers(0, len(wire) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(MalformedError):
        parse(bytes(wire[: data.draw(st.integers(0, len(wire)))]))


@given(st.sampled_from(["example.com", "Shop.Example.com.", "a.b"]), st.sampled_from(["A", "MX", "SOA"]))
def test_who_says_what_was_asked_reads_the_same(name: str, kind: str) -> None:
    record = {"A": "192.0.2.1", "MX": f"10 {name.rstrip('.')}.", "SOA": f"{name.rstrip('.')}. r. 1 2 3 4 5"}[kind]
    data = answer(f"{name.rstrip('.')}.", kind, record)

    assert parse(data, name, TYPES[kind]) == parse(data)


@pytest.mark.parametrize(("name", "kind"), [("example.org", "A"), ("example.com", "AAAA")])
def test_a_question_that_was_not_ours_is_read_as_it_stands(name: str, kind: str) -> None:
    data = answer("example.com.", "A", "192.0.2.1")

    assert parse(data, name, TYPES[kind]).question == ("example.com", TYPES["A"])
    assert _accepted(data, 7, name, TYPES[kind]) is None
    assert _accepted(data, 7, "EXAMPLE.com", TYPES["A"]) == parse(data)

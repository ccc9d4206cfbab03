"""libcurl's error codes in the contract's words."""

import errno

import pycurl
import pytest

from apps.checks.engine.curl import final_lines, header_lines, is_complete, spent
from apps.checks.engine.transport_faults import E_TOO_LARGE, transport_fault
from apps.checks.headers import Headers, named

QUIET = {"os_error": 0, "verify_result": 0, "connected": True, "secured": True, "answered": False}


@pytest.mark.parametrize(
    ("code", "circumstances", "error", "reason"),
    [
        (pycurl.E_OPERATION_TIMEDOUT, {"connected": False, "secured": False}, "connect", "timeout"),
        (pycurl.E_OPERATION_TIMEDOUT, {"secured": False}, "tls", "timeout"),
        (pycurl.E_OPERATION_TIMEDOUT, {}, "timeout", "timeout"),
        (pycurl.E_COULDNT_CONNECT, {"os_error": errno.ECONNREFUSED, "connected": False}, "connect", "refused"),
        (pycurl.E_COULDNT_CONNECT, {"os_error": errno.EHOSTUNREACH, "connected": False}, "connect", "unreachable"),
        (pycurl.E_COULDNT_CONNECT, {"os_error": errno.ETIMEDOUT, "connected": False}, "connect", "timeout"),
        (pycurl.E_PEER_FAILED_VERIFICATION, {"verify_result": 10}, "tls", "expired"),
        (pycurl.E_PEER_FAILED_VERIFICATION, {"verify_result": 9}, "tls", "not_yet_valid"),
        (pycurl.E_PEER_FAILED_VERIFICATION, {"verify_result": 62}, "tls", "hostname_mismatch"),
        (pycurl.E_PEER_FAILED_VERIFICATION, {"verify_result": 18}, "tls", "untrusted_chain"),
        (pycurl.E_PEER_FAILED_VERIFICATION, {"verify_result": 20}, "tls", "untrusted_chain"),
        (pycurl.E_SSL_CONNECT_ERROR, {"secured": False}, "tls", "handshake"),
        (pycurl.E_RECV_ERROR, {"secured": False, "os_error": errno.ECONNRESET}, "tls", "handshake"),
        (pycurl.E_RECV_ERROR, {"os_error": errno.ECONNRESET}, "connect", "reset"),
        (pycurl.E_RECV_ERROR, {"os_error": errno.ECONNRESET, "answered": True}, "protocol", "reset"),
        (pycurl.E_RECV_ERROR, {"os_error": errno.EAGAIN, "answered": True}, "protocol", "truncated"),
        (E_TOO_LARGE, {"answered": True}, "protocol", "too_large"),
        (pycurl.E_GOT_NOTHING, {}, "protocol", "protocol"),
        (pycurl.E_PARTIAL_FILE, {"answered": True}, "protocol", "truncated"),
        (pycurl.E_UNSUPPORTED_PROTOCOL, {}, "protocol", "protocol"),
    ],
)
def test_an_error_code_is_told_by_its_circumstances(
    code: int, circumstances: dict[str, int], error: str, reason: str
) -> None:
    failure = transport_fault(code, "", **{**QUIET, **circumstances}).failure  # type: ignore[arg-type]  # mixed values

    assert (failure.error, failure.reason) == (error, reason)
    assert failure.message


def test_a_name_that_does_not_match_is_told_by_the_text_alone() -> None:
    text = "SSL: no alternative certificate subject name matches target hostname 'a.test'"
    failure = transport_fault(
        pycurl.E_PEER_FAILED_VERIFICATION,
        text,
        os_error=0,
        verify_result=1,
        connected=True,
        secured=False,
        answered=False,
    ).failure

    assert failure.reason == "hostname_mismatch"


def test_the_phase_that_broke_takes_the_rest_of_the_time() -> None:
    assert spent(0, 0, 0, 900, secure=True) == (900, 0, 0, 900)
    assert spent(100, 0, 0, 900, secure=True) == (100, 800, 0, 900)
    assert spent(100, 300, 0, 900, secure=True) == (100, 200, 600, 900)
    assert spent(100, 0, 400, 900, secure=False) == (100, 0, 300, 900)


def test_headers_are_read_in_the_order_they_came() -> None:
    headers = Headers([b"A: 1\r\n", b"Set-Cookie: x=y:z\r\n", b"a:2\r\n", b"no colon\r\n", b"\r\n"])

    assert list(headers) == [("a", "1"), ("set-cookie", "x=y:z"), ("a", "2")]
    assert (len(headers), headers[-1]) == (3, ("a", "2"))
    assert headers.named("A") == ["1", "2"] == named(list(headers), "A")
    assert headers.named("no colon") == headers.named("\u20ac") == []


def test_interim_answers_are_left_out_and_an_early_end_is_seen() -> None:
    interim = [b"HTTP/1.1 103 Early Hints\r\n", b"Link: x\r\n", b"\r\n"]
    final = [b"HTTP/1.1 200 OK\r\n", b"A: 1\r\n", b"\r\n"]

    assert final_lines([*interim, *final]) == final
    assert final_lines(final) == final
    assert final_lines([]) == []
    assert is_complete(final)
    assert is_complete([*final, b"Trailer: 1\r\n"])
    assert not is_complete(final[:2])


def test_lengths_are_left_to_the_library() -> None:
    lines = header_lines((("Content-Length", "5"), ("X-A", "1"), ("X-B", "")))

    assert lines == ["Expect:", "Content-Type:", "X-A: 1", "X-B;"]

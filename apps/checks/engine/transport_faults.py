"""What an error of libcurl means in the words of contract Dashmon 6.1. Pure."""

import errno
from collections.abc import Mapping

import pycurl

from apps.checks.engine.certificate import X509_EXPIRED, X509_HOSTNAME, X509_NOT_YET_VALID
from apps.checks.engine.faults import Fault, os_fault

VERIFY_REASONS: Mapping[int, tuple[str, str]] = {
    X509_EXPIRED: ("expired", "The certificate has expired"),
    X509_NOT_YET_VALID: ("not_yet_valid", "The certificate is not valid yet"),
    X509_HOSTNAME: ("hostname_mismatch", "The certificate is for another name"),
}
UNTRUSTED = ("untrusted_chain", "The certificate is not signed by an authority that is trusted here")
HOSTNAME_WORDS = ("subject name", "target host", "alternative")
# pycurl has no name for CURLE_TOO_LARGE: a header line, or all of them, beyond libcurl's own cap.
E_TOO_LARGE = 100
BROKEN_STREAM = frozenset({pycurl.E_RECV_ERROR, pycurl.E_SEND_ERROR, pycurl.E_GOT_NOTHING})


def transport_fault(
    code: int,
    message: str,
    *,
    os_error: int,
    verify_result: int,
    connected: bool,
    secured: bool,
    answered: bool,
) -> Fault:
    """The fault behind a libcurl error; `answered` says that a status line had come.

    Connect and TLS timeouts share one code, so the phase is told by what had been reached.
    """
    if code == pycurl.E_OPERATION_TIMEDOUT:
        return _timeout(connected=connected, secured=secured)
    if code == pycurl.E_PEER_FAILED_VERIFICATION:
        return _verification(message, verify_result)
    if code == pycurl.E_COULDNT_CONNECT:
        return os_fault(os_error)
    if connected and not secured:
        return Fault("tls", "handshake", "The TLS handshake failed")
    if code == pycurl.E_PARTIAL_FILE:
        return truncated()
    if code == E_TOO_LARGE:
        return headers_too_large()
    if code in BROKEN_STREAM:
        return _broken(os_error, answered=answered)
    return Fault("protocol", "protocol", "The answer is not proper HTTP")


def _timeout(*, connected: bool, secured: bool) -> Fault:
    if not connected:
        return Fault("connect", "timeout", "The connection could not be opened in time")
    if not secured:
        return Fault("tls", "timeout", "The TLS handshake did not finish in time")
    return Fault("timeout", "timeout", "No complete answer came in time")


def _verification(message: str, verify_result: int) -> Fault:
    reason, sentence = VERIFY_REASONS.get(verify_result, UNTRUSTED)
    # A name that does not match comes with verify result 1; only the text tells.
    if verify_result in {0, 1} and any(words in message for words in HOSTNAME_WORDS):
        reason, sentence = VERIFY_REASONS[X509_HOSTNAME]
    return Fault("tls", reason, sentence)


def truncated() -> Fault:
    """An answer that ended before its time."""
    return Fault("protocol", "truncated", "The answer ended too early")


def headers_too_large() -> Fault:
    """More header lines than a proper answer has."""
    return Fault("protocol", "too_large", "The response headers exceed 64 KiB")


def _broken(os_error: int, *, answered: bool) -> Fault:
    if answered:
        return os_fault(os_error, error="protocol") if os_error == errno.ECONNRESET else truncated()
    if os_error:
        return os_fault(os_error)
    return Fault("protocol", "protocol", "The server closed the connection without an answer")

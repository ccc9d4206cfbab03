"""Certificates as libcurl hands them over, read into the values the judge knows."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from cryptography import x509
from cryptography.x509.oid import NameOID

from apps.checks.types import Certificate

# OpenSSL verify results that are reported after the chain was built to a trusted root (x509_vfy.h).
X509_NOT_YET_VALID, X509_EXPIRED, X509_HOSTNAME = 9, 10, 62
CHAIN_IS_FINE = frozenset({0, 1, X509_NOT_YET_VALID, X509_EXPIRED, X509_HOSTNAME})
CertInfo = Sequence[Sequence[tuple[bytes, bytes]]]


def read_certificate(info: CertInfo, *, trusted: bool, version: str) -> Certificate | None:
    """The leaf of a CERTINFO answer; None when there is none or nobody can read it."""
    pem = dict(info[0]).get(b"Cert") if info else None
    leaf = _leaf(pem) if pem else None
    if leaf is None:
        return None
    return replace(leaf, trusted=trusted, version=version, chain_length=len(info))


# What the parser raises about a certificate that OpenSSL took: these are no ValueErrors.
UNREADABLE = (ValueError, x509.DuplicateExtension, x509.InvalidVersion, x509.UnsupportedGeneralNameType)


@lru_cache(maxsize=4096)
def _leaf(pem: bytes) -> Certificate | None:
    """What stands in the leaf itself; a server shows the same one for months."""
    try:
        leaf = x509.load_pem_x509_certificate(pem)
        names = _alternative_names(leaf)
        return Certificate(
            not_before=leaf.not_valid_before_utc,
            not_after=leaf.not_valid_after_utc,
            subject=_common_name(leaf.subject) or (names[0].partition(":")[2] if names else ""),
            issuer=_common_name(leaf.issuer),
            san=names,
            trusted=False,
            chain_length=0,
            version="",
        )
    except UNREADABLE:
        return None


def _alternative_names(leaf: x509.Certificate) -> tuple[str, ...]:
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    hosts = [f"DNS:{name}" for name in names.get_values_for_type(x509.DNSName)]
    return (*hosts, *(f"IP:{address}" for address in names.get_values_for_type(x509.IPAddress)))


def _common_name(name: x509.Name) -> str:
    """The name people know it by: common name, else organisation, else all of it."""
    for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        if found := name.get_attributes_for_oid(oid):
            return str(found[0].value)
    return name.rfc4514_string()

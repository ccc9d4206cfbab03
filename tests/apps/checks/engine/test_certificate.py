"""Reading certificates that OpenSSL took and a stricter parser may not."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID, NameOID

from apps.checks.engine.certificate import read_certificate

NOT_BEFORE = datetime(2026, 1, 1, tzinfo=UTC)


def pem_with_names(der: bytes) -> bytes:
    """A self-signed certificate whose subjectAltName holds exactly these bytes."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "odd.test")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 5, NOT_BEFORE, NOT_BEFORE + timedelta(days=9))
    odd = x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, der)
    return builder.add_extension(odd, critical=False).sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def test_a_certificate_is_read_with_its_names_and_dates() -> None:
    found = read_certificate([[(b"Cert", pem_with_names(b"\x30\x08\x82\x06a.test"))]], trusted=True, version="TLSv1.3")

    assert found is not None
    assert (found.subject, found.san, found.chain_length) == ("odd.test", ("DNS:a.test",), 1)
    assert found.not_after == NOT_BEFORE + timedelta(days=9)


@pytest.mark.parametrize(
    "der",
    [
        b"\x30\x02\xa3\x00",  # an X.400 address
        b"\x30\x03\x82\x01\xff",  # a name that is no ASCII
        b"\x30\x04\x87\x02\x01\x02",  # an address of two bytes
        b"not DER",
    ],
)
def test_names_that_nobody_can_read_make_an_unread_certificate_not_a_broken_check(der: bytes) -> None:
    assert read_certificate([[(b"Cert", pem_with_names(der))]], trusted=True, version="TLSv1.3") is None

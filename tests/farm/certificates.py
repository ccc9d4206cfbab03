"""A certificate authority of our own, made anew for every test session: nothing secret is kept."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Signer:
    """A certificate that can sign others."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)


@dataclass(frozen=True)
class Served:
    """What a TLS listener loads: a file with the chain and one with the key."""

    chain: Path
    key: Path


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Target Farm"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _san(names: Sequence[str]) -> x509.SubjectAlternativeName:
    entries: list[x509.GeneralName] = []
    for name in names:
        try:
            entries.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            entries.append(x509.DNSName(name))
    return x509.SubjectAlternativeName(entries)


class Authority:
    """Root, intermediate and the leaves they sign, written below one folder."""

    def __init__(self, folder: Path, *, name: str = "Farm") -> None:
        self.folder = folder
        self.now = datetime.now(UTC).replace(microsecond=0)
        self.root = self._signer(f"{name} Root", None)
        self.intermediate = self._signer(f"{name} Intermediate", self.root)
        self.ca_file = folder / f"{name.lower()}-root.pem"
        self.ca_file.write_bytes(self.root.pem)

    def _signer(self, common: str, issuer: Signer | None) -> Signer:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(common))
            .issuer_name(issuer.certificate.subject if issuer else _name(common))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now - 400 * DAY)
            .not_valid_after(self.now + 400 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        return Signer(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)

    def leaf(
        self,
        label: str,
        names: Sequence[str],
        *,
        start: timedelta = -30 * DAY,
        end: timedelta = 90 * DAY,
        with_intermediate: bool = True,
        self_signed: bool = False,
    ) -> Served:
        """A leaf for `names`, valid from now + start to now + end."""
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = None if self_signed else self.intermediate
        certificate = (
            x509.CertificateBuilder()
            .subject_name(_name(names[0]))
            .issuer_name(issuer.certificate.subject if issuer else _name(names[0]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now + start)
            .not_valid_after(self.now + end)
            .add_extension(_san(names), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .sign(issuer.key if issuer else key, hashes.SHA256())
        )
        tail = self.intermediate.pem if with_intermediate and not self_signed else b""
        return self._written(label, Signer(certificate, key), tail)

    def _written(self, label: str, leaf: Signer, tail: bytes) -> Served:
        chain, secret = self.folder / f"{label}.pem", self.folder / f"{label}.key"
        chain.write_bytes(leaf.pem + tail)
        secret.write_bytes(
            leaf.key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return Served(chain, secret)

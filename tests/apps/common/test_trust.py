"""Which authorities outbound TLS trusts."""

from pathlib import Path
from typing import Any

from apps.common.trust import ca_bundle


def test_without_an_extra_file_the_public_roots_are_used_where_they_lie(settings: Any) -> None:
    settings.PROBE_CA_FILE = ""

    assert b"BEGIN CERTIFICATE" in Path(ca_bundle()).read_bytes()


def test_an_extra_authority_adds_to_the_public_roots(settings: Any, tmp_path: Path) -> None:
    settings.PROBE_CA_FILE = ""
    public = Path(ca_bundle()).read_bytes().rstrip()
    extra = tmp_path / "inner.pem"
    extra.write_bytes(b"-----BEGIN CERTIFICATE-----\ninner\n-----END CERTIFICATE-----\n")
    settings.PROBE_CA_FILE, settings.DATA_DIR = str(extra), tmp_path / "data"

    bundle = Path(ca_bundle())

    assert bundle.parent == tmp_path / "data"
    assert bundle.read_bytes() == public + b"\n" + extra.read_bytes()
    assert ca_bundle() == str(bundle)
    assert list(bundle.parent.iterdir()) == [bundle]

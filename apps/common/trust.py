"""The certificate authorities that outbound TLS trusts: one PEM file, as OpenSSL and libcurl want it."""

import hashlib
import os
import ssl
from functools import lru_cache
from pathlib import Path

import certifi
from django.conf import settings


def ca_bundle() -> str:
    """Path of the bundle: the system's store, else certifi's, plus DASHMON_PROBE_CA_FILE when it is set.

    The extra file adds to the public roots instead of replacing them: an installation with an inner
    authority still watches public sites.
    """
    return _bundle(settings.PROBE_CA_FILE, str(settings.DATA_DIR))


@lru_cache(maxsize=8)
def _bundle(extra: str, data_dir: str) -> str:
    base = Path(_public_roots())
    if not extra:
        return str(base)
    content = base.read_bytes().rstrip() + b"\n" + Path(extra).read_bytes()
    path = Path(data_dir) / f"trust-{hashlib.sha256(content).hexdigest()[:16]}.pem"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}")
        draft.write_bytes(content)
        draft.replace(path)
    return str(path)


def _public_roots() -> str:
    system = ssl.get_default_verify_paths().cafile
    return system if system and Path(system).stat().st_size else certifi.where()

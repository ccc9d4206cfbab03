"""Web push: a note to one browser, encrypted for it alone (RFC 8030, RFC 8291) and signed by this server (RFC 8292)."""

import base64
import json
import os
import struct
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from apps.common.clock import epoch_ms
from apps.devices.documents import Document
from apps.notifications.channels.answers import is_success, posted, refused
from apps.notifications.channels.hooks import read_url, shown
from apps.notifications.types import Envelope, Receipt

CURVE = ec.SECP256R1()
# The order of the curve (SEC 2, section 2.4.2): private keys are 1 to n - 1.
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
TIMEOUT_S = 15.0
RECORD = 4096
# What a push service keeps for a browser that is switched off.
TTL_S = 4 * 3600
SIGNED_FOR = timedelta(hours=12)
LONGEST_TEXT, LONGEST_TITLE = 1000, 200
# A body of 4096 bytes (RFC 8030, 7.2), less header, tag and delimiter.
LONGEST_NOTE = 3900

__all__ = ["clean", "encrypted", "public_key", "recipients", "redact", "send", "shown"]


def send(envelope: Envelope) -> Receipt:
    """Hand one note to the browser's push service. 404 and 410 mean that the browser has unsubscribed."""
    payload, config = envelope.payload, envelope.config
    body = encrypted(note_of(payload, tag=envelope.id), p256dh=config["p256dh"], auth=config["auth"])
    headers = {
        "Content-Type": "application/octet-stream",
        "Content-Encoding": "aes128gcm",
        "TTL": str(TTL_S),
        "Urgency": "high" if payload["tone"] == "down" else "normal",
        "Authorization": f"vapid t={_token(envelope.recipient, envelope.at)}, k={public_key()}",
    }
    answer = posted(envelope.recipient, body, headers, timeout_s=TIMEOUT_S)
    if not is_success(answer):
        raise refused(answer, final=answer.status in {404, 410, 413})
    return Receipt("Accepted by the push service.", answer.status)


def note_of(payload: Mapping[str, Any], *, tag: str) -> bytes:
    """What the browser is to show, short enough for one record whatever script it is in."""
    title, text = payload["title"][:LONGEST_TITLE], payload["text"][:LONGEST_TEXT]
    while True:
        note = {"title": title, "body": text, "url": payload.get("url", "")[:500], "tag": tag, "tone": payload["tone"]}
        spelled = json.dumps(note, ensure_ascii=False).encode()
        if len(spelled) <= LONGEST_NOTE:
            return spelled
        text, title = (text[: len(text) * 3 // 4], title) if text else ("", title[: len(title) * 3 // 4])


def clean(document: Mapping[str, Any]) -> dict[str, Any]:
    """A browser's subscription: `endpoint`, and `keys` with `p256dh` and `auth`; or one as it is stored."""
    stored = {"p256dh": document.get("p256dh"), "auth": document.get("auth")}
    root = Document({"url": document.get("endpoint", document.get("url")), "keys": document.get("keys", stored)})
    config = {"url": read_url(root)}
    with root.part("keys") as keys:
        for name, size in (("p256dh", 65), ("auth", 16)):
            config[name] = keys.text(name, default="", longest=200) or ""
            if len(_decoded(config[name])) != size:
                keys.fault(name, "A key as the browser gave it.")
        if not _is_on_curve(_decoded(config["p256dh"])):
            keys.fault("p256dh", "A key as the browser gave it.")
    root.finish()
    return config


def redact(config: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG001  # every kind has the same functions
    return {"url": None, "p256dh": None, "auth": None}


def recipients(config: Mapping[str, Any]) -> list[str]:
    """The one browser."""
    return [config["url"]]


def public_key() -> str:
    """What a browser needs to subscribe: this installation's public key, base64url (RFC 8292, 3.2)."""
    return _encoded(_point(_signing_key()))


def encrypted(
    plain: bytes,
    *,
    p256dh: str,
    auth: str,
    key: ec.EllipticCurvePrivateKey | None = None,
    salt: bytes | None = None,
) -> bytes:
    """One message for one browser, as one record of aes128gcm (RFC 8188, RFC 8291); `key` and `salt` are drawn anew
    for every message unless a test names them.
    """
    own = key or ec.generate_private_key(CURVE)
    salt = salt or os.urandom(16)
    theirs, ours = _decoded(p256dh), _point(own)
    shared = own.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(CURVE, theirs))
    secret = _hkdf(shared, salt=_decoded(auth), info=b"WebPush: info\x00" + theirs + ours, size=32)
    content = _hkdf(secret, salt=salt, info=b"Content-Encoding: aes128gcm\x00", size=16)
    nonce = _hkdf(secret, salt=salt, info=b"Content-Encoding: nonce\x00", size=12)
    # The delimiter of the last record; no padding.
    sealed = AESGCM(content).encrypt(nonce, plain + b"\x02", None)
    return salt + struct.pack("!IB", RECORD, len(ours)) + ours + sealed


def _signing_key() -> ec.EllipticCurvePrivateKey:
    """Derived from the installation's secret, so that every machine signs with the same key and none is stored."""
    seed = _hkdf(settings.SECRET_KEY.encode(), salt=b"dashmon", info=b"vapid", size=48)
    return ec.derive_private_key(int.from_bytes(seed) % (ORDER - 1) + 1, CURVE)


def _token(endpoint: str, at: datetime) -> str:
    """A signed statement of who sends, to the push service of one endpoint (RFC 8292, section 2; RFC 7515)."""
    parts = urlsplit(endpoint)
    claims = {
        "aud": f"{parts.scheme}://{parts.netloc}",
        "exp": epoch_ms(at + SIGNED_FOR) // 1000,
        "sub": settings.BASE_URL or f"mailto:{settings.DEFAULT_FROM_EMAIL.rpartition('<')[2].strip('>')}",
    }
    head = _encoded(json.dumps({"typ": "JWT", "alg": "ES256"}).encode())
    signed = f"{head}.{_encoded(json.dumps(claims).encode())}"
    r, s = decode_dss_signature(_signing_key().sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{signed}.{_encoded(r.to_bytes(32) + s.to_bytes(32))}"


def _hkdf(secret: bytes, *, salt: bytes, info: bytes, size: int) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=size, salt=salt, info=info).derive(secret)


def _point(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def _is_on_curve(point: bytes) -> bool:
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(CURVE, point)
    except ValueError:
        return False
    return True


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return b""

"""Web push as the RFCs have it: the example of RFC 8291, a browser that can read, and a service that can verify."""

import base64
import json
import struct
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from apps.common.errors import InvalidInputError
from apps.notifications import channels
from apps.notifications.channels import ChannelError, web_push
from tests.apps.notifications.envelopes import envelope
from tests.sinks.http import HttpSink

CURVE = ec.SECP256R1()


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Browser:
    """The receiving half: its keys, and how it opens a message."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(CURVE)
        self.auth = b"0123456789abcdef"

    @property
    def point(self) -> bytes:
        return self.key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )

    def keys(self) -> dict[str, str]:
        return {"p256dh": encode(self.point), "auth": encode(self.auth)}

    def open(self, body: bytes) -> bytes:
        salt, (_, size) = body[:16], struct.unpack("!IB", body[16:21])
        theirs, sealed = body[21 : 21 + size], body[21 + size :]
        shared = self.key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(CURVE, theirs))
        secret = self.derive(shared, self.auth, b"WebPush: info\x00" + self.point + theirs, 32)
        content = self.derive(secret, salt, b"Content-Encoding: aes128gcm\x00", 16)
        nonce = self.derive(secret, salt, b"Content-Encoding: nonce\x00", 12)
        plain = AESGCM(content).decrypt(nonce, sealed, None)
        assert plain.endswith(b"\x02")
        return plain[:-1]

    def derive(self, secret: bytes, salt: bytes, info: bytes, size: int) -> bytes:
        return HKDF(algorithm=hashes.SHA256(), length=size, salt=salt, info=info).derive(secret)


def test_the_example_of_rfc_8291_comes_out_to_the_byte() -> None:
    key = ec.derive_private_key(int.from_bytes(decode("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")), CURVE)
    body = web_push.encrypted(
        b"When I grow up, I want to be a watermelon",
        p256dh="BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        auth="BTBZMqHH6r4Tts7J_aSIgg",
        key=key,
        salt=decode("DGv6ra1nlYgDCS1FRnbzlw"),
    )

    assert encode(body) == (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_"
        "yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )


@pytest.fixture
def subscribed(http_sink: HttpSink) -> tuple[Browser, dict[str, Any]]:
    browser = Browser()
    config = channels.clean("web_push", {"endpoint": http_sink.url, "keys": browser.keys()}, kept={})
    return browser, config


def test_the_browser_can_read_it_and_the_service_can_tell_who_sends(
    subscribed: tuple[Browser, dict[str, Any]], http_sink: HttpSink, settings: Any
) -> None:
    settings.BASE_URL = "https://watch.example"
    browser, config = subscribed
    http_sink.status = 201
    channels.send("web_push", envelope(config["url"], **config))

    got = http_sink.requests[0]
    note = json.loads(browser.open(got.body))
    assert note["title"].startswith("Down: ")
    assert note["url"] == "https://watch.example/app/incidents/inc_1"
    assert (got.headers["Content-Encoding"], got.headers["Urgency"]) == ("aes128gcm", "high")
    token, key = got.headers["Authorization"].removeprefix("vapid ").split(", ")
    head, claims, signature = token.removeprefix("t=").split(".")
    point = decode(key.removeprefix("k="))
    r, s = (int.from_bytes(half) for half in (decode(signature)[:32], decode(signature)[32:]))
    ec.EllipticCurvePublicKey.from_encoded_point(CURVE, point).verify(
        encode_dss_signature(r, s), f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256())
    )
    assert json.loads(decode(claims))["aud"] == f"http://127.0.0.1:{http_sink.port}"
    assert key.removeprefix("k=") == web_push.public_key()


def test_every_machine_with_the_same_secret_signs_with_the_same_key(settings: Any) -> None:
    first = web_push.public_key()
    assert web_push.public_key() == first
    settings.SECRET_KEY = "another"
    assert web_push.public_key() != first


@pytest.mark.parametrize("status", [404, 410])
def test_a_browser_that_has_unsubscribed_is_not_tried_again(
    status: int, subscribed: tuple[Browser, dict[str, Any]], http_sink: HttpSink
) -> None:
    http_sink.status = status
    _, config = subscribed

    with pytest.raises(ChannelError) as caught:
        channels.send("web_push", envelope(config["url"], **config))

    assert caught.value.final


@pytest.mark.parametrize("keys", [{}, {"p256dh": "x", "auth": "y"}, {"p256dh": encode(b"4" * 65)}, 5])
def test_keys_that_are_none_are_refused(keys: Any) -> None:
    with pytest.raises(InvalidInputError):
        channels.clean("web_push", {"endpoint": "https://push.example.com/x", "keys": keys}, kept={})


def test_a_key_off_the_curve_is_refused() -> None:
    keys = {"p256dh": encode(b"\x04" + b"7" * 64), "auth": encode(b"0123456789abcdef")}

    with pytest.raises(InvalidInputError):
        channels.clean("web_push", {"endpoint": "https://push.example.com/x", "keys": keys}, kept={})


def test_a_stored_subscription_is_a_good_one(subscribed: tuple[Browser, dict[str, Any]]) -> None:
    _, config = subscribed

    assert channels.clean("web_push", config, kept={}) == config


@pytest.mark.parametrize("character", ["a", "é", "漢", "😀", '"', "\u2028"])
def test_a_note_fits_into_one_record_whatever_script_it_is_in(character: str) -> None:
    payload = {"title": character * 300, "text": character * 3000, "url": "https://x.example/" * 40, "tone": "down"}
    note = web_push.note_of(payload, tag="dlv_1")
    body = web_push.encrypted(note, **Browser().keys())

    assert len(body) <= 4096
    assert json.loads(note)["title"]

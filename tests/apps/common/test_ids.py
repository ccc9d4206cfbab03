import hashlib
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.common.ids import decode_uuid, digest, encode_uuid, new_secret, parse_uuid


@given(st.uuids())
def test_a_spelled_uuid_reads_back(value: uuid.UUID) -> None:
    text = encode_uuid("inc", value)

    assert len(text) == len("inc_") + 22
    assert decode_uuid("inc", text) == value


def test_the_smallest_and_the_largest_uuid_fit() -> None:
    assert encode_uuid("tok", uuid.UUID(int=0)) == "tok_" + "0" * 22
    assert decode_uuid("tok", encode_uuid("tok", uuid.UUID(int=2**128 - 1))) == uuid.UUID(int=2**128 - 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "inc_",
        "tok_" + "0" * 22,  # another kind's name
        "inc_" + "0" * 21,
        "inc_" + "0" * 23,
        "inc_" + "0" * 21 + "-",
        "inc_" + "0" * 21 + "é",
        "inc_" + "z" * 22,  # more than 128 bits
        "0" * 22,
    ],
)
def test_anything_else_is_no_uuid(text: str) -> None:
    assert decode_uuid("inc", text) is None


def test_only_the_canonical_spelling_of_a_uuid_is_read() -> None:
    value = uuid.UUID("0f6f2f5e-2a0f-4c55-8a54-0b1c9a0f8d01")

    assert parse_uuid(str(value)) == value
    assert parse_uuid(str(value).upper()) == value
    assert parse_uuid(value.hex) is None
    assert parse_uuid(f"{{{value}}}") is None
    assert parse_uuid("seven") is None
    assert parse_uuid("") is None


def test_secrets_carry_their_prefix_and_are_never_the_same() -> None:
    made = {new_secret("dm_live_") for _ in range(100)}

    assert len(made) == 100
    # 32 bytes are 43 URL-safe characters.
    assert {len(secret) for secret in made} == {len("dm_live_") + 43}
    assert all(secret.startswith("dm_live_") for secret in made)
    assert len(new_secret("hb_", size=20)) == len("hb_") + 27


def test_a_digest_is_sha_256_in_hex() -> None:
    assert digest("dm_live_x") == hashlib.sha256(b"dm_live_x").hexdigest()


def test_whatever_a_stranger_sends_has_a_digest() -> None:
    assert len(digest("\ud800")) == 64
    assert digest("\ud800") != digest("?")

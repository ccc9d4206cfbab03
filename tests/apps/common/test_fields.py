import struct

import pytest
from cryptography.fernet import InvalidToken
from django.db import connection, transaction
from pytest_django import Settings

from apps.checks.models import CheckBatch
from apps.common.fields import EncryptedTextField, LongListField, cipher
from apps.tokens.models import AgentKey
from tests.factories import NOW, make_workspace

pytestmark = pytest.mark.django_db


def stored_secret(key: AgentKey) -> bytes:
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM tokens_agentkey WHERE id = %s", [key.pk])
        row = cursor.fetchone()
    assert row is not None
    return bytes(row[0])


def make_key(secret: str = "hb_Zx3mQ0V8b5rT2yK9nP4wL7cD") -> AgentKey:
    key: AgentKey = AgentKey.objects.create(
        workspace=make_workspace(),
        subject=AgentKey.Subject.DEVICE,
        subject_id=1,
        hash="0" * 64,
        secret=secret,
        created_at=NOW,
    )
    return key


def test_a_secret_reads_back_and_is_not_in_the_database() -> None:
    key = make_key("Grüße 🔑")

    assert AgentKey.objects.get(pk=key.pk).secret == "Grüße 🔑"
    assert "Grüße".encode() not in stored_secret(key)


def test_the_same_secret_is_stored_differently_each_time() -> None:
    field = EncryptedTextField()

    assert field.get_prep_value("hb_same") != field.get_prep_value("hb_same")
    assert field.get_prep_value(None) is None
    assert field.from_db_value(None) is None


def test_after_a_rotation_old_secrets_are_read_and_new_ones_need_only_the_new_key(settings: Settings) -> None:
    settings.ENCRYPTION_KEYS = ["old"]
    key = make_key()

    settings.ENCRYPTION_KEYS = ["new", "old"]
    reread = AgentKey.objects.get(pk=key.pk)
    reread.save()
    settings.ENCRYPTION_KEYS = ["new"]

    assert AgentKey.objects.get(pk=key.pk).secret == "hb_Zx3mQ0V8b5rT2yK9nP4wL7cD"


def test_a_stranger_to_the_keys_reads_nothing(settings: Settings) -> None:
    settings.ENCRYPTION_KEYS = ["ours"]
    key = make_key()
    settings.ENCRYPTION_KEYS = ["theirs"]

    with pytest.raises(InvalidToken):
        AgentKey.objects.get(pk=key.pk)


def test_an_encrypted_field_is_not_exported() -> None:
    with pytest.raises(TypeError):
        EncryptedTextField().value_to_string(make_key())


def test_one_cipher_serves_the_same_keys() -> None:
    assert cipher() is cipher()


def test_a_list_of_long_integers_comes_back_in_order() -> None:
    slots = (2**63 - 1, -(2**63), 0, 1_764_300_000_123)
    made = CheckBatch.objects.create(shard=0, device_ids=[3, 1, 2], slots=slots, first_slot=0)
    empty = CheckBatch.objects.create(shard=0, device_ids=(), slots=(), first_slot=0)

    stored = CheckBatch.objects.get(pk=made.pk)
    assert (stored.device_ids, stored.slots) == ((3, 1, 2), slots)
    assert CheckBatch.objects.get(pk=empty.pk).slots == ()
    CheckBatch.objects.filter(pk=made.pk).update(slots=[7])
    assert CheckBatch.objects.get(pk=made.pk).slots == (7,)


def test_an_integer_beyond_64_bits_is_refused_before_anything_is_written() -> None:
    with pytest.raises(struct.error), transaction.atomic():
        CheckBatch.objects.create(shard=0, device_ids=[1], slots=[2**63], first_slot=0)
    assert not CheckBatch.objects.exists()


def test_a_list_of_long_integers_is_exported_as_json() -> None:
    field = CheckBatch._meta.get_field("slots")
    assert isinstance(field, LongListField)
    assert field.value_to_string(CheckBatch(slots=(1, -2))) == "[1, -2]"

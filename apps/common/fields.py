"""Model fields that the framework lacks."""

import base64
import hashlib
import json
import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.db import models


@lru_cache(maxsize=4)
def _cipher(keys: tuple[str, ...]) -> MultiFernet:
    derived = (base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest()) for key in keys)
    return MultiFernet([Fernet(key) for key in derived])


def cipher() -> MultiFernet:
    """The installation's keys, newest first; the key itself never enters the database."""
    return _cipher(tuple(settings.ENCRYPTION_KEYS))


class EncryptedTextField(models.BinaryField):  # type: ignore[type-arg]  # the stubs' generic has no runtime form
    """Text that must be read back, stored as a Fernet token under the installation's keys."""

    def from_db_value(self, value: Any, *_: Any) -> str | None:
        return None if value is None else cipher().decrypt(bytes(value)).decode()

    def get_prep_value(self, value: Any) -> bytes | None:
        return None if value is None else cipher().encrypt(str(value).encode())

    def to_python(self, value: Any) -> Any:
        return value

    def value_to_string(self, obj: models.Model) -> str:  # noqa: ARG002  # Django's signature
        raise TypeError("an encrypted field is not exported")


class EncryptedJSONField(EncryptedTextField):
    """A JSON document that holds secrets, stored like encrypted text."""

    def from_db_value(self, value: Any, *args: Any) -> Any:
        text = super().from_db_value(value, *args)
        return None if text is None else json.loads(text)

    def get_prep_value(self, value: Any) -> bytes | None:
        return super().get_prep_value(None if value is None else json.dumps(value, ensure_ascii=False))


class LongListField(models.BinaryField):  # type: ignore[type-arg]  # the stubs' generic has no runtime form
    """A list of 64-bit integers, eight bytes each: as JSON it costs more to write and read than to use."""

    def from_db_value(self, value: Any, *_: Any) -> tuple[int, ...] | None:
        return None if value is None else unpack_longs(value)

    def get_prep_value(self, value: Sequence[int] | None) -> bytes | None:
        return None if value is None else struct.pack(f"<{len(value)}q", *value)

    def to_python(self, value: Any) -> Any:
        return value

    def value_to_string(self, obj: models.Model) -> str:
        return json.dumps(list(self.value_from_object(obj)))


def unpack_longs(value: bytes | memoryview) -> tuple[int, ...]:
    """What a LongListField stores, as numbers."""
    return struct.unpack(f"<{len(value) // 8}q", value)

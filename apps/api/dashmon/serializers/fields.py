"""Fields that take exactly the JSON type they name: "5" is no number here, 1 is no text (contract 16)."""

from datetime import datetime
from typing import Any, NoReturn

from rest_framework import serializers

from apps.api.dashmon.serializers.faults import ABSENT
from apps.common.clock import iso_ms, parse_iso


def _messages(**own: str) -> dict[str, Any]:
    return {"required": ABSENT, "null": ABSENT, "blank": ABSENT, **own}


class Text(serializers.CharField):
    """A JSON string, trimmed."""

    default_error_messages = _messages(
        invalid="A text.",
        unstorable="Text without control characters.",
        min_length="At least {min_length} characters.",
        max_length="At most {max_length} characters.",
    )

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        if "\x00" in data:
            self.fail("unstorable")
        return str(super().to_internal_value(data))


class Whole(serializers.IntegerField):
    """A JSON integer; never a string, a boolean or a fraction."""

    default_error_messages = _messages(invalid="A whole number.")

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int or abs(data) >= 1 << 53:
            self.fail("invalid")
        return int(data)


class Truth(serializers.BooleanField):
    """true or false, nothing that looks like it."""

    default_error_messages = _messages(invalid="true or false.")

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return bool(data)


class Instant(serializers.DateTimeField):
    """ISO 8601 with a zone in, exactly three decimals and Z out."""

    default_error_messages = _messages(invalid="An ISO datetime with its zone.")

    def to_internal_value(self, value: Any) -> datetime:
        try:
            return parse_iso(value)
        except (ValueError, TypeError, OverflowError):
            self.fail("invalid", format="ISO 8601")

    def to_representation(self, value: Any) -> str:
        return iso_ms(value)


class Texts(serializers.ListField):
    """A list of texts."""

    child = Text()
    default_error_messages = _messages(not_a_list="A list of texts.")


class Choice(serializers.ChoiceField):
    """One of a few words; the refusal names them."""

    default_error_messages = _messages(invalid_choice="One of {words}.")

    def fail(self, key: str, **kwargs: Any) -> NoReturn:
        super().fail(key, words=", ".join(map(str, self.choices)), **kwargs)


class Document(serializers.JSONField):
    """A JSON object whose rules live with the domain."""

    default_error_messages = _messages(invalid="An object.")

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            self.fail("invalid")
        return dict(data)

"""Many rows by one serializer."""

from collections.abc import Iterable
from typing import Any

from rest_framework.serializers import Serializer


def spelled(kind: type[Serializer[Any]], rows: Iterable[Any], **context: Any) -> list[dict[str, Any]]:
    """Each row as the serializer spells it."""
    found: Any = list(rows)
    return list(kind(found, many=True, context=context).data)

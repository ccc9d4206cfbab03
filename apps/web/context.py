"""What every page needs to draw its shell."""

from typing import Any

from django.http import HttpRequest


def shell(request: HttpRequest) -> dict[str, Any]:
    """Context processor: the theme a person chose, so that it is set before the first paint."""
    return {"theme": request.COOKIES.get("dashmon_theme", "system")}

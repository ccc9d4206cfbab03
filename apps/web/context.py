"""What every page needs before it knows its workspace."""

from typing import Any

from django.http import HttpRequest

from apps.operations.sign_up import sign_up_open

THEMES = ("system", "light", "dark")
COOKIE = "dashmon_theme"


def shell(request: HttpRequest) -> dict[str, Any]:
    """Context processor: the theme a person chose, set before the first paint, and whether strangers may sign up."""
    chosen = request.COOKIES.get(COOKIE, "system")
    return {"theme": chosen if chosen in THEMES else "system", "signup_open": sign_up_open()}

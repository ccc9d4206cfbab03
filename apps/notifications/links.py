"""Addresses that messages show."""

from urllib.parse import urlsplit

from django.conf import settings

from apps.incidents.models import Incident

WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}  # noqa: S104  # translated, never bound


def base_url() -> str:
    """Where people open the product: what the operator says, else where the server listens."""
    if settings.BASE_URL:
        return str(settings.BASE_URL).rstrip("/")
    return f"http://{WILDCARDS.get(settings.HOST, settings.HOST)}:{settings.PORT}"


def incident_url(incident: Incident) -> str:
    """The incident's page."""
    return f"{base_url()}/app/incidents/{incident.wire_id}"


def mail_domain() -> str:
    """The right half of a Message-ID: the host of the sender's address, else of the product itself."""
    _, at, host = str(settings.DEFAULT_FROM_EMAIL).rpartition("@")
    return host.strip(" >") if at else urlsplit(base_url()).hostname or "localhost"

"""What channels with one secret address have in common: the address is the whole configuration."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from apps.devices.documents import Document, url_fault


def clean(document: Mapping[str, Any]) -> dict[str, Any]:
    """`url`: an address that the service gave."""
    root = Document(document)
    config = {"url": read_url(root)}
    root.finish()
    return config


def read_url(root: Document) -> str:
    """The `url` of a document; a fault where it is none or may not be reached from here."""
    url: str = root.text("url", default="", longest=2048) or ""
    if fault := url_fault(url):
        root.fault("url", fault)
    return url


def redact(config: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG001  # every kind has the same functions
    """An address often is the secret."""
    return {"url": None}


def recipients(config: Mapping[str, Any]) -> list[str]:
    """The one address."""
    return [config["url"]]


def shown(recipient: str) -> str:
    """Scheme and host: the path often is the secret."""
    parts = urlsplit(recipient)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

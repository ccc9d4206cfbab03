"""Mail servers of people's own: named in a channel, judged like every address that we are told to reach."""

import smtplib
import socket
from collections.abc import Mapping
from typing import Any

from django.core.mail.backends.smtp import EmailBackend

from apps.accounts.addresses import is_address
from apps.common.outbound import judged_address
from apps.devices.documents import Document

TIMEOUT_S = 15.0
# Here the line is encrypted from its first byte on; elsewhere it becomes so, or nothing is sent.
IMPLICIT_TLS = 465
LONGEST = 255


def clean_server(document: Any) -> dict[str, Any]:
    """`host`, `port`, `tls`, `username` (empty: nobody signs in) and `from`."""
    root = Document(document, path="server")
    config = {
        "host": root.text("host", default="", longest=LONGEST) or "",
        "port": root.raw("port"),
        "tls": root.flag("tls", default=False),
        "username": root.text("username", default="", longest=LONGEST) or "",
        "from": root.text("from", default="", longest=LONGEST) or "",
    }
    if not config["host"] or any(sign.isspace() for sign in str(config["host"])):
        root.fault("host", "The name or address of a mail server.")
    if not isinstance(config["port"], int) or isinstance(config["port"], bool) or not 0 < config["port"] < 2**16:
        root.fault("port", "1 to 65535.")
    if not is_address(str(config["from"])):
        root.fault("from", "An e-mail address.")
    root.finish()
    return config


def connection_of(server: Mapping[str, Any], password: str | None) -> EmailBackend:
    """A connection to be opened when something is sent."""
    implicit = server["tls"] and server["port"] == IMPLICIT_TLS
    return _OwnServer(
        host=server["host"],
        port=server["port"],
        username=server["username"],
        password=(password or "") if server["username"] else "",
        use_tls=server["tls"] and not implicit,
        use_ssl=implicit,
        timeout=TIMEOUT_S,
    )


def _dial(host: str, port: int, timeout_s: float) -> socket.socket:
    """A line to an address that may be reached; OutboundError where it may not."""
    return socket.create_connection((str(judged_address(host, port, timeout_s)), port), timeout_s)


class _Line(smtplib.SMTP):
    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return _dial(host, port, timeout)


class _EncryptedLine(smtplib.SMTP_SSL):
    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self.context.wrap_socket(_dial(host, port, timeout), server_hostname=host)


class _OwnServer(EmailBackend):
    """Django's sender, with our door in front of the address."""

    @property
    def connection_class(self) -> Any:
        return _EncryptedLine if self.use_ssl else _Line

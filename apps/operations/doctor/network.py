"""Where people reach the installation, and what it may reach itself."""

import ipaddress
from collections.abc import Sequence
from smtplib import SMTPException
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage, get_connection

from apps.common.egress.guard import WILDCARDS, Guard, current_guard
from apps.common.hosts import is_local_name
from apps.operations.doctor.findings import Finding, fine, problem, warning

METADATA = ipaddress.ip_address("169.254.169.254")
PUBLIC = ipaddress.ip_address("9.9.9.9")
LOOPBACK = ipaddress.ip_address("127.0.0.1")
PRIVATE = ipaddress.ip_address("10.0.0.1")


def look_at_address(base_url: str, *, listens_on: str, profile: str) -> list[Finding]:
    """Whether DASHMON_BASE_URL can be what people type."""
    if not base_url:
        if profile == "saas" or listens_on in WILDCARDS:
            cure = "Set DASHMON_BASE_URL to the address people use: links in messages are made from it."
            return [warning("address", "DASHMON_BASE_URL is not set.", cure)]
        return [fine("address", "DASHMON_BASE_URL is not set: the server answers on this machine.")]
    parts = urlsplit(base_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path or parts.query:
        cure = "It looks like https://watch.example.com: no path and nothing after it."
        return [problem("address", f"DASHMON_BASE_URL {base_url} is no address of a site.", cure)]
    if parts.scheme == "http" and not _is_near(parts.hostname):
        cure = "Put a proxy with TLS in front, and set DASHMON_TRUSTED_PROXIES."
        return [
            warning("address", f"{base_url} is not encrypted: passwords and sessions can be read on the way.", cure)
        ]
    return [fine("address", f"People use {base_url}.")]


def _is_near(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return is_local_name(host)


def look_at_egress(*, port: int, profile: str) -> list[Finding]:
    """Whether the guard of outbound requests refuses and lets pass what it should."""
    try:
        guard = current_guard()
    except ImproperlyConfigured as error:
        return [problem("egress", str(error), "Correct DASHMON_EGRESS_ALLOW and DASHMON_EGRESS_DENY.")]
    return judge_guard(guard, port=port, profile=profile)


def judge_guard(guard: Guard, *, port: int, profile: str) -> list[Finding]:
    """The guard against addresses whose ruling is known."""
    found: list[Finding] = []
    if guard.refusal(LOOPBACK, port) is None:
        found.append(problem("egress", "The guard lets monitors reach this server itself.", "Report this as a fault."))
    if guard.refusal(METADATA, 80) is None:
        said = "Monitors may reach the cloud's metadata service, where the machine's credentials are."
        found.append(warning("egress", said, f"Take {METADATA} out of DASHMON_EGRESS_ALLOW."))
    if profile == "saas" and guard.refusal(PRIVATE, 80) is None:
        said = "Strangers' monitors may reach private networks."
        found.append(warning("egress", said, "Take private networks out of DASHMON_EGRESS_ALLOW."))
    if guard.refusal(PUBLIC, 443) is not None:
        said = "Public addresses are refused: monitors of websites are blocked."
        found.append(warning("egress", said, "See DASHMON_EGRESS_DENY."))
    return found or [fine("egress", "The guard refuses what it must and lets public addresses pass.")]


def look_at_mail(url: str, *, sender: str, send_to: Sequence[str] = ()) -> list[Finding]:
    """Whether the mail server takes our connection, and a mail when there is somebody to send it to."""
    if not url:
        cure = "Set EMAIL_URL, for example smtp+tls://user:password@mail.example.com:587"
        return [warning("e-mail", "EMAIL_URL is not set: mails are written to the server's output.", cure)]
    server = get_connection()
    try:
        server.open()
        if send_to:
            text = "This mail was sent by manage.py doctor. Mails of Dashmon arrive."
            EmailMessage("Dashmon: test", text, sender, list(send_to), connection=server).send()
    except (OSError, SMTPException) as error:
        said = f"The mail server does not take it: {type(error).__name__} {str(error)[:200]}"
        return [problem("e-mail", said.strip(), "See EMAIL_URL: host, port, user, password, and smtp+tls or smtps.")]
    finally:
        server.close()
    return [fine("e-mail", f"Sent to {', '.join(send_to)}." if send_to else "The mail server takes connections.")]

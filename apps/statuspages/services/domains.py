"""A page under a host name of its own: claimed, proved by a TXT record, served (docs/status-pages.md)."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime

import dns.exception
import dns.resolver
import idna
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from dns.nameserver import Do53Nameserver

from apps.common.egress.targets import split_port
from apps.common.errors import ConflictError, InvalidInputError
from apps.common.hosts import HostRules, is_local_name
from apps.common.ids import new_secret
from apps.notifications.links import base_url
from apps.statuspages import shelf
from apps.statuspages.models import StatusPage
from apps.workspaces.models import Domain

RECORD = "_dashmon"
LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
TIMEOUT_S, DNS_PORT = 5.0, 53
Lookup = Callable[[str], Sequence[str]]


@transaction.atomic
def set_domain(*, page: StatusPage, hostname: str, now: datetime) -> Domain:
    """Claim a host name for a page. It is served once it is proved; at once where the house is one's own.

    InvalidInputError on `customDomain` for what is no name of one's own, ConflictError when it is in use. A claim
    that nobody has proved gives way: a stranger could otherwise block every name.
    """
    host = clean_hostname(hostname)
    current = domain_of(page)
    if current is not None and current.hostname == host:
        return current
    taken = Domain.objects.select_for_update().filter(hostname=host).first()
    if taken is not None and taken.verified_at is not None:
        raise ConflictError(f"The name {host} is in use.")
    if taken is not None:
        taken.delete()
    drop_domain(page=page)
    domain = Domain(
        workspace_id=page.workspace_id,
        hostname=host,
        use=Domain.Use.STATUS_PAGE,
        target_id=page.pk,
        proof=new_secret("dashmon-proof=", size=24),
        verified_at=now if settings.PROFILE == "self_hosted" else None,
        created_at=now,
    )
    try:
        # A savepoint: of two claims at once the later one is told, and its caller's transaction goes on to say so.
        with transaction.atomic():
            domain.save()
    except IntegrityError:
        raise ConflictError(f"The name {host} is in use.") from None
    shelf.drop_page(page.pk)
    return domain


def drop_domain(*, page: StatusPage) -> None:
    """Give the name up."""
    _domains(page).delete()
    shelf.drop_page(page.pk)


def verify_domain(*, page: StatusPage, now: datetime, lookup: Lookup | None = None) -> Domain | None:
    """Look for the proof in the DNS and mark the name as proved when it is there; the claim as it stands then."""
    domain = domain_of(page)
    if domain is None or domain.verified_at is not None:
        return domain
    if domain.proof not in (lookup or txt_records)(f"{RECORD}.{domain.hostname}"):
        return domain
    _domains(page).filter(pk=domain.pk, verified_at__isnull=True).update(verified_at=now)
    return domain_of(page)


def domain_of(page: StatusPage) -> Domain | None:
    """The page's claim, proved or not."""
    domain: Domain | None = _domains(page).first()
    return domain


def clean_hostname(text: str) -> str:
    """A host name in lower case and ASCII; InvalidInputError when it is none, or belongs to the installation."""
    try:
        host = idna.encode(text.strip().rstrip(".").lower(), uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        raise _refused("A host name such as status.example.com.") from None
    labels = host.split(".")
    if len(host) > 253 or not all(LABEL.fullmatch(label) for label in labels) or is_local_name(host):
        raise _refused("A host name such as status.example.com.")
    rules = HostRules(base_url(), settings.TENANT_DOMAIN, settings.PROFILE == "self_hosted")
    if any(own and (host == own or host.endswith(f".{own}")) for own in (rules.app_host, rules.domain)):
        raise _refused("This name belongs to the installation itself.")
    return host


def txt_records(name: str) -> Sequence[str]:
    """TXT records as the configured resolvers, else the machine's, know them; none when nobody answers."""
    resolver = dns.resolver.Resolver(configure=not settings.PROBE_RESOLVERS)
    if settings.PROBE_RESOLVERS:
        named = [split_port(entry) for entry in settings.PROBE_RESOLVERS]
        resolver.nameservers = [Do53Nameserver(host, port or DNS_PORT) for host, port in named]
    try:
        answer = resolver.resolve(name, "TXT", lifetime=TIMEOUT_S)
    except (dns.exception.DNSException, ValueError):
        return []
    return [b"".join(record.strings).decode("ascii", "replace") for record in answer]


def _domains(page: StatusPage) -> QuerySet[Domain]:
    return Domain.objects.of(page.workspace_id).filter(use=Domain.Use.STATUS_PAGE, target_id=page.pk)


def _refused(sentence: str) -> InvalidInputError:
    return InvalidInputError(fields={"customDomain": sentence})

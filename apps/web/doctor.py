"""All looks of `manage.py doctor`, in the order in which they are worth reading."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import dns.exception
import dns.message
import dns.query
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from apps.checks.engine.exchange import Server
from apps.checks.engine.icmp import NoIcmpError, open_socket
from apps.checks.engine.reactor import Reactor
from apps.checks.engine.resolver import Resolver
from apps.common.egress.guard import Guard
from apps.operations.doctor import machine, network, stores
from apps.operations.doctor.findings import Finding, fine, problem, warning
from apps.web import vendor

PATIENCE_S = 2.0
RANGE = Path("/proc/sys/net/ipv4/ping_group_range")


def examine(*, now: datetime, send_to: Sequence[str] = ()) -> list[Finding]:
    """Look at everything; nothing is changed, and a mail leaves only when somebody is named."""
    folder = Path(settings.DATA_DIR)
    found = [*machine.look_at_folder(folder), *machine.look_at_keys(folder, settings.SECRET_KEY)]
    database = stores.look_at_database()
    found += [*database, *stores.look_at_redis(settings.REDIS_URL)]
    if stores.answers(database):
        found += stores.look_at_background(now, with_workers=bool(settings.REDIS_URL))
    found += network.look_at_address(settings.BASE_URL, listens_on=settings.HOST, profile=settings.PROFILE)
    found += network.look_at_egress(port=settings.PORT, profile=settings.PROFILE)
    found += [*look_at_ping(), *look_at_resolvers(settings.PROBE_RESOLVERS)]
    found += network.look_at_mail(settings.EMAIL_URL, sender=settings.DEFAULT_FROM_EMAIL, send_to=send_to)
    return [*found, *look_at_assets(Path(settings.BASE_DIR) / "static" / "vendor")]


def look_at_ping() -> list[Finding]:
    """Whether this process may send ICMP echoes, for each family."""
    found = []
    for version in (4, 6):
        subject = f"ping IPv{version}"
        try:
            opened, raw = open_socket(version)
        except NoIcmpError as error:
            cure = f"Widen {RANGE} to the group of the process, or give it CAP_NET_RAW."
            found.append(warning(subject, f"Ping checks are not measured: {error}.", cure))
            continue
        opened.close()
        found.append(fine(subject, "Possible by CAP_NET_RAW." if raw else "Possible by ping_group_range."))
    return found


def look_at_resolvers(configured: Sequence[str]) -> list[Finding]:
    """Whether each name server that checks ask answers a question about the root."""
    reactor = Reactor()
    try:
        servers = Resolver(reactor, Guard(), configured).servers
    except ImproperlyConfigured as error:
        return [problem("resolvers", str(error), "It looks like 192.0.2.53:53,[2001:db8::53]:53.")]
    finally:
        reactor.close()
    silent = [str(server.address) for server in servers if not _answers(server)]
    if not silent:
        return [fine("resolvers", f"{len(servers)} of {len(servers)} answer.")]
    said = f"No answer from {', '.join(silent)}."
    cure = "See DASHMON_PROBE_RESOLVERS, else /etc/resolv.conf: checks by name wait for them."
    return [(problem if len(silent) == len(servers) else warning)("resolvers", said, cure)]


def _answers(server: Server) -> bool:
    question = dns.message.make_query(".", "NS")
    try:
        dns.query.udp(question, str(server.address), port=server.port, timeout=PATIENCE_S)
    except (OSError, dns.exception.DNSException):
        return False
    return True


def look_at_assets(target: Path) -> list[Finding]:
    """Whether the browser libraries and fonts were fetched at set-up."""
    if vendor.is_complete(target):
        return [fine("assets", "Browser libraries and fonts are in place.")]
    said = "Browser libraries are missing: plain charts, the system's font, PDF reports in Latin letters only."
    return [warning("assets", said, "manage.py fetch_assets")]

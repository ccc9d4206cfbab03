"""DNS monitors: one question to every resolver of the plan, the worst answer counts."""

from collections.abc import Sequence
from typing import NamedTuple

from apps.checks.engine.clock import Clock
from apps.checks.engine.exchange import Server, ask_again
from apps.checks.engine.faults import Fault, blocked
from apps.checks.engine.fetch import Request, fetch
from apps.checks.engine.flow import Task
from apps.checks.engine.message import TYPES, MalformedError, Message, encode_query, parse, reverse_name
from apps.checks.engine.resolver import parse_server
from apps.checks.engine.tools import Budget, Tools
from apps.checks.engine.verdicts import RANK, Finding, Measured, conclude, of_failure
from apps.checks.judge.names import DnsVerdict, judge_dns, normalise_record
from apps.checks.plans import DnsPlan
from apps.checks.types import CheckResult, DnsFacts, Phases
from apps.common.egress import ForbiddenTargetError
from apps.common.egress.targets import ascii_name

UNANSWERED = DnsFacts(rcode="TIMEOUT", records=())
# What the resolver did not say, as against what the rule does not like.
LOOKUP_REASONS = frozenset({"nxdomain", "no_answer", "servfail", "refused", "timeout"})
SENTENCES = {
    "nxdomain": "The name does not exist",
    "no_answer": "The name has no such record",
    "servfail": "The resolver could not answer (SERVFAIL)",
    "refused": "The resolver refused to answer",
    "timeout": "The resolver did not answer in time",
    "mismatch": "The answer is not the expected one",
    "unexpected_answer": "The name has a record, but none is expected",
    "ttl_out_of_range": "The TTL is outside its bounds",
    "not_authenticated": "The answer is not authenticated by DNSSEC",
}


class Opinion(NamedTuple):
    """What one resolver said, and what that means."""

    resolver: str
    facts: DnsFacts
    finding: Finding | None
    elapsed_us: int


async def check_dns(tools: Tools, plan: DnsPlan, clock: Clock) -> CheckResult:
    """Ask all resolvers at once; they all have to agree with the rule."""
    started_at = clock()
    name = question_name(plan.hostname, plan.record_type)
    if len(plan.resolvers) == 1:
        opinions = [await _ask(tools, plan, name, plan.resolvers[0])]
    else:
        tasks = [Task(_ask(tools, plan, name, resolver)) for resolver in plan.resolvers]
        opinions = [await task for task in tasks]
    worst = max(opinions, key=_rank)
    slowest = max(opinion.elapsed_us for opinion in opinions)
    measured = Measured(
        started_at,
        slowest,
        Phases(dns_us=slowest, total_us=slowest),
        ttl_s=worst.facts.min_ttl_s,
    )
    records = sorted({normalise_record(plan.record_type, record) for record in worst.facts.records})
    return conclude(
        measured,
        [worst.finding] if worst.finding else [],
        answer=records,
        resolver=worst.resolver if len(opinions) > 1 else None,
    )


def question_name(hostname: str, record_type: str) -> str:
    """The name to ask for; an address asked for its PTR record is turned round."""
    if record_type == "PTR":
        hostname = reverse_name(hostname)
    try:
        return ascii_name(hostname)
    except ForbiddenTargetError:
        return hostname


def _rank(opinion: Opinion) -> int:
    return RANK[opinion.finding.status] if opinion.finding else 0


async def _ask(tools: Tools, plan: DnsPlan, name: str, resolver: str) -> Opinion:
    started = tools.reactor.now()
    facts, finding = UNANSWERED, None
    try:
        facts = facts_of(await _answer(tools, plan, name, resolver), plan.record_type)
        finding = _finding(judge_dns(plan.config, facts), resolver)
    except Fault as fault:
        finding = of_failure(fault.failure)
    except ValueError:
        finding = Finding("down", "dns", "nxdomain", f"{name} is not a name that DNS knows")
    return Opinion(resolver, facts, finding, int((tools.reactor.now() - started) * 1_000_000))


def _finding(verdict: DnsVerdict, resolver: str) -> Finding | None:
    reason = verdict.reason
    if verdict.status == "up" or reason is None:
        return None
    error = "" if verdict.status == "warning" else "dns" if reason in LOOKUP_REASONS else "assertion"
    sentence = SENTENCES.get(reason, "The answer is not acceptable")
    where = "" if resolver == "system" else f" (resolver {resolver})"
    return Finding(verdict.status, error, reason, sentence + where)


async def _answer(tools: Tools, plan: DnsPlan, name: str, resolver: str) -> Message | None:
    """The resolver's message, None when it stayed silent through all attempts; Fault `blocked`."""
    number = TYPES[plan.record_type]
    if "://" in resolver:
        return await _by_https(tools, plan, name, resolver)
    return await ask_again(
        tools.reactor,
        _servers(tools, resolver),
        name,
        number,
        timeout_s=plan.timeout_ms / 1000,
        attempts=plan.retries + 1,
    )


def _servers(tools: Tools, resolver: str) -> Sequence[Server]:
    """The servers behind a resolver's name. The operator's own need no guard, a user's choice does."""
    if resolver == "system":
        return tools.resolver.servers
    try:
        server = parse_server(resolver)
        tools.guard.check_address(server.address, server.port)
    except ForbiddenTargetError as error:
        raise blocked(error.message) from error
    except ValueError as error:
        raise Fault("dns", "timeout", f"{resolver} is not the address of a resolver") from error
    return (server,)


async def _by_https(tools: Tools, plan: DnsPlan, name: str, url: str) -> Message | None:
    """The question by DNS over HTTPS (RFC 8484), through the same door as every request."""
    request = Request(
        url,
        method="POST",
        headers=(("Content-Type", "application/dns-message"), ("Accept", "application/dns-message")),
        # RFC 8484, 4.1: id 0, so that caches may help.
        body=encode_query(0, name, TYPES[plan.record_type]),
    )
    for _ in range(plan.retries + 1):
        fetched = await fetch(tools, request, Budget(tools.reactor, plan.timeout_ms / 1000))
        if fetched.fault is not None and fetched.fault.failure.reason == "blocked":
            raise fetched.fault
        if fetched.fault is None and fetched.last is not None and fetched.last.status == 200:
            try:
                return parse(fetched.last.body, name, TYPES[plan.record_type])
            except MalformedError:
                continue
    return None


def facts_of(message: Message | None, record_type: str) -> DnsFacts:
    """An answer as the judge reads it; None is silence."""
    if message is None:
        return UNANSWERED
    records = message.records(TYPES[record_type])
    ttls = [record.ttl_s for record in records]
    return DnsFacts(
        rcode=message.status,
        records=tuple(record.text for record in records),
        min_ttl_s=min(ttls, default=None),
        max_ttl_s=max(ttls, default=None),
        authenticated=message.authenticated,
    )

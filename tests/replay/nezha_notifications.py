"""nezha_notifications.json: texts, requests as a web server gets them, and the rhythm of notices."""

import json
import re
import ssl
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo, available_timezones

from apps.common.egress import ForbiddenTargetError, Guard, parse_url
from apps.common.errors import InvalidInputError
from apps.notifications import channels
from apps.notifications.channels import ChannelError
from apps.notifications.channels.request import prepare
from apps.notifications.routing.ladder import MOMENT, said_again_at
from apps.notifications.styles import nezha
from apps.notifications.types import Envelope
from tests.farm.certificates import Authority
from tests.replay.difference import expect
from tests.sinks.http import HttpSink, Received, running_http

Case = dict[str, Any]
NOW = datetime(2026, 5, 18, 4, 30, 0, 123456, tzinfo=UTC)
METHODS = {1: "GET", 2: "POST"}
TYPES = {1: "json", 2: "form"}
ORIGIN = re.compile(r"^https?://[^/?#]+")
STATUSES = re.compile(r"status (\d{3})\.\.(\d{3}) only")
CHECKED = re.compile(r"certificate checked only when (\w+) is true")
INSTANT = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(\.\d+)? ([+-]\d{4}) (\w+)")


def split(document: Case) -> list[Case]:
    """Every statement of the file as a case of its own."""
    sections: Mapping[str, list[Any]] = {
        "plain": list(document["values_plain"]),
        "metric": list(document["values_format_metric_units"]),
        "size": document["size_format"],
        "case": document["cases"],
        "mask": document["ip_masking"],
        "built": list(document["built_messages"]),
        "ladder": [document["mute_ladder_seconds"]],
        "also": list(document["also"]),
        "delivery": list(document["delivery"]),
    }
    return [
        {"id": f"{section} {_name(item, index)}", "section": section, "item": item}
        for section, items in sections.items()
        for index, item in enumerate(items)
    ]


def _name(item: Any, index: int) -> str:
    if isinstance(item, str):
        return item
    named = item if isinstance(item, dict) else {}
    return str(named.get("name", named.get("bytes", named.get("ip", index))))


def replay(document: Case, case: Case) -> None:
    """One statement, whichever it is."""
    READERS[case["section"]](document, case["item"])


# --- Placeholders, sizes, masks and rhythm ------------------------------------------------------------


def _plain(document: Case, name: str) -> None:
    expect(_value(document, name, metric_units=False), document["values_plain"][name])


def _metric(document: Case, name: str) -> None:
    expect(_value(document, name, metric_units=True), document["values_format_metric_units"][name])


def _value(document: Case, name: str, *, metric_units: bool) -> str:
    return nezha.expand(
        f"#{name}#",
        message="",
        now=NOW,
        escape=lambda text: text,
        server=document["server"],
        metric_units=metric_units,
    )


def _size(_document: Case, size: Case) -> None:
    expect(nezha.size(size["bytes"]), size["text"])


def _mask(_document: Case, mask: Case) -> None:
    expect(nezha.masked(mask["ip"]), mask["masked"])


def _ladder(_document: Case, offsets: list[int]) -> None:
    """A notice that is raised all the time: silent up to the end of each gap, said the moment after."""
    said = [NOW]
    for _ in offsets[1:]:
        said.append(said_again_at(NOW, said[-1]))
    expect([(at - index * MOMENT - NOW).total_seconds() for index, at in enumerate(said)], offsets)


# --- Sentences: their parts are read from what is expected, by patterns that are not the product's -----

PATTERNS: Mapping[str, str] = {
    "cron success": r"\[Scheduled Task Executed Successfully\] (?P<name>[^,]+), (?P<server>[^\n]+)\n(?P<output>.+)",
    "cron failure": r"\[Scheduled Task Executed Failed\] (?P<name>[^,]+), (?P<server>[^\n]+)\n(?P<output>.+)",
    "cron offline": r"\[Task failed\] (?P<name>.+): server (?P<server>.+) is offline and cannot execute the task",
    "ip change": r"\[IP Changed\] (?P<server>.+), (?P<before>\d+\.\*{4}\.\d+) => (?P<after>\d+\.\*{4}\.\d+)",
    "service": r"\[(?P<state>[\w ]+)\] (?P<name>.+) Reporter: (?P<server>.+), Error: (?P<error>.+)",
    "latency high": r"\[Latency\] (?P<name>.+) (?P<value>\d+\.\d{6}) > (?P<limit>\d+\.\d{6}), Reporter: (?P<server>.+)",
    "latency low": r"\[Latency\] (?P<name>.+) (?P<value>\d+\.\d{6}) < (?P<limit>\d+\.\d{6}), Reporter: (?P<server>.+)",
    "tls expiry": r"\[TLS\] (?P<name>.+) The TLS certificate will expire within seven days\. "
    r"Expiration time: (?P<expires>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)",
}
SENTENCES: Mapping[str, Callable[..., str]] = {
    "cron success": lambda **parts: nezha.command_finished(ok=True, **parts),
    "cron failure": lambda **parts: nezha.command_finished(ok=False, **parts),
    "cron offline": nezha.command_offline,
    "ip change": nezha.address_changed,
    "service": nezha.service_changed,
    "latency high": nezha.latency_crossed,
    "latency low": nezha.latency_crossed,
    "tls expiry": nezha.certificate_expires,
}
# What the product is handed where the sentence shows something else of it.
RAW: Mapping[str, Callable[[str], Any]] = {
    "value": float,
    "limit": float,
    "before": lambda shown: shown.replace("****", "0.113"),
    "after": lambda shown: shown.replace("****", "51.100"),
    "expires": lambda shown: datetime.fromisoformat(shown).replace(tzinfo=UTC),
}


def _built(document: Case, kind: str) -> None:
    wanted = document["built_messages"][kind]
    found = re.fullmatch(PATTERNS[kind], wanted, re.DOTALL)
    assert found is not None, f"not a sentence of the contract: {wanted!r}"
    parts = {name: RAW.get(name, str)(text) for name, text in found.groupdict().items()}
    expect(SENTENCES[kind](**parts), wanted)


# --- Requests -----------------------------------------------------------------------------------------


def _case(document: Case, case: Case) -> None:
    wanted = case["expect"]
    config, server = config_of(case["notification"]), case.get("server", document["server"])
    try:
        made = prepare(config, message=case["message"], server=server, now=NOW)
        _judge(made.url)
    except (InvalidInputError, ForbiddenTargetError) as error:
        said = _said(error)
        assert wanted.get("error") is True or said == wanted.get("error"), f"got error {said!r}, expected {wanted}"
        return
    told = {
        "method": made.method,
        "url": made.url,
        "body": made.body,
        "content_type": made.content_type,
        "headers": dict(made.headers),
    }
    expect({key: told.get(key) for key in wanted}, wanted)
    _arrives(config, case["message"], server, wanted)


def _arrives(config: Case, message: str, server: Case | None, wanted: Case) -> None:
    """The same request as a web server gets it."""
    with running_http() as sink:
        got = _sent(sink, config, message=message, server=server)
    for name, value in wanted.get("headers", {}).items():
        expect(got.headers.get(name), value)
    told = {
        "method": got.method,
        # What follows a # is never sent.
        "url": got.path,
        "body": got.body.decode(),
        "content_type": got.headers.get("Content-Type"),
    }
    known = {key: value for key, value in wanted.items() if key in told}
    if "url" in known:
        known["url"] = ORIGIN.sub("", known["url"]).partition("#")[0]
    expect({key: told[key] for key in known}, known)


def config_of(form: Case) -> Case:
    """A form of Nezha as the configuration of a channel."""
    return {
        "url": form["url"],
        "method": METHODS.get(form["request_method"], "?"),
        "bodyType": TYPES.get(form["request_type"], "?"),
        "headers": json.loads(form.get("request_header") or "{}"),
        "body": form.get("request_body", ""),
        "metricUnits": form.get("format_metric_units", False),
        "verifyTls": form.get("verify_tls", False),
    }


def _judge(url: str) -> None:
    """The public profile, which reaches no private network."""
    target = parse_url(url)
    guard = Guard.build(profile="saas", allow=None, deny=(), services=())
    guard.check_host(target.host, target.port)


def _said(error: Exception) -> str:
    if isinstance(error, ForbiddenTargetError):
        return "HTTP URL target is not allowed"
    return str(getattr(error, "message", error))


def _send(sink: HttpSink, config: Case, *, scheme: str = "http", message: str = "m", **facts: Any) -> None:
    url = ORIGIN.sub(f"{scheme}://127.0.0.1:{sink.port}", config["url"])
    payload = {"message": message, "server": facts.get("server"), "zone": facts.get("zone", "UTC")}
    channels.send(
        "request",
        Envelope("dlv_1", "incident.opened", url, payload, None, facts.get("at", NOW), {**config, "url": url}),
    )


def _sent(sink: HttpSink, config: Case, **facts: Any) -> Received:
    _send(sink, config, **facts)
    assert len(sink.requests) == 1, f"{len(sink.requests)} requests"
    return sink.requests[0]


PLAIN = {"url": "http://sink.example/", "method": "POST", "bodyType": "json", "body": "#NEZHA#"}


def _also(document: Case, name: str) -> None:
    text = document["also"][name]
    if name == "DATETIME":
        _datetime(text)
        return
    form = {**PLAIN, "bodyType": "form", "body": json.dumps({"said": f"#{name}#"})}
    with running_http() as sink:
        got = _sent(sink, form, message=text)
    expect(parse_qs(got.body.decode())["said"], [text])


def _datetime(text: str) -> None:
    """The instant that the text shows, sent from a workspace of its zone; clocks here know microseconds."""
    found = INSTANT.search(text)
    assert found is not None, f"no instant in {text!r}"
    clock, fraction, offset, zone = found.groups()
    shown = f"{clock}{(fraction or '')[:7].rstrip('0').rstrip('.')} {offset} {zone}"
    local = datetime.fromisoformat(f"{clock}{(fraction or '')[:7]}{offset[:3]}:{offset[3:]}")
    with running_http() as sink:
        got = _sent(sink, {**PLAIN, "body": "#DATETIME#"}, at=local.astimezone(UTC), zone=_zone(local, zone))
    expect(got.body.decode(), shown)


def _zone(local: datetime, name: str) -> str:
    """A zone whose clocks show this then."""
    for key in sorted(available_timezones()):
        there = local.astimezone(ZoneInfo(key))
        if there.tzname() == name and there.utcoffset() == local.utcoffset():
            return key
    raise AssertionError(f"no zone is called {name} at {local}")


# --- Delivery: what happens at a real web server --------------------------------------------------------


def _success(text: str) -> None:
    found = STATUSES.fullmatch(text)
    assert found is not None, f"unknown statement: {text!r}"
    low, high = map(int, found.groups())
    refused = {status for status in (low - 1, high + 1, 404, 500, 503) if status >= 200 and not low <= status <= high}
    for status in (low, low + 1, low + 4, high):
        assert _fault(answer=status) is None, f"{status} is no success"
    for status in sorted(refused):
        assert _fault(answer=status) is not None, f"{status} is a success"


def _redirects(text: str) -> None:
    expect("not followed", text)
    with running_http() as sink:
        sink.answers, sink.location = ["redirect"], f"http://127.0.0.1:{sink.port}/elsewhere"
        try:
            _send(sink, PLAIN)
        except ChannelError as error:
            expect(error.http_status, 302)
        else:
            raise AssertionError("a redirect is a success")
        expect([request.path for request in sink.requests], ["/"])


def _tls(text: str) -> None:
    """A certificate that nobody vouches for is refused where the form says so, and any will do elsewhere."""
    found = CHECKED.fullmatch(text)
    assert found is not None, f"unknown statement: {text!r}"
    form = {"url": "https://sink.example/", "request_method": 2, "request_type": 1, "request_body": "#NEZHA#"}
    with _self_signed() as sink:
        for said, arrives in (({}, True), ({found[1]: False}, True), ({found[1]: True}, False)):
            before = len(sink.requests)
            try:
                _send(sink, config_of({**form, **said}), scheme="https")
            except ChannelError:
                assert not arrives, f"{said}: refused"
            else:
                assert arrives, f"{said}: sent"
            expect(len(sink.requests) - before, int(arrives))


def _error_text(text: str) -> None:
    for status, line in ((404, "404 Not Found"), (500, "500 Internal Server Error"), (302, "302 Found")):
        wanted = text.replace("<code>", str(status)).replace("<status line>", line)
        expect(_fault(answer="redirect" if status == 302 else status), wanted)


def _fault(*, answer: int | str) -> str | None:
    """Why a message was not taken by a server that answers so; None when it was."""
    with running_http() as sink:
        sink.answers = [answer]
        try:
            _send(sink, PLAIN)
        except ChannelError as error:
            return error.reason
    return None


@contextmanager
def _self_signed() -> Iterator[HttpSink]:
    with tempfile.TemporaryDirectory() as folder:
        served = Authority(Path(folder)).leaf("sink", ["127.0.0.1"], self_signed=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(served.chain, served.key)
        with running_http(tls=context) as sink:
            yield sink


DELIVERY: Mapping[str, Callable[[str], None]] = {
    "success": _success,
    "redirects": _redirects,
    "tls": _tls,
    "error_text": _error_text,
}


def _delivery(document: Case, name: str) -> None:
    DELIVERY[name](document["delivery"][name])


READERS: Mapping[str, Callable[[Case, Any], None]] = {
    "plain": _plain,
    "metric": _metric,
    "size": _size,
    "case": _case,
    "mask": _mask,
    "built": _built,
    "ladder": _ladder,
    "also": _also,
    "delivery": _delivery,
}
CASES = {"nezha_notifications": replay}
SPLITS = {"nezha_notifications": split}

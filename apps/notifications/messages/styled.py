"""What a surface's route says about an event: its style decides the words, the channel the envelope."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from apps.alerts.documents import from_json
from apps.alerts.models import AlertRule
from apps.alerts.windows import Streak
from apps.notifications.kinds import Style
from apps.notifications.messages.news import News
from apps.notifications.models import Route
from apps.notifications.routing.document import zone_of
from apps.notifications.styles import dash, dockstat, nezha

RESOLVED = "incident.resolved"
DOCKSTAT_SUBJECT = "DockStat"
CLEARED = "condition_cleared"


@dataclass(frozen=True, slots=True)
class Worded:
    """A message in a surface's words: `title` is one line, `more` is what placeholders of a channel may ask for."""

    title: str
    text: str
    subject: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)
    # Title and text as a chat shows them, where that differs.
    chat: tuple[str, str] | None = None

    @property
    def mail(self) -> dict[str, Any]:
        """Subject and plain text; these products send no HTML."""
        whole = self.text if self.subject == self.title else "\n".join(part for part in (self.title, self.text) if part)
        return {"subject": " ".join(self.subject.split()), "text": whole}


def worded(news: News, route: Route, *, event_name: str) -> Worded | None:
    """What the route says; None where it speaks in our own words."""
    say = SAY.get(route.style)
    return say(news, route, event_name == RESOLVED) if say is not None else None


def _dash(news: News, _route: Route, over: bool) -> Worded:
    assert news.incident is not None
    detail, incident, rule = news.event.detail, news.incident, news.incident.rule
    value, threshold = dash.value_and_threshold(
        news.metric, detail.get("value", incident.value), detail.get("threshold", incident.threshold)
    )
    event = dash.Event(
        server=news.name,
        rule=rule.key or rule.name,
        metric=dash.SAID.get(news.metric, news.metric),
        value=value,
        at=datetime.fromisoformat(detail["observed_at"]) if "observed_at" in detail else news.event.at,
        threshold=threshold,
        duration_s=_held_s(rule),
    )
    language = news.workspace.language if news.workspace.language in dash.LANGUAGES else "en"
    say = dash.closed if over else dash.opened
    text = say(event, zone=zone_of(news.workspace.timezone).key, language=language)
    transition = "closed" if over else "opened"
    alert = {"rule_id": rule.number, "server_id": _number(news), "event_id": incident.number, "transition": transition}
    if over:
        alert["close_reason"] = incident.close_reason or CLEARED
    marked = dash.marked(text, transition)
    return Worded(text.title, text.body, text.title, {"alert": alert}, (marked.title, marked.body))


def _number(news: News) -> Any:
    """What the subject is called by surfaces; empty where the event did not note it."""
    return (news.event.detail.get("facts") or {}).get("number", "")


def _held_s(rule: AlertRule) -> int:
    """For how long a condition has to hold before the rule speaks."""
    windows = [condition.window for condition in from_json(rule.conditions)]
    return next((window.seconds for window in windows if isinstance(window, Streak)), 0)


def _nezha(news: News, _route: Route, over: bool) -> Worded:
    assert news.incident is not None
    facts = news.event.detail.get("facts") or {}
    addresses = "/".join(str(facts[family]) for family in ("ipv4", "ipv6") if facts.get(family))
    said = nezha.message(
        "resolved" if over else "incident", server=news.name, addresses=addresses, rule=news.incident.rule.name
    )
    return _in_lines(said, more={"server": nezha.server_of(news.name, facts)} if facts else {})


def _dockstat(news: News, route: Route, _over: bool) -> Worded:
    facts = news.event.detail.get("facts") or {}
    container = {"name": news.name, "hostName": str(facts.get("host", ""))}
    container |= {name: str(facts.get(name, "")) for name in ("id", "state")}
    return _in_lines(dockstat.render(route.template or dockstat.DEFAULT, container), subject=DOCKSTAT_SUBJECT)


def _in_lines(said: str, *, subject: str = "", more: Mapping[str, Any] | None = None) -> Worded:
    """One text whose first line serves where a title is needed."""
    title, _, text = said.partition("\n")
    return Worded(title, text, subject or title, more or {})


SAY: Mapping[str, Callable[[News, Route, bool], Worded]] = {
    Style.DASH: _dash,
    Style.NEZHA: _nezha,
    Style.DOCKSTAT: _dockstat,
}

"""From a document to what a page draws: fields in rows, each with its value, its help and what is wrong with it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from apps.notifications.channels import WRITE_ONLY
from apps.web.forms.manage import zones
from apps.web.forms.routing.kinds import ASKS, Ask
from apps.web.presenters.routing import DAY_WORDS, channel_word

Control = Literal["text", "area", "number", "time", "date", "secret", "select", "check", "checks", "people"]
Options = Sequence[tuple[str, str]]
EVENTS = (("down", "Down"), ("warning", "Degraded"), ("up", "Up again"))
SEVERITIES = (("critical", "Critical (down)"), ("warning", "Warning (degraded)"), ("info", "Info"))
MODES = (("defer", "Wait until they end"), ("suppress", "Be dropped"))


CONTROLS: Mapping[str, Control] = {
    "text": "text",
    "area": "area",
    "list": "area",
    "pairs": "area",
    "secret": "secret",
    "choice": "select",
    "flag": "check",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One control; `name` is its path in the document."""

    name: str
    label: str
    control: Control
    value: Any = ""
    options: Options = ()
    help: str = ""
    width: str = ""
    required: bool = True
    errors: tuple[str, ...] = ()
    focus: bool = False

    @property
    def id(self) -> str:
        """A name that HTML and a link can carry."""
        return "f-" + re.sub(r"[^A-Za-z0-9]+", "-", self.name).strip("-")

    @property
    def parts(self) -> list[tuple[str, str, str, bool]]:
        """The boxes of a group: id, value, label and whether it is ticked."""
        return [
            (f"{self.id}-{index}", value, label, value in self.value)
            for index, (value, label) in enumerate(self.options)
        ]

    @property
    def places(self) -> list[tuple[str, str]]:
        """The places of an ordered list of people, one more than there are: id and who holds it."""
        return [(f"{self.id}-{index}", str(value)) for index, value in enumerate([*self.value, ""])]


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that can be added and removed."""

    path: str
    title: str
    fields: Sequence[Field]
    hidden: Sequence[tuple[str, str]] = ()
    rows: Sequence["Row"] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Choices:
    """What a page lets people choose from."""

    people: Options
    stored_secrets: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Layout:
    """The whole form."""

    general: Sequence[Field]
    quiet: Sequence[Field]
    windows: Sequence[Row]
    channels: Sequence[Row]
    rotations: Sequence[Row]
    steps: Sequence[Row]
    repeat: Sequence[Field]
    # Refusals that belong to no field, and those that do: id of the field, its label, the sentence.
    stray: Sequence[str] = ()
    blamed: Sequence[tuple[str, str, str]] = ()


class _Builder:
    """Makes fields, and hands every fault to the one whose path is nearest."""

    def __init__(self, document: Mapping[str, Any], choices: Choices, faults: Mapping[str, str], focus: str) -> None:
        self.document, self.choices, self.faults, self.focus = document, choices, faults, focus
        self.claimed: dict[str, tuple[str, str]] = {}
        self.zones = zones()

    def field(self, name: str, label: str, control: Control, value: Any, **more: Any) -> Field:
        mine = [path for path in self.faults if _is_within(path, name)]
        focus = bool(self.focus) and name.startswith(f"{self.focus}.")
        if focus:
            self.focus = ""
        made = Field(name, label, control, value, errors=tuple(self.faults[path] for path in mine), focus=focus, **more)
        self.claimed |= dict.fromkeys(mine, (made.id, label))
        return made

    def window(self, path: str, item: Mapping[str, Any], title: str) -> Row:
        options = tuple(DAY_WORDS.items())
        fields = [
            self.field(f"{path}.days", "Days", "checks", item.get("days", ()), options=options),
            self.field(f"{path}.start", "From", "time", item.get("start", ""), width="half"),
            self.field(
                f"{path}.end",
                "Until",
                "time",
                item.get("end", ""),
                width="half",
                help="Up to the start, or before it: on the next day.",
            ),
        ]
        return Row(path, title, fields)


def lay_out(document: Mapping[str, Any], *, choices: Choices, faults: Mapping[str, str], focus: str = "") -> Layout:
    """Lay a document out, stored or as it was typed; `faults` are the domain's, by path; `focus` is a new row."""
    builder = _Builder(document, choices, faults, focus)
    escalation, quiet = document["escalation"], document["quietHours"]
    layout = Layout(
        general=_general(builder),
        channels=[_channel(builder, index, item) for index, item in enumerate(document["channels"])],
        rotations=[_rotation(builder, index, item) for index, item in enumerate(document["onCall"])],
        steps=[_step(builder, index, item) for index, item in enumerate(escalation["steps"])],
        repeat=_repeat(builder, escalation["repeat"]),
        quiet=_quiet(builder, quiet),
        windows=[
            builder.window(f"quietHours.windows[{index}]", item, f"Window {index + 1}")
            for index, item in enumerate(quiet["windows"])
        ],
    )
    stray = tuple(f"{path}: {sentence}" if path else sentence for path, sentence in _stray(builder))
    blamed = tuple((*builder.claimed[path], faults[path]) for path in faults if path in builder.claimed)
    return replace(layout, stray=stray, blamed=blamed)


def _stray(builder: _Builder) -> Iterator[tuple[str, str]]:
    return ((path, sentence) for path, sentence in builder.faults.items() if path not in builder.claimed)


def _is_within(path: str, name: str) -> bool:
    return path == name or path.startswith((f"{name}[", f"{name}."))


def _general(builder: _Builder) -> list[Field]:
    document = builder.document
    return [
        builder.field("enabled", "Tell people of incidents of this project", "check", document["enabled"]),
        builder.field("notifyOn", "Of what", "checks", document["notifyOn"], options=EVENTS),
        builder.field(
            "openAfterSeconds",
            "Wait before the first step",
            "number",
            document["openAfterSeconds"],
            width="half",
            help="Seconds, 0 to 86400. What is well again before then, nobody hears of.",
        ),
        builder.field("timezone", "Time zone", "select", document["timezone"], options=builder.zones, width="half"),
    ]


def _channel(builder: _Builder, index: int, item: Mapping[str, Any]) -> Row:
    path, kind, key = f"channels[{index}]", str(item.get("type", "")), str(item.get("id", ""))
    fields = [
        builder.field(f"{path}.name", "Name", "text", item.get("name", ""), width="half", required=False),
        *(_ask(builder, path, item, ask) for ask in ASKS.get(kind, ())),
        builder.field(f"{path}.enabled", "Send through it", "check", item.get("enabled", True)),
    ]
    note = "" if kind in ASKS else "Its settings are kept. They can be changed through the API."
    hidden = [(f"{path}.id", key), (f"{path}.type", kind)]
    title = str(item.get("name") or channel_word(kind))
    return Row(path, f"{channel_word(kind)}: {title}" if item.get("name") else title, fields, hidden, note=note)


def _ask(builder: _Builder, path: str, item: Mapping[str, Any], ask: Ask) -> Field:
    value = item.get(ask.name)
    text = ask.help
    if ask.shape == "list":
        value = ", ".join(map(str, value or ()))
    elif ask.shape == "pairs":
        value = "\n".join(f"{name}: {said}" for name, said in (value or {}).items())
    elif ask.shape == "secret":
        stored = f"{item.get('id')}.{ask.name}" in builder.choices.stored_secrets
        # What was typed and refused for another reason is typed again: a page never carries a secret.
        value, text = "", "There is one. Empty: it stays." if stored else text
    return builder.field(
        f"{path}.{ask.name}",
        ask.label,
        CONTROLS[ask.shape],
        value or "",
        options=ask.options,
        help=text,
        required=ask.required,
    )


def _rotation(builder: _Builder, index: int, item: Mapping[str, Any]) -> Row:
    path = f"onCall[{index}]"
    fields = [
        builder.field(
            f"{path}.members",
            "People, in turn",
            "people",
            item.get("members", ()),
            options=builder.choices.people,
            help="The first has the first shift. A free place follows the last one.",
        ),
        builder.field(f"{path}.startsOn", "First shift begins on", "date", item.get("startsOn", ""), width="third"),
        builder.field(f"{path}.handoffTime", "Handoff at", "time", item.get("handoffTime", ""), width="third"),
        builder.field(f"{path}.shiftDays", "Days in a shift", "number", item.get("shiftDays", 7), width="third"),
        builder.field(
            f"{path}.timezone", "Time zone", "select", item.get("timezone", ""), options=builder.zones, width="half"
        ),
    ]
    coverage = [
        builder.window(f"{path}.coverage[{number}]", row, f"Staffed hours {number + 1}")
        for number, row in enumerate(item.get("coverage") or ())
    ]
    return Row(path, f"Schedule {item['id']}", fields, [(f"{path}.id", str(item["id"]))], coverage)


def _step(builder: _Builder, index: int, item: Mapping[str, Any]) -> Row:
    path, document = f"escalation.steps[{index}]", builder.document
    options = [
        *((f"oncall:{row['id']}", f"Whoever is on call ({row['id']})") for row in document["onCall"]),
        *((f"channel:{row['id']}", _channel_option(row)) for row in document["channels"]),
        *((f"user:{key}", name) for key, name in builder.choices.people),
    ]
    chosen = [f"{target['type']}:{target['id']}" for target in item["targets"]]
    fields = [
        builder.field(
            f"{path}.afterMinutes",
            "Minutes after the beginning",
            "number",
            item["afterMinutes"],
            width="half",
            help="0: at once.",
        ),
        builder.field(f"{path}.targets", "Tell", "checks", chosen, options=options),
    ]
    return Row(path, f"Step {index + 1}", fields)


def _channel_option(item: Mapping[str, Any]) -> str:
    kind = channel_word(str(item.get("type", "")))
    text = f"{kind}: {item['name']}" if item.get("name") else f"{kind} ({item.get('id')})"
    return text if item.get("enabled", True) else f"{text}, off"


def _repeat(builder: _Builder, item: Mapping[str, Any]) -> list[Field]:
    return [
        builder.field(
            "escalation.repeat.times",
            "Start over",
            "number",
            item["times"],
            width="half",
            help="Times, 0 to 20, until somebody acknowledges.",
        ),
        builder.field(
            "escalation.repeat.everyMinutes", "Every", "number", item["everyMinutes"], width="half", help="Minutes."
        ),
    ]


def _quiet(builder: _Builder, item: Mapping[str, Any]) -> list[Field]:
    return [
        builder.field("quietHours.enabled", "Keep quiet at these hours", "check", item["enabled"]),
        builder.field("quietHours.mode", "What is due then shall", "select", item["mode"], options=MODES, width="half"),
        builder.field(
            "quietHours.bypassSeverities",
            "Disturb all the same",
            "checks",
            item["bypassSeverities"],
            options=SEVERITIES,
        ),
    ]


def stored_secrets(document: Mapping[str, Any]) -> frozenset[str]:
    """Which secrets of which channels are kept: `ch_hook.secret`, `ch_telegram.botToken`."""
    return frozenset(
        f"{item['id']}.{ask.name}"
        for item in document["channels"]
        for ask in ASKS.get(item["type"], ())
        if ask.shape == "secret" and (item.get(ask.name) or (ask.name == WRITE_ONLY and item.get("hasSecret")))
    )

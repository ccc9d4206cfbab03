"""dash_channels.json: what is stored of a channel that was written in Dash's words, and what reads show of it."""

from typing import Any

from apps.api.dash.alert_channels import ACCOUNT, KINDS, SERVER, TELEGRAM, config_of, is_account, shown
from apps.common.errors import InvalidInputError
from apps.notifications import channels
from apps.notifications.models import Channel
from tests.replay.rollups import same

Document = dict[str, Any]


def stored_in(kind: str, words: Document, kept: Document | None = None) -> Document:
    """The configuration that is stored of these words; InvalidInputError where there is none."""
    ours = KINDS[kind].value
    before = kept or {}
    return channels.clean(ours, config_of(kind, words, before), kept=before)


def said_of(kind: str, config: Document) -> Document:
    """A stored configuration in Dash's words, secrets included."""
    if kind == "webhook":
        return {name: config[name] for name in ("url", "secret") if name in config}
    if kind == "email":
        server = {theirs: config["server"][ours] for theirs, ours in SERVER.items()}
        return {**server, "to": config["to"], "password": config["secret"]}
    names = ACCOUNT if is_account(config) else TELEGRAM
    return {"mode": config["mode"]} | {theirs: config[ours] for theirs, ours in names.items() if ours in config}


def channel(_: Document, case: Document) -> None:
    expected = case["expect"]
    try:
        kept = stored_in(case["type"], case["existing_config"]) if "existing_config" in case else None
        config = stored_in(case["type"], case["config"], kept)
    except (InvalidInputError, KeyError):
        same("refused", [400, "invalid_fields"], [expected["status"], expected.get("code")])
        return
    same("stored", said_of(case["type"], config), expected.get("stored"))
    same("shown", shown(Channel(kind=KINDS[case["type"]], config=config)), expected.get("view_config"))


CASES = {"dash_channels": channel}

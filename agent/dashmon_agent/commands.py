"""What the agent is told on a command line: be installed, run, say your version."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from dashmon_agent import VERSION
from dashmon_agent.reporting import Reporter
from dashmon_agent.sending import SendingError, post
from dashmon_agent.settings import DEFAULT_PATH, Settings, SettingsError, Target, load, save

INSTALL_TIMEOUT_S = 15


def main(arguments: list[str] | None = None) -> None:
    """Do what the command line says; ends the process with a sentence when that cannot be done."""
    said = _parser().parse_args(arguments)
    try:
        said.act(said)
    except (SettingsError, SendingError) as error:
        sys.exit(f"dashmon-agent: {error}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dashmon-agent", description="Reports this machine to a Dashmon server.")
    parser.add_argument("--config", type=Path, default=DEFAULT_PATH, help=f"settings file (default {DEFAULT_PATH})")
    commands = parser.add_subparsers(required=True)
    install = commands.add_parser("install", help="ask the server who it is, and remember it")
    install.add_argument("url", help="address for reports, ending with /api/node/metrics")
    install.add_argument("key", help="the node's secret")
    install.add_argument("--interval", type=int, default=3, help="seconds between reports (default 3)")
    install.add_argument("--net", default="", help="network interfaces that count, with commas between them")
    install.add_argument("--require-https", action="store_true", help="take no address without TLS")
    install.set_defaults(act=_install)
    commands.add_parser("run", help="report for ever").set_defaults(act=_run)
    commands.add_parser("version", help="say the version").set_defaults(act=lambda _: print(VERSION))
    return parser


def _install(said: argparse.Namespace) -> None:
    if not said.url.startswith(("http://", "https://")) or not said.url.endswith("/api/node/metrics"):
        raise SettingsError("the address must begin with http:// or https:// and end with /api/node/metrics")
    if said.require_https and not said.url.startswith("https://"):
        raise SettingsError("an address with https:// is required")
    if said.interval < 1:
        raise SettingsError("the interval is at least 1 second")
    target = Target(said.url, said.key)
    answer = post(target, "identity", {}, timeout_s=INSTALL_TIMEOUT_S)
    target.install_id = str((answer or {}).get("install_id", ""))
    if not target.install_id:
        raise SettingsError(f"{said.url} did not say who it is")
    settings = _known(said.config)
    settings.interval_s, settings.require_https = said.interval, said.require_https
    settings.interfaces = [name for name in said.net.split(",") if name]
    # A server is known by its own name: the same one again replaces what was known of it.
    others = [each for each in settings.targets if each.install_id != target.install_id]
    settings.targets = [*others, target]
    save(said.config, settings)
    print(f"reports go to {said.url}")


def _known(path: Path) -> Settings:
    return load(path) if path.exists() else Settings()


def _run(said: argparse.Namespace) -> None:
    settings = load(said.config)
    if settings.require_https and not all(target.url.startswith("https://") for target in settings.targets):
        raise SettingsError("an address with https:// is required")
    # Only a program in one file can be replaced by another.
    program = Path(sys.argv[0]).resolve()
    Reporter(settings, program if program.suffix == ".pyz" else None).run()

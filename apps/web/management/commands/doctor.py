"""`manage.py doctor`: is everything in place? Exit status 1 when something keeps the installation from working."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from apps.operations.doctor.findings import Finding
from apps.web.doctor import examine

WORDS = {"ok": "ok", "warning": "WARNING", "problem": "PROBLEM"}


class Command(BaseCommand):
    help = "Look whether this installation can work, and say in words what cannot and why."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument("--send-mail", action="append", default=[], metavar="ADDRESS", help="send a test mail")

    def handle(self, *_: Any, **options: Any) -> None:
        found = examine(now=timezone.now(), send_to=options["send_mail"])
        sick = any(one.level == "problem" for one in found)
        if options["json"]:
            body = {"ok": not sick, "findings": [one.as_dict() for one in found]}
            self.stdout.write(json.dumps(body))
        else:
            self._speak(found)
        if sick:
            sys.exit(1)

    def _speak(self, found: Sequence[Finding]) -> None:
        for one in found:
            self.stdout.write(f"{WORDS[one.level]:<8} {one.subject:<12} {one.said}")
            if one.cure and one.level != "ok":
                self.stdout.write(f"{'':<22}{one.cure}")
        problems = sum(one.level == "problem" for one in found)
        warnings = sum(one.level == "warning" for one in found)
        self.stdout.write(f"problems: {problems}, warnings: {warnings}, fine: {len(found) - problems - warnings}")

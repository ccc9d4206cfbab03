"""Set-up step: fonts and chart library. Pages and reports work without them, so nothing here ever fails a set-up."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from apps.web import vendor


class Command(BaseCommand):
    help = "Copy the browser libraries named in package-lock.json to static/vendor/."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--force", action="store_true", help="install again, even when everything is there")
        parser.add_argument("--quiet", action="store_true", help="speak only when something is missing")

    def handle(self, *_: Any, **options: Any) -> None:
        root = Path(settings.BASE_DIR)
        target = root / "static" / "vendor"
        if vendor.is_complete(target) and not options["force"]:
            self._say("Browser libraries are in place.", quiet=options["quiet"])
            return
        reason = vendor.install(root)
        missing = vendor.copy(root, target)
        if missing:
            self.stdout.write(
                f"Pages will use the system font and plain charts, PDF reports Latin letters only: "
                f"{reason or ', '.join(missing)}."
            )
        else:
            self._say("Browser libraries copied to static/vendor/.", quiet=options["quiet"])

    def _say(self, sentence: str, *, quiet: bool) -> None:
        if not quiet:
            self.stdout.write(sentence)

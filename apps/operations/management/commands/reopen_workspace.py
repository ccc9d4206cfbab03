from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from apps.common.errors import DomainError
from apps.operations.closing import reopen_workspace


class Command(BaseCommand):
    help = "Bring back a workspace that its owner deleted, until its rows begin to go."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help="as in its address /app/w/<slug>/")

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            workspace = reopen_workspace(slug=options["slug"], now=timezone.now())
        except DomainError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"Workspace {workspace.slug} ({workspace.name}) is open again.")

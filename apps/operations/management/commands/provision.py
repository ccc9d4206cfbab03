import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from apps.common.errors import DomainError, InvalidInputError
from apps.operations.database import bring_up_to_date
from apps.operations.provision import Wanted, checked_plan, provision


class Command(BaseCommand):
    help = "Make a workspace with its owner and tokens ready for use; prints them. Safe to repeat."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--workspace", required=True, help="slug of the workspace: 3..48 of a-z 0-9 and -")
        parser.add_argument("--owner", required=True, help="e-mail address of the owner")
        parser.add_argument("--password", help="the owner's password; made up when left out")
        parser.add_argument("--plan", choices=["free", "premium"])
        parser.add_argument("--rotate", action="store_true", help="make new secrets in place of those made earlier")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *_: Any, **options: Any) -> None:
        # A script may come before the first start.
        bring_up_to_date()
        try:
            wanted = Wanted(
                slug=options["workspace"],
                owner=options["owner"],
                password=options["password"],
                plan=checked_plan(options["plan"]),
                rotate=options["rotate"],
            )
            made = provision(wanted=wanted, now=timezone.now())
        except InvalidInputError as error:
            raise CommandError("; ".join(f"{name}: {text}" for name, text in error.fields.items())) from error
        except DomainError as error:
            raise CommandError(error.message) from error
        if options["json"]:
            self.stdout.write(json.dumps(made))
            return
        self.stdout.write(f"Workspace {made['workspace']['slug']} is ready at {made['base_url']}")
        self.stdout.write(
            f"  owner       {made['owner']['email']}  password {made['owner']['password'] or '(unchanged)'}"
        )
        for name, token in {**made["tokens"], "dash": made["dash"]["password"]}.items():
            self.stdout.write(f"  {name:<11} {token or '(made earlier; --rotate makes a new one)'}")

"""Worker processes by name, to be killed and started again, on a database they share with the test."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings


class Crew:
    """Each member is `python -m MODULE NAME ARGUMENTS...` on the database of this address."""

    def __init__(self, address: str, module: str, *arguments: str) -> None:
        self.environment = os.environ | {"DATABASE_URL": address, "REDIS_URL": ""}
        self.module, self.arguments = module, arguments
        self.members: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        command = [sys.executable, "-m", self.module, name, *self.arguments]
        self.members[name] = subprocess.Popen(command, cwd=settings.BASE_DIR, env=self.environment)

    def kill(self, name: str) -> None:
        self.members[name].kill()
        self.members[name].wait()


@contextmanager
def crew_on(address: str, module: str, *arguments: str) -> Iterator[Crew]:
    """A crew without members yet; nobody of it outlives the test."""
    crew = Crew(address, module, *arguments)
    try:
        yield crew
    finally:
        for name in crew.members:
            crew.kill(name)

"""People who have pages open: each page asked for once a second by somebody who is signed in."""

import http.client
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.conf import settings
from django.test import Client

from apps.accounts.models import User


def session_of(user: User) -> str:
    """The cookie of somebody who has just signed in."""
    client = Client()
    client.force_login(user)
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


@dataclass
class Visitors:
    """Asks for each of the paths every second, until the end; what is slower than that is asked for less often."""

    port: int
    paths: Sequence[str]
    headers: Mapping[str, str]
    # Monotonic instant, seconds, status (0: no answer), by path.
    seen: dict[str, list[tuple[float, float, int]]] = field(default_factory=dict)
    _ended: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        self._threads = [threading.Thread(target=self._look, args=[path], daemon=True) for path in self.paths]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(30)

    def _look(self, path: str) -> None:
        looks = self.seen[path] = []
        while not self._ended.is_set():
            asked = time.monotonic()
            status = self._status(path)
            looks.append((asked, time.monotonic() - asked, status))
            self._ended.wait(max(0.0, asked + 1 - time.monotonic()))

    def _status(self, path: str) -> int:
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            line.request("GET", path, headers=dict(self.headers))
            answer = line.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            return 0
        else:
            return answer.status
        finally:
            line.close()

"""Jobs that send signals one after the other, each with a number for the run that it belongs to."""

import http.client
import threading
import time
from collections.abc import Sequence
from uuid import UUID

from tests.nightly.machines import RUN_OUT, Told

PAUSE_S = 0.1


class Job(threading.Thread):
    """One job; what is refused is not sent again."""

    def __init__(self, port: int, token: str, ended: threading.Event) -> None:
        super().__init__(daemon=True)
        self.told = Told()
        self._port, self._token, self._ended = port, token, ended
        self._line: http.client.HTTPConnection | None = None

    def run(self) -> None:
        number = 0
        while not self._ended.is_set():
            number += 1
            asked = time.monotonic()
            status = self._signal(number)
            self.told.answers.append((asked, time.monotonic() - asked, status))
            {200: self.told.taken, RUN_OUT: self.told.unknown}.get(status, self.told.refused).add(number)
            self._ended.wait(PAUSE_S)

    def _signal(self, number: int) -> int:
        try:
            self._line = self._line or http.client.HTTPConnection("127.0.0.1", self._port, timeout=15)
            self._line.request("POST", f"/ping/{self._token}?rid={UUID(int=number)}")
            answer = self._line.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            self._line = None
            return RUN_OUT
        if answer.status == 503:
            self.told.retry_after.add(answer.headers.get("Retry-After", ""))
        return answer.status


class Jobs:
    """All of them, from `start` to `end`."""

    def __init__(self, port: int, tokens: Sequence[str]) -> None:
        self._ended = threading.Event()
        self.jobs = [Job(port, token, self._ended) for token in tokens]

    def start(self) -> None:
        for job in self.jobs:
            job.start()

    def end(self) -> None:
        self._ended.set()
        for job in self.jobs:
            job.join(30)
            assert not job.is_alive()

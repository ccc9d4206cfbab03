"""Doing things at the same instant: threads with connections of their own, started by one barrier."""

import threading
from collections.abc import Callable
from typing import TypeVar

from django.db import connections

Result = TypeVar("Result")


def at_once(*acts: Callable[[], Result]) -> list[Result | Exception]:
    """Run the acts in parallel; answers what each returned or raised, in the order given."""
    barrier = threading.Barrier(len(acts))
    outcomes: list[Result | Exception] = [RuntimeError("never ran")] * len(acts)

    def run(index: int, act: Callable[[], Result]) -> None:
        try:
            barrier.wait(10)
            outcomes[index] = act()
        except Exception as error:  # noqa: BLE001  # the test judges it
            outcomes[index] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(index, act)) for index, act in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return outcomes

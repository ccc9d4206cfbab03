"""Pumps of Celery workers: how many a machine has, what each is called, and how one learns that its worker leaves.

A station is a locked file: the kernel frees it when its process ends, however that ends. Whoever mans it has its name,
so what a killed pump held is given back by the next one instead of waiting for the end of a lease.
"""

import fcntl
import mmap
import os
import socket
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

# One byte that a worker shares with the processes it forks: set when the worker has been told to stop.
_leaving = mmap.mmap(-1, 1)


def leave() -> None:
    """Tell the pumps of this worker, and of no other, to give their leases back and end."""
    _leaving[0] = 1


def is_leaving() -> bool:
    """Whether this process or the worker that forked it has been told to stop."""
    return _leaving[0] == 1


@contextmanager
def manned() -> Iterator[str | None]:
    """Man a free station of this machine, one per core; its name, or None when all are taken."""
    folder = Path(settings.DATA_DIR) / "pumps"
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(os.cpu_count() or 1):
        with (folder / str(number)).open("w") as station:
            try:
                fcntl.flock(station, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield _name(number)
            return
    yield None


def _name(number: int) -> str:
    # Two installations on one machine may work for one database; each has a data folder of its own.
    installation = zlib.crc32(str(Path(settings.DATA_DIR).resolve()).encode())
    return f"{socket.gethostname()[:80]}:{installation:08x}:{number}"

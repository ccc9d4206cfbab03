"""`python -m dashmon.server`: bring the database up to date, say where it answers, serve."""

import os
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import django

KEPT_OPEN_S = 75


def main() -> int:
    """Serve until told to stop; the exit status is the shell's."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashmon.settings")
    signal.signal(signal.SIGTERM, _leave)
    from dashmon import logs

    logs.configure()
    django.setup(set_prefix=False)
    from django.conf import settings

    from apps.operations.database import bring_up_to_date

    ports = [settings.PORT, *settings.FACE_PORTS]
    if taken := [port for port in ports if _taken(settings.HOST, port)]:
        print(f"Port {taken[0]} is taken. Choose another: PORT=8001 make run", file=sys.stderr)  # noqa: T201  # a terminal
        return 1
    bring_up_to_date()
    _greet()
    _serve(settings.HOST, ports)
    return 0


def _leave(*_: Any) -> None:
    """Being told to stop is no failure. uvicorn raises the signal once more when it has stopped; it ends here."""
    raise SystemExit(0)


def _taken(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False


def _greet() -> None:
    from django.conf import settings
    from django.utils import timezone

    from apps.operations.addresses import base_url
    from apps.operations.sign_up import has_accounts
    from apps.workspaces.services import new_first_run_token

    print(f"Dashmon answers at {base_url()}/", flush=True)  # noqa: T201  # a terminal
    for port, face in settings.FACE_PORTS.items():
        print(f"The front end of {face} is served on port {port}.", flush=True)  # noqa: T201  # a terminal
    if not has_accounts():
        token = new_first_run_token(now=timezone.now())
        print(f"Create the first account: {base_url()}/first-run/{token}", flush=True)  # noqa: T201  # a terminal


def _serve(host: str, ports: Sequence[int]) -> None:
    import uvicorn

    from dashmon.hot.protocol import HotProtocol

    config = uvicorn.Config(
        "dashmon.asgi:application",
        http=HotProtocol,
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        lifespan="on",
        # Longer than agents and proxies are silent between two requests. Whoever sends just as we hang up is told
        # nothing, and an agent's report is lost with that.
        timeout_keep_alive=KEPT_OPEN_S,
        timeout_graceful_shutdown=3,
    )
    server = uvicorn.Server(config)
    # Ctrl-C has stopped it in good order by then; uvicorn raises it once more.
    with suppress(KeyboardInterrupt):
        server.run(sockets=[_listener(host, port) for port in ports])
    if not server.started:
        raise SystemExit(1)


def _listener(host: str, port: int) -> socket.socket:
    """A bound socket; uvicorn listens on it, and its port says whose front end is asked for."""
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((host, port))
    return bound


if __name__ == "__main__":
    sys.exit(main())

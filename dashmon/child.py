"""The background as a process of its own: `python -m dashmon.child`, started by the server and never by hand.

It reads its input: a line is a nudge, the end of the file means that the server has closed it or is dead, however it
died. Signals of a terminal reach the whole group, so they are left to the server.
"""

import os
import signal
import sys

import django


def main() -> None:
    """Run until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashmon.settings")
    django.setup()

    from django.utils import timezone

    from apps.common import bus
    from apps.operations.models import ProcessReport
    from dashmon import logs
    from dashmon.background import NUDGES, Background
    from dashmon.reporting import Reporter

    logs.configure()
    reporter = Reporter(ProcessReport.Kind.BACKGROUND, started_at=timezone.now())
    reporter.start()
    background = Background()
    background.start()
    for line in sys.stdin:
        if (topic := line.strip()) in NUDGES:
            bus.publish(topic)
    background.close()
    reporter.close()


if __name__ == "__main__":
    main()

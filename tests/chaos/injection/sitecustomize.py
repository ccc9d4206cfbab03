"""Found by every Python process of an installation under test: a clock that can be stepped, leases that end soon.

The clock is the one edge through which the product reads the time; the file holds the seconds it is wrong by.
"""

import os
from datetime import timedelta
from pathlib import Path

import django
from django.utils import timezone

STEP = Path(os.environ["CHAOS_CLOCK"])
LEASE = timedelta(seconds=float(os.environ["CHAOS_LEASE_S"]))

right, set_up = timezone.now, django.setup


def wrong():
    return right() + timedelta(seconds=float(STEP.read_text() or 0))


def set_up_with_short_leases(set_prefix: bool = True) -> None:  # as Django spells it
    set_up(set_prefix)
    from apps.checks import leases, requests

    leases.LEASE = requests.LEASE = LEASE


timezone.now = wrong
django.setup = set_up_with_short_leases

"""Writes about a person's own settings."""

from zoneinfo import available_timezones

from django.db import transaction

from apps.accounts.models import User
from apps.common.errors import InvalidInputError

# In the files of the time zone database, but no place anybody lives in; the first is whatever the machine is set to.
NOWHERE = frozenset({"localtime", "Factory"})
NO_ZONE = "Invalid timezone (must be an IANA timezone like Australia/Adelaide)"


@transaction.atomic
def set_timezone(*, user: User, name: str) -> User:
    """Show times in this zone from now on; an empty name clears it. InvalidInputError when nobody knows the zone."""
    if name and name not in available_timezones() - NOWHERE:
        raise InvalidInputError(NO_ZONE, fields={"timezone": NO_ZONE})
    user.timezone = name
    user.save(update_fields=["timezone"])
    return user

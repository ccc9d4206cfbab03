"""E-mail addresses that name people."""

from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, validate_email

from apps.common.errors import InvalidInputError
from apps.common.text import is_storable

LONGEST = 254  # RFC 5321 as corrected by its erratum 1690, and the width of the columns


def is_address(email: str) -> bool:
    """Whether mail could be sent there and every database keeps the address."""
    try:
        validate_email(email)
        MaxLengthValidator(LONGEST)(email)
    except ValidationError:
        return False
    return is_storable(email)


def checked_address(email: str) -> str:
    """The address in lower case without spaces around it, or InvalidInputError on `email`."""
    address = email.strip().lower()
    if not is_address(address):
        raise InvalidInputError(fields={"email": f"Invalid email address: {email}"})
    return address

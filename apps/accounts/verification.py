"""Whether an address was proved to be a person's own. Installations for strangers ask before anything goes out."""

from allauth.account.models import EmailAddress
from django.conf import settings

from apps.accounts.models import User
from apps.common.errors import ForbiddenError


def is_verified(user: User) -> bool:
    """Whether the person answered a mail to the address of the account, or an operator vouches for it."""
    return bool(EmailAddress.objects.filter(user=user, email__iexact=user.email, verified=True).exists())


def vouch_for(user: User) -> None:
    """Take the address as proved: an operator made the account."""
    EmailAddress.objects.update_or_create(user=user, email=user.email, defaults={"verified": True, "primary": True})


def ensure_verified(user: User) -> None:
    """Raise ForbiddenError (`email_unverified`) in the saas profile until the address is proved (contract Dashmon 16).

    Signing in and looking around need no proof; a monitor would send requests, so it does.
    """
    if settings.PROFILE == "saas" and not is_verified(user):
        raise ForbiddenError(
            "Confirm your e-mail address first: follow the link in the mail we sent you.", code="email_unverified"
        )

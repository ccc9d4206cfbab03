"""allauth's hooks, as this installation decides them."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.http import HttpRequest
from django.utils import timezone

from apps.common.fields import cipher
from apps.operations.sign_up import ensure_own_workspace, sign_up_open

INVITED = "invitation_token"  # session key: a person who follows an invitation may open an account


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth ships no types
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return sign_up_open() or INVITED in request.session

    def save_user(self, request: HttpRequest, user: Any, form: Any, commit: bool = True) -> Any:  # allauth's signature
        saved = super().save_user(request, user, form, commit)
        if commit:
            ensure_own_workspace(user=saved, now=timezone.now())
        return saved


class SecondStepAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth ships no types
    """Secrets of authenticator apps and recovery codes are read back, so they are stored encrypted."""

    def encrypt(self, text: str) -> str:
        return cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return cipher().decrypt(encrypted_text.encode()).decode()

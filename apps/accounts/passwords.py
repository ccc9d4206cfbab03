"""Passwords that a guess would find are refused; everything else is left to the person."""

from typing import Any

from django.core.exceptions import ValidationError
from zxcvbn import zxcvbn

WEAKEST_ACCEPTED = 2  # zxcvbn's scale of 0..4: 2 takes more than 10^6 guesses
LONGEST_JUDGED = 72


class GuessableValidator:
    """Django password validator on top of zxcvbn."""

    def validate(self, password: str, user: Any = None) -> None:
        about = [user.email, user.name] if user is not None else []
        verdict = zxcvbn(password[:LONGEST_JUDGED], user_inputs=[word for word in about if word])
        if verdict["score"] < WEAKEST_ACCEPTED:
            hint = verdict["feedback"]["warning"] or "It is among the first that anyone would try."
            raise ValidationError(f"This password is easy to guess. {hint}", code="password_guessable")

    def get_help_text(self) -> str:
        return "At least 8 characters, and not one that is easy to guess."

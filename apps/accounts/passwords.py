"""Passwords that a guess would find are refused; everything else is left to the person."""

import re
from typing import Any

from django.core.exceptions import ValidationError
from zxcvbn import zxcvbn

WEAKEST_ACCEPTED = 2  # zxcvbn's scale of 0..4: 2 takes more than 10^6 guesses
LONGEST_JUDGED = 72
PARTS = re.compile(r"[^\W_]{3,}")


class GuessableValidator:
    """Django password validator on top of zxcvbn."""

    def validate(self, password: str, user: Any = None) -> None:
        about = [user.email, user.name] if user is not None else []
        # Whole and in parts: first and last name written as one word are a guess too.
        words = [*about, *(part for text in about for part in PARTS.findall(text))]
        verdict = zxcvbn(password[:LONGEST_JUDGED], user_inputs=[word for word in words if word])
        if verdict["score"] < WEAKEST_ACCEPTED:
            hint = verdict["feedback"]["warning"] or "It is among the first that anyone would try."
            raise ValidationError(f"This password is easy to guess. {hint}", code="password_guessable")

    def get_help_text(self) -> str:
        return "At least 8 characters, and not one that is easy to guess."

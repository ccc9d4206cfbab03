import pytest
from django.core.exceptions import ValidationError

from apps.accounts.models import User
from apps.accounts.passwords import GuessableValidator


@pytest.mark.parametrize("password", ["password", "12345678", "qwertyuiop", "iloveyou1"])
def test_what_anyone_would_try_first_is_refused(password: str) -> None:
    with pytest.raises(ValidationError, match="easy to guess"):
        GuessableValidator().validate(password)


def test_ones_own_name_and_address_are_guesses() -> None:
    user = User(email="marguerite.duras@example.com", name="Marguerite Duras")

    with pytest.raises(ValidationError) as refusal:
        GuessableValidator().validate("margueriteduras", user)

    assert refusal.value.code == "password_guessable"


@pytest.mark.parametrize("password", ["correct horse battery staple", "vT9#qL2!mZ", "xkqzvbw7"])
def test_what_nobody_would_try_is_accepted(password: str) -> None:
    GuessableValidator().validate(password, User(email="ana@example.com"))


def test_a_very_long_password_is_judged_by_its_beginning() -> None:
    GuessableValidator().validate("b7!kQ" * 1000)

    with pytest.raises(ValidationError):
        GuessableValidator().validate("a" * 5000)


def test_the_help_says_what_is_asked() -> None:
    assert "8 characters" in GuessableValidator().get_help_text()

import pytest
from django.db import IntegrityError, transaction

from apps.accounts.models import User

pytestmark = pytest.mark.django_db


def test_an_address_is_kept_in_lower_case_without_spaces() -> None:
    user = User.objects.create_user("  Ana@Example.COM ", "correct horse")

    assert user.email == "ana@example.com"
    assert user.check_password("correct horse")
    assert "correct horse" not in user.password


def test_an_address_belongs_to_one_account_whatever_its_case() -> None:
    User.objects.create_user("ana@example.com")

    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create(email="ANA@example.com")

    assert User.objects.count() == 1


def test_an_account_without_password_lets_nobody_in() -> None:
    user = User.objects.create_user("ana@example.com", None)

    assert not user.has_usable_password()
    assert not user.check_password("")


def test_the_short_name_is_the_name_else_the_front_of_the_address() -> None:
    assert User(email="ana@example.com", name="Ana").get_short_name() == "Ana"
    assert User(email="ana@example.com").get_short_name() == "ana"
    assert str(User(email="ana@example.com")) == "ana@example.com"


def test_nobody_operates_the_installation_by_birth() -> None:
    user = User.objects.create_user("ana@example.com", "correct horse")

    assert not user.is_staff
    assert not user.is_superuser

import pytest

from apps.accounts.addresses import checked_address, is_address
from apps.common.errors import InvalidInputError


def test_an_address_is_read_in_lower_case_without_spaces() -> None:
    assert checked_address("  Ana@Example.COM\n") == "ana@example.com"
    assert is_address("a@b.example")


@pytest.mark.parametrize(
    "email",
    ["", "ana", "ana@", "@example.com", "a b@example.com", "ana@example", "ana@example.com\x00", "a@\udc00.example"],
)
def test_anything_else_is_refused(email: str) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        checked_address(email)

    assert list(refusal.value.fields) == ["email"]


def test_the_longest_address_has_254_characters() -> None:
    domain = ".".join(["b" * 60] * 3 + ["com"])

    assert is_address(f"{'a' * (254 - len(domain) - 1)}@{domain}")
    assert not is_address(f"{'a' * (255 - len(domain) - 1)}@{domain}")

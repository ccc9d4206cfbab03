"""What Nezha writes about a server (contract Nezha 2.7), and how it hides the server's address."""

import ipaddress
from typing import Literal

WORDS = {"incident": "Incident", "resolved": "Resolved"}
HIDDEN = "****"


def message(
    event: Literal["incident", "resolved"], *, server: str, addresses: str, rule: str, plain: bool = False
) -> str:
    """`[Incident] alpha(203.****.7) CPU high`; `addresses` is IPv4, IPv6 or both around a slash."""
    shown = addresses if plain else masked(addresses)
    return f"[{WORDS[event]}] {server}({shown}) {rule}"


def masked(addresses: str) -> str:
    """Addresses with their middle hidden: the ends are left so that one's own can be told apart."""
    return "/".join(_masked(address) for address in addresses.split("/"))


def _masked(address: str) -> str:
    try:
        version = ipaddress.ip_address(address).version
    except ValueError:
        return address
    if version == 4:
        first, *_, last = address.split(".")
        return f"{first}.{HIDDEN}.{last}"
    groups = address.split(":")
    return f"{':'.join(groups[:2])}:{HIDDEN}:{':'.join(groups[-2:])}"

"""Who is really calling, when trusted proxies say so; anybody else's forwarding headers mean nothing."""

import ipaddress
from collections.abc import Sequence

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks(entries: Sequence[str]) -> list[Network]:
    """Addresses and networks of proxies as they are configured."""
    return [ipaddress.ip_network(entry, strict=False) for entry in entries]


def is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    """Whether this peer is one of our proxies."""
    if not trusted:
        return False
    peer = parsed(address)
    return peer is not None and any(peer in network for network in trusted)


def caller(forwarded_for: str, trusted: Sequence[Network]) -> str | None:
    """The nearest hop that is no proxy of ours; everything before it may be invented. None when nothing is said."""
    hops = [hop.strip() for hop in forwarded_for.split(",") if hop.strip()]
    nearest = next((hop for hop in reversed(hops) if not is_trusted(hop, trusted)), None)
    address = parsed(nearest) if nearest is not None else None
    return str(address) if address is not None else None


def as_told(
    peer: str, host: str, *, forwarded_for: str, forwarded_host: str | None, trusted: Sequence[Network]
) -> tuple[str, str]:
    """Who calls, and by which host: what a trusted proxy says (`forwarded_host` None: nothing), else what is seen."""
    if not is_trusted(peer, trusted):
        return peer, host
    named = host if forwarded_host is None else forwarded_host
    return caller(forwarded_for, trusted) or peer, named.split(",")[0].strip()


def parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address as proxies spell it, without the port that some add; an IPv4 address inside IPv6 is itself."""
    bare = text.rpartition(":")[0] if text.count(":") == 1 else text
    if text.startswith("["):
        bare = text[1:].partition("]")[0]
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address

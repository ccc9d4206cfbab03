"""What an IP address is: which other addresses hide in it, and which class it belongs to. Pure."""

import ipaddress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Literal

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Class = Literal["public", "loopback", "private", "link_local", "metadata", "never", "special"]

# Credentials of the machine itself: AWS, GCP, Azure, Oracle, Alibaba, ECS and EKS task roles.
METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "169.254.169.254",
        "169.254.169.253",
        "169.254.170.2",
        "169.254.170.23",
        "168.63.129.16",
        "100.100.100.200",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd00:ec2::253",
        "fd00:ec2::23",
        "fd20:ce::254",
    )
)
LOOPBACK = tuple(ipaddress.ip_network(text) for text in ("127.0.0.0/8", "::1/128"))
# RFC 1918, RFC 4193, and RFC 6598, where carriers and overlay networks put their customers.
PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)
LINK_LOCAL = tuple(ipaddress.ip_network(text) for text in ("169.254.0.0/16", "fe80::/10"))
# No connection to these can mean what it says: "this host", groups, broadcast, the reserved top.
NEVER = tuple(ipaddress.ip_network(text) for text in ("0.0.0.0/8", "::/128", "224.0.0.0/4", "ff00::/8", "240.0.0.0/4"))
# Python 3.11 calls some of these global (measured on 3.11.7), so they are named: site-local, both
# NAT64 prefixes, 6to4, Teredo's whole parent block, documentation, benchmarking, discard.
SPECIAL = tuple(
    ipaddress.ip_network(text)
    for text in (
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "fec0::/10",
        "100::/64",
        "64:ff9b:1::/48",
        "2001:2::/48",
        "2001:db8::/32",
        "3fff::/20",
        "5f00::/16",
    )
)
CLASSES: tuple[tuple[Class, tuple[Network, ...]], ...] = (
    ("never", NEVER),
    ("loopback", LOOPBACK),
    ("link_local", LINK_LOCAL),
    ("private", PRIVATE),
    ("special", SPECIAL),
)
# The same by version, as the numbers of first and last address: one ruling looks at all of them.
RANGES: dict[int, tuple[tuple[int, int, Class], ...]] = {
    version: tuple(
        (int(network.network_address), int(network.broadcast_address), name)
        for name, networks in CLASSES
        for network in networks
        if network.version == version
    )
    for version in (4, 6)
}

MAPPED = IPv6Network("::ffff:0:0/96")
TRANSLATED = IPv6Network("::ffff:0:0:0/96")
COMPATIBLE = IPv6Network("::/96")
NAT64 = IPv6Network("64:ff9b::/96")
NAT64_LOCAL = IPv6Network("64:ff9b:1::/48")
LOW_32 = (MAPPED, TRANSLATED, COMPATIBLE, NAT64, NAT64_LOCAL)
ISATAP = (0x00005EFE, 0x02005EFE)


def unwrap(address: Address) -> tuple[Address, ...]:
    """The address and every IPv4 address a relay, translator or kernel would take it for.

    A v4-mapped address is the IPv4 address and nothing else. 6to4 (RFC 3056), Teredo (RFC 4380: server
    and client), NAT64 (RFC 6052, RFC 8215), translated (RFC 2765), compatible (RFC 4291) and ISATAP
    (RFC 5214) addresses stay what they are as well, so both readings have to pass.
    """
    if isinstance(address, IPv4Address):
        return (address,)
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    inner: list[Address] = []
    number = int(address)
    if any(address in network for network in LOW_32) and number > 1:
        inner.append(IPv4Address(number & 0xFFFFFFFF))
    if address.sixtofour is not None:
        inner.append(address.sixtofour)
    if address.teredo is not None:
        inner.extend(address.teredo)
    if (number >> 32) & 0xFFFFFFFF in ISATAP:
        inner.append(IPv4Address(number & 0xFFFFFFFF))
    # A zone names an interface of this machine; it is no part of the address.
    return (IPv6Address(number), *inner)


def class_of(address: Address) -> Class:
    """The class of one address, taken by itself; `unwrap` first."""
    if address in METADATA:
        return "metadata"
    number = int(address)
    for first, last, name in RANGES[address.version]:
        if first <= number <= last:
            return name
    # Translators and relays are judged by what they carry; Python's own list covers the rest.
    if isinstance(address, IPv6Address) and any(address in network for network in LOW_32[1:4]):
        return "public"
    return "public" if address.is_global else "special"

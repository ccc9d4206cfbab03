"""Which WHOIS server to ask about a domain, and what its answer says about the expiry. Pure."""

import ipaddress
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

REFERRAL = re.compile(r"^(?:refer|whois):\s*(\S+)", re.MULTILINE | re.IGNORECASE)


@lru_cache(maxsize=1)
def _suffixes() -> Any:
    # The bundled list of public suffixes: nothing is fetched.
    from tldextract import TLDExtract

    return TLDExtract(suffix_list_urls=(), cache_dir=None)


@lru_cache(maxsize=4096)
def domain_of(host: str) -> str:
    """The registered domain of a host name, "" for addresses and bare suffixes.

    Under a suffix nobody registered, such as `test`, the last two labels count.
    """
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        return ""
    parts = _suffixes()(host)
    if parts.suffix:
        return f"{parts.domain}.{parts.suffix}" if parts.domain else ""
    labels = host.split(".")
    return ".".join(labels[-2:]) if len(labels) > 1 else ""


def server_for(domain: str) -> str:
    """The WHOIS server of a domain's registry; "" when the root's own server has to be asked."""
    from asyncwhois.servers.domains import CountryCodeTLD, GenericTLD, SponsoredTLD

    name = domain.rpartition(".")[2].upper().replace("-", "_")
    tables = (GenericTLD, CountryCodeTLD, SponsoredTLD)
    return next((found for table in tables if (found := getattr(table, name, None))), "")


def referral_in(text: str) -> str:
    """The server an answer of the root's WHOIS refers to, or ""."""
    found = REFERRAL.search(text)
    return found[1].rstrip(".").lower() if found else ""


def expiry_in(text: str, domain: str) -> datetime | None:
    """The expiry a WHOIS answer names, in UTC, or None; times without a zone count as UTC."""
    from asyncwhois.parse import TLDBaseKeys
    from asyncwhois.parse_tld import DomainParser

    try:
        fields = DomainParser(ignore_not_found=True).parse(text, domain.rpartition(".")[2])
        expires = fields.get(TLDBaseKeys.EXPIRES)
        if not isinstance(expires, datetime):
            return None
        return expires.replace(tzinfo=UTC) if expires.tzinfo is None else expires.astimezone(UTC)
    except (ValueError, OverflowError):
        # Dates that no calendar has: a registry's nonsense must not end the check of the site.
        return None

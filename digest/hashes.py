"""How people are known after their address is erased: a keyed hash, and a network's prefix instead of an address.

HMAC-SHA256 under `SUPPRESSION_KEY`: without the key nobody can try addresses against the hashes. The key must never
change, because the hashes cannot be made again without the addresses; its fingerprint is stored, and a start with
another key is refused (`database.marks`). An installation without the setting uses a key that is derived from its
oldest `SECRET_KEY`, which is kept as a retired one for ever.
"""

import hashlib
import hmac
import ipaddress

from digest.addresses import Address
from digest.config import Settings


def address_hash(settings: Settings, address: Address) -> str:
    """Return the keyed hash of a mailbox: 64 hexadecimal digits, the same for all spellings of the address."""
    return hmac.new(settings.hash_key, address.key.encode(), hashlib.sha256).hexdigest()


def fingerprint(settings: Settings) -> str:
    """Return what tells this key from every other one, and nothing else about it."""
    return hmac.new(settings.hash_key, b"fingerprint", hashlib.sha256).hexdigest()


def network_of(host: str | None) -> str | None:
    """Return the network of a visitor's address, /24 of IPv4 and /48 of IPv6; None for what is no address."""
    try:
        parsed = ipaddress.ip_address((host or "").partition("%")[0])
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    prefix = 24 if parsed.version == 4 else 48
    return str(ipaddress.ip_network(f"{parsed}/{prefix}", strict=False))


def counted_as(settings: Settings, host: str | None) -> str:
    """Return the keyed hash that a network is counted by: one address of IPv4, a /64 of IPv6."""
    try:
        parsed = ipaddress.ip_address((host or "").partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        parsed = parsed.ipv4_mapped or parsed
    network = ipaddress.ip_network(f"{parsed}/{32 if parsed.version == 4 else 64}", strict=False)
    return hmac.new(settings.hash_key, f"network\0{network}".encode(), hashlib.sha256).hexdigest()

"""Which network addresses are public: a partner must not make this node call its own network."""

import ipaddress
from collections.abc import Iterator
from typing import Final, TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_TRANSLATED: Final = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: NAT64
_NOBODYS: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        "::/96",  # IPv4-compatible, deprecated by RFC 4291
        "::ffff:0:0:0/96",  # RFC 2765: translated
        "64:ff9b:1::/48",  # RFC 8215: local translation
        "5f00::/16",  # RFC 9602: segment identifiers
        "192.88.99.0/24",  # RFC 7526: relays that are gone
    )
)
"""Networks that Python calls global, and behind which may be anything."""


def read_address(host: str) -> Address | None:
    """The address that `host` spells in its usual form; None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def is_public(address: Address) -> bool:
    """Whether a host on the public network can have the address.

    Of an IPv6 address that stands for an IPv4 one (mapped, 6to4, NAT64) both are looked at.
    """
    return all(_is_public(each) for each in (address, *_inside(address)))


def _is_public(address: Address) -> bool:
    is_old_local = isinstance(address, ipaddress.IPv6Address) and address.is_site_local
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_unspecified
        and not is_old_local
        and not any(address in network for network in _NOBODYS)
    )


def _inside(address: Address) -> Iterator[ipaddress.IPv4Address]:
    if isinstance(address, ipaddress.IPv4Address):
        return
    for inner in (address.ipv4_mapped, address.sixtofour):
        if inner is not None:
            yield inner
    if address in _TRANSLATED:
        yield ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)


__all__ = ["Address", "is_public", "read_address"]

"""Which addresses a URL that a stranger chose may lead to: the public internet, and nothing beside us."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Global unicast, and nothing else: the rest is link-local, site-local, multicast, mapped, or not given out yet.
# https://www.iana.org/assignments/ipv6-address-space/ipv6-address-space.xhtml
_UNICAST_6 = IPv6Network("2000::/3")
# RFC 6052: how a host with IPv6 only reaches IPv4. The last 32 bits are the real destination.
_NAT64 = IPv6Network("64:ff9b::/96")
# What `is_global` of Python 3.11 lets through. Each is in the special-purpose registries:
# https://www.iana.org/assignments/iana-ipv4-special-registry/iana-ipv4-special-registry.xhtml
_NOT_PUBLIC: tuple[Network, ...] = (
    IPv4Network("192.0.0.0/24"),  # protocol assignments
    IPv4Network("192.88.99.0/24"),  # 6to4 relays, given up
    IPv6Network("2002::/16"),  # 6to4: an IPv4 address is hidden inside
    IPv6Network("3fff::/20"),  # documentation
)


class AddressPolicy:
    """
    Says yes or no to an address.

    Args:
        internal_networks: Networks of our own that are let through all the same.
    """

    def __init__(self, internal_networks: Sequence[Network] = ()) -> None:
        self._internal_networks = tuple(internal_networks)

    def allows(self, text: str) -> bool:
        """Tell whether a connection may go to this address, as `getaddrinfo` writes it."""
        address = _unmapped(ip_address(text.partition("%")[0]))
        return _is_in(address, self._internal_networks) or _is_public(address)


def read_networks(texts: Iterable[str]) -> list[Network]:
    """
    Return networks in CIDR notation.

    Raises:
        ValueError: One of them is none.
    """
    return [ip_network(text) for text in texts]


def _unmapped(address: Address) -> Address:
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_public(address: Address) -> bool:
    if address.is_multicast or not address.is_global or _is_in(address, _NOT_PUBLIC):
        return False
    return isinstance(address, IPv4Address) or address in _UNICAST_6


def _is_in(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks if network.version == address.version)

"""Which addresses may be connected to, decided when the socket is made: no name and no notation gets around it."""

import errno
import ipaddress
import socket
from collections.abc import Callable
from typing import Any

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Metadata services outside of the link-local range: Alibaba, Azure, Oracle, and AWS over IPv6.
_METADATA = frozenset(
    ipaddress.ip_address(text) for text in ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254")
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class AddressRefused(OSError):
    """An address that a registry, its token server or its storage never has."""

    def __init__(self) -> None:
        super().__init__(errno.EACCES, "this address is never connected to")


def _embedded(address: Address) -> Address:
    """Return the IPv4 address inside of an IPv6 address that stands for one."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address


def is_refused(text: str, *, loopback: bool) -> bool:
    """Tell whether the address `text` is link-local, a metadata service, unspecified, multicast or reserved.

    Parameters
    ----------
    loopback
        Whether addresses of this machine are allowed. Private ranges always are: registries live there.
    """
    address = _embedded(ipaddress.ip_address(text.partition("%")[0]))
    if address.is_loopback:
        return not loopback
    return (
        address in _METADATA
        or address.is_link_local
        or address.is_unspecified
        or address.is_multicast
        or address.is_reserved
    )


def guarded(*, loopback: bool) -> Callable[[tuple[Any, ...]], socket.socket]:
    """Return a factory of sockets that raises `AddressRefused` for refused addresses."""

    def make(info: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, address = info
        if is_refused(str(address[0]), loopback=loopback):
            raise AddressRefused
        return socket.socket(family, kind, protocol)

    return make

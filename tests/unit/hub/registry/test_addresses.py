import socket

import pytest
from strata_hub.registry.addresses import AddressRefused, guarded, is_refused


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.0.1",
        "fe80::1",
        "fe80::1%eth0",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "ff02::1",
        "255.255.255.255",
        "240.0.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "fd00:ec2::254",
        "::ffff:169.254.169.254",
        "::ffff:0.0.0.0",
        "2002:a9fe:a9fe::",
        "64:ff9b::a9fe:a9fe",
    ],
)
@pytest.mark.parametrize("loopback", [True, False])
def test_addresses_that_no_registry_has_are_refused(address: str, loopback: bool) -> None:
    assert is_refused(address, loopback=loopback)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.255.0.1", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"])
def test_this_machine_is_refused_unless_the_registry_is_on_it(address: str) -> None:
    assert is_refused(address, loopback=False)
    assert not is_refused(address, loopback=True)


@pytest.mark.parametrize("address", ["10.0.0.1", "172.16.0.1", "192.168.1.1", "fd12::1", "8.8.8.8", "2606:4700::1111"])
def test_public_and_private_addresses_are_allowed(address: str) -> None:
    assert not is_refused(address, loopback=False)


def test_the_socket_of_a_refused_address_is_never_made() -> None:
    make = guarded(loopback=False)
    with pytest.raises(AddressRefused, match="never connected"):
        make((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80)))
    make((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", 80))).close()

"""To whoever runs the installation: a URL that a stranger chose leads to the internet, and nowhere inside."""

from __future__ import annotations

import pytest

from libs.outbound.addresses import AddressPolicy, read_networks
from libs.outbound.target import UrlRefused, read_target

INSIDE = """
    0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.127.255.254 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1
    172.31.255.254 192.0.0.1 192.0.0.9 192.0.0.170 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.51.100.1
    203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
    :: ::1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 64:ff9b::7f00:1 64:ff9b::a00:1
    64:ff9b:1::1 100::1 2001::1 2001:2::1 2001:db8::1 2002:7f00:1:: 2002:808:808:: 3fff::1 5f00::1 fc00::1 fd12::1
    fe80::1 fe80::1%eth0 fec0::1 ff02::1 ff0e::1
"""
OUTSIDE = """
    1.1.1.1 8.8.8.8 100.63.255.255 100.128.0.1 172.32.0.1 192.0.1.1 223.255.255.254
    2001:4860:4860::8888 2606:4700:4700::1111 ::ffff:8.8.8.8 64:ff9b::808:808
"""


@pytest.mark.parametrize("address", INSIDE.split())
def test_an_address_that_is_not_the_internets_is_refused(address: str) -> None:
    assert not AddressPolicy().allows(address)


@pytest.mark.parametrize("address", OUTSIDE.split())
def test_an_address_of_the_internet_is_let_through(address: str) -> None:
    assert AddressPolicy().allows(address)


def test_networks_of_our_own_are_let_through_where_they_are_named_and_no_others() -> None:
    policy = AddressPolicy(read_networks(["10.1.0.0/16", "fd00:1::/32"]))
    assert [policy.allows(address) for address in ("10.1.2.3", "::ffff:10.1.2.3", "fd00:1::5", "8.8.8.8")] == [True] * 4
    assert [policy.allows(address) for address in ("10.2.0.1", "127.0.0.1", "fd00:2::1")] == [False] * 3


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("http://example.com/", "scheme"),
        ("ftp://example.com/", "scheme"),
        ("example.com/hook", "scheme"),
        ("", "scheme"),
        ("https://", "host"),
        ("https:///path", "host"),
        ("https://user:secret@example.com/", "credentials"),
        ("https://@example.com/", "credentials"),
        ("https://example.com:port/", "not_a_url"),
        ("https://example.com:70000/", "not_a_url"),
        ("https://exa mple.com/", "not_a_url"),
        ("https://example.com/\r\nX-Evil: 1", "not_a_url"),
        ("https://example.com/\x00", "not_a_url"),
        ("https://exam%00ple.com/", "host"),
        ("https://[::1", "not_a_url"),
        ("https://example.com/" + "x" * 2000, "too_long"),
    ],
)
def test_what_is_no_url_for_us_is_refused_with_its_fault(url: str, fault: str) -> None:
    with pytest.raises(UrlRefused) as refused:
        read_target(url, allow_http=False)
    assert refused.value.fault == fault


def test_a_url_is_taken_apart_as_it_will_be_called() -> None:
    plain = read_target("http://Example.com:8080", allow_http=True)
    assert (plain.is_tls, plain.host, plain.port, plain.path) == (False, "example.com", 8080, "/")
    korean = read_target("https://학원.한국/알림/a%20b?반=1&x=#top", allow_http=False)
    assert (korean.host, korean.port) == ("xn--sp5bv9x.xn--3e0b707e", 443)
    assert korean.path == "/%EC%95%8C%EB%A6%BC/a%20b?%EB%B0%98=1&x="
    assert read_target("https://[2001:db8::1]/", allow_http=False).host == "2001:db8::1"

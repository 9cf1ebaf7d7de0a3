import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strata_hub.errors import ConfigurationError, RegistryNotFound, RegistryProtocolError
from strata_hub.registry.names import (
    Platform,
    checked_host,
    checked_name,
    checked_reference,
    is_digest,
    is_loopback,
    is_tag,
    verify,
)

SHA256 = "sha256:" + "a" * 64
SHA512 = "sha512:" + "0" * 128


@pytest.mark.parametrize("tag", ["a", "_", "0", "w_2026_22", "A.b-C_", "x" * 128])
def test_tags_of_the_grammar_are_tags(tag: str) -> None:
    assert is_tag(tag)


@pytest.mark.parametrize(
    "text", ["", ".a", "-a", "x" * 129, "a\n", "a b", "a/b", "a:b", "é", "٣", "a\0", None, 7, b"a"]
)
def test_everything_else_is_no_tag(text: object) -> None:
    assert not is_tag(text)


@pytest.mark.parametrize("digest", [SHA256, SHA512])
def test_digests_of_the_two_algorithms_are_digests(digest: str) -> None:
    assert is_digest(digest)
    assert checked_reference(digest) == digest


@pytest.mark.parametrize(
    "text", ["", "sha256:", SHA256 + "\n", SHA256[:-1], SHA256.upper(), "md5:" + "a" * 32, "sha256:" + "g" * 64, None]
)
def test_everything_else_is_no_digest(text: object) -> None:
    assert not is_digest(text)


@pytest.mark.parametrize(
    "host", ["a", "registry.example.org", "Registry.Example.org:5000", "10.0.0.1", "[::1]:5000", "[::1]"]
)
def test_a_host_is_a_name_or_an_address_with_a_port(host: str) -> None:
    assert checked_host(host) == host.lower()


@pytest.mark.parametrize(
    "host",
    [
        "",
        "https://a",
        "a/b",
        "a@b",
        "a:b",
        "a:0",
        "a:65536",
        "a:999999",
        "a\n",
        "a b",
        ".a",
        "a..b",
        "-a",
        "a-",
        "a:",
        "[::1",
        "é",
        "a?b",
        "a#b",
        "a" * 300,
        "[::1]:99999",
    ],
)
def test_nothing_else_is_a_host(host: str) -> None:
    with pytest.raises(ConfigurationError):
        checked_host(host)


@pytest.mark.parametrize("name", ["a", "lab/science", "a.b/c_d/e__f/g--h", "0" * 255])
def test_names_of_the_grammar_are_names(name: str) -> None:
    assert checked_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "A", "a/", "/a", "a//b", "../a", "a/../b", "a\n", "a b", "a?", "a___b", "a:b", "0" * 256]
)
def test_nothing_else_is_a_name(name: str) -> None:
    with pytest.raises(ConfigurationError):
        checked_name(name)


@given(st.text(max_size=200))
def test_a_reference_that_is_checked_is_safe_in_a_path(text: str) -> None:
    try:
        reference = checked_reference(text)
    except RegistryNotFound:
        return
    assert not set(reference) & set("/\\?#%&@ \r\n\0")
    assert reference not in {".", ".."}


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("body", [b"", b"x" * 1000])
def test_a_body_is_verified_by_the_algorithm_of_its_digest(algorithm: str, body: bytes) -> None:
    digest = f"{algorithm}:{hashlib.new(algorithm, body).hexdigest()}"
    verify(body, digest, "it")
    with pytest.raises(RegistryProtocolError, match="it"):
        verify(body + b"y", digest, "it")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("localhost:5000", True),
        ("a.localhost", True),
        ("127.0.0.1:5000", True),
        ("127.9.9.9", True),
        ("[::1]:5000", True),
        ("localhost.example.org", False),
        ("10.0.0.1", False),
        ("0.0.0.0", False),
        ("registry.example.org:5000", False),
        ("[2001:db8::1]", False),
    ],
)
def test_a_host_on_this_machine_says_so_itself(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    ("mine", "other", "fits"),
    [
        ("linux/amd64", "linux/amd64", True),
        ("linux/amd64", "linux/arm64", False),
        ("linux/amd64", "windows/amd64", False),
        ("linux/arm64", "linux/arm64/v8", True),
        ("linux/arm64/v8", "linux/arm64", True),
        ("linux/arm/v6", "linux/arm/v7", False),
    ],
)
def test_a_platform_accepts_what_runs_on_it(mine: str, other: str, fits: bool) -> None:
    assert Platform.parse(mine).accepts(Platform.parse(other)) is fits
    assert str(Platform.parse(mine)) == mine


@pytest.mark.parametrize("text", ["", "linux", "linux/", "Linux/amd64", "linux/amd64/v8/x", "linux/amd64\n", "a b/c"])
def test_nothing_else_is_a_platform(text: str) -> None:
    with pytest.raises(ValueError, match="not a platform"):
        Platform.parse(text)

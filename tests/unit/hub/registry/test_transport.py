import pytest
from hypothesis import given
from hypothesis import strategies as st
from strata_hub.errors import ConfigurationError
from strata_hub.registry import RegistryClient, RegistrySettings
from strata_hub.registry.transport import redacted


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://h/v2/a/tags/list?n=1000&last=b", "https://h/v2/a/tags/list?n=1000&last=b"),
        ("https://user:canary@h:5000/x", "https://h:5000/x"),
        ("https://h/x?X-Amz-Signature=canary&n=3", "https://h/x?n=3&…"),
        ("https://h/x?canary", "https://h/x?…"),
        ("https://h/x?canary=", "https://h/x?…"),
        ("https://h/x#canary", "https://h/x"),
        ("https://[::1]:5000/x", "https://[::1]:5000/x"),
        (
            "https://h/token?service=a&scope=repository:x:pull&account=canary",
            "https://h/token?service=a&scope=repository:x:pull&…",
        ),
        ("http://[/canary", "(a malformed URL)"),
    ],
)
def test_a_url_is_shown_without_what_may_be_secret(url: str, shown: str) -> None:
    assert redacted(url) == shown


@given(st.text(max_size=300))
def test_any_url_is_shown_on_one_line(url: str) -> None:
    for text in (url, f"https://h/{url}", f"https://h/?n={url}"):
        assert redacted(text).isprintable()


@pytest.mark.parametrize("host", ["https://registry.example.org", "a/b", "", "user@host"])
def test_a_client_of_something_else_than_a_host_is_not_made(host: str) -> None:
    with pytest.raises(ConfigurationError):
        RegistryClient(host)


async def test_a_certificate_file_that_is_none_is_a_configuration_error(tmp_path: object) -> None:
    settings = RegistrySettings.model_validate({"ca_file": f"{tmp_path}/none.pem"})
    async with RegistryClient("registry.example.org", settings) as client:
        with pytest.raises(ConfigurationError, match=r"none\.pem"):
            await client.tags("lab/science")


async def test_docker_hub_is_asked_where_it_answers() -> None:
    async with RegistryClient("docker.io") as client:
        assert client._base("debian") == "https://registry-1.docker.io/v2/library/debian"
        assert client._base("team/lab") == "https://registry-1.docker.io/v2/team/lab"
        assert client.settings.allowed_realms == ("auth.docker.io",)

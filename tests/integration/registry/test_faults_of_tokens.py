"""What registries and token servers do to whoever wants in: no credentials go where they were not meant to."""

import asyncio
import logging
import traceback
from typing import Any

import pytest
from strata_hub.errors import RegistryDenied, RegistryError, RegistryProtocolError, RegistryUnavailable
from strata_hub.registry import Credentials
from support import fault_registry
from support import fault_responses as fault

NAME = "lab/science"
TAG = "w_2026_05"
SCOPE = f"repository:{NAME}:pull"
ME = Credentials("canary-name", "canary-secret")


def guard(ask: Any, *tokens: str, challenge: str = "", answers: list[fault.Responder] | None = None) -> None:
    """Let the registry take each of `tokens` once, one after the other, the last for ever."""
    realm = challenge or f'Bearer realm="{ask.registry.url}/token",service="a, b",scope="repository:x/y:pull,push"'
    takes = [fault.unless_authorized(f"Bearer {token}", realm) for token in tokens or ("good",)]
    ask.play("(GET|HEAD) /v2/.*", *takes, repeated=True)
    ask.play("GET /token.*", *(answers or [fault.document({"token": "good", "expires_in": 300})]), repeated=True)


async def head(ask: Any, credentials: Credentials | None = None, **settings: Any) -> str:
    async with ask.client(credentials, **settings) as client:
        return await client.head(NAME, TAG)


async def test_an_anonymous_token_is_asked_for_with_our_own_scope_and_no_credentials(ask: Any, stored: Any) -> None:
    guard(ask)
    assert await head(ask) == stored[TAG].digest
    (token,) = [seen for seen in ask.registry.seen if seen.target.startswith("/token")]
    assert token.target == "/token?service=a%2C+b&scope=repository%3Alab%2Fscience%3Apull"
    assert "Authorization" not in token.headers


async def test_credentials_go_to_the_token_server_and_the_token_to_the_registry(ask: Any, stored: Any) -> None:
    guard(ask)
    assert await head(ask, ME) == stored[TAG].digest
    sent = [(seen.target.partition("?")[0], seen.headers.get("Authorization")) for seen in ask.registry.seen]
    path = f"/v2/{NAME}/manifests/{TAG}"
    assert sent == [(path, None), ("/token", ME.basic()), (path, "Bearer good")]


@pytest.mark.parametrize(
    "answer",
    [
        {"access_token": "good"},
        {"token": "good", "expires_in": None},
        {"token": "good", "expires_in": "soon"},
        {"token": "good", "expires_in": -5},
        {"token": "good", "expires_in": 10**30},
        {"token": "good", "access_token": "good", "issued_at": "nonsense", "more": [[[]]]},
    ],
)
async def test_every_form_of_a_token_answer_is_read(ask: Any, stored: Any, answer: dict[str, Any]) -> None:
    guard(ask, answers=[fault.document(answer)])
    assert await head(ask) == stored[TAG].digest


@pytest.mark.parametrize(
    "answer",
    [
        fault.html(),
        fault.document({}),
        fault.document({"token": ""}),
        fault.document({"token": 7}),
        fault.document({"token": "a b"}),
        fault.document({"token": "good\r\nX-Injected: 1"}),
        fault.document({"token": "é"}),
        fault.deep_json(),
        fault.long_number(),
        fault.gzip_bomb(),
        fault.body(b" " * (65 << 10) + b'{"token":"good"}'),
        fault.announced(1 << 40),
        fault.redirect("http://127.0.0.1:1/token"),
        fault.status(404),
        fault.status(500),
        fault.status(401),
        fault.status(403),
    ],
    ids=[
        "html",
        "none",
        "empty",
        "number",
        "space",
        "injection",
        "letter",
        "deep",
        "long",
        "bomb",
        "large",
        "announced",
        "redirect",
        "404",
        "500",
        "401",
        "403",
    ],
)
async def test_something_else_than_a_token_is_an_error(ask: Any, answer: fault.Responder) -> None:
    guard(ask, answers=[answer])
    with pytest.raises((RegistryProtocolError, RegistryDenied, RegistryUnavailable)):
        await head(ask, ME)
    assert ask.count("HEAD .*") == 1


@pytest.mark.parametrize("code", [429, 502, 503, 504])
async def test_a_busy_token_server_is_asked_again(ask: Any, stored: Any, code: int) -> None:
    guard(ask, answers=[fault.status(code), fault.reset(), fault.document({"token": "good"})])
    assert await head(ask, ME) == stored[TAG].digest


@pytest.mark.parametrize(
    "realm",
    [
        "https://attacker.example.net/token",
        "http://{host}.attacker.example.net/token",
        "http://{host}@attacker.example.net/token",
        "http://user:secret@{host}/token",
        "http://169.254.169.254/token",
        "http://127.0.0.1/token",
        "http://localhost:{port}/token",
        "http://2130706433:{port}/token",
        "http://[::1]:{port}/token",
        "//{host}/token",
        "/token",
        "ftp://{host}/token",
        "file:///etc/passwd",
        "http://{host}/token#x",
        "http://{host}\\\\@attacker.example.net/token",
        "http:///token",
        "http://[/token",
        "",
    ],
)
async def test_credentials_never_go_to_a_realm_that_was_not_allowed(ask: Any, realm: str) -> None:
    host = ask.registry.host
    named = realm.replace("{host}", host).replace("{port}", host.rpartition(":")[2])
    guard(ask, challenge=f'Bearer realm="{named}"')
    with pytest.raises(RegistryDenied) as caught:
        await head(ask, ME)
    assert len(ask.registry.seen) == 1
    assert "secret" not in f"{caught.value}"


async def test_an_allowed_realm_on_another_host_gets_the_credentials(ask: Any, stored: Any) -> None:
    async with fault_registry.running() as server:
        server.play("GET /auth.*", fault.document({"token": "good"}))
        guard(ask, challenge=f'Bearer realm="{server.url}/auth?account=x&keep=1&scope=evil"')
        assert await head(ask, ME, allowed_realms=[server.host]) == stored[TAG].digest
        (seen,) = server.seen
        assert seen.target == "/auth?keep=1&scope=repository%3Alab%2Fscience%3Apull"
        assert seen.headers["Authorization"] == ME.basic()


@pytest.mark.parametrize(
    "challenge",
    [
        'Basic realm="x", Bearer realm="{url}/token"',
        'BEARER Realm = "{url}/token" , service=x',
        'Negotiate, Bearer error="invalid_token", realm="{url}/token"',
        'Digest qop="auth, auth-int", Bearer realm="{url}/tok\\en"',
    ],
)
async def test_the_bearer_challenge_is_found_among_others(ask: Any, stored: Any, challenge: str) -> None:
    guard(ask, challenge=challenge.replace("{url}", ask.registry.url))
    assert await head(ask, ME) == stored[TAG].digest


@pytest.mark.parametrize("challenge", ['Bearer realm="', "Bearer realm", "=", 'Bearer realm="a" "b"', "Bearer a=1,a=2"])
async def test_a_challenge_that_cannot_be_read_is_an_error(ask: Any, challenge: str) -> None:
    guard(ask, challenge=challenge)
    with pytest.raises((RegistryProtocolError, RegistryDenied)):
        await head(ask, ME)
    assert ask.count("GET .*") == 0


async def test_no_challenge_at_all_is_a_denial(ask: Any) -> None:
    ask.play("HEAD .*", fault.status(401), repeated=True)
    with pytest.raises(RegistryDenied):
        await head(ask, ME)
    assert len(ask.registry.seen) == 1


async def test_basic_credentials_go_to_the_registry_that_asks_for_them(ask: Any, stored: Any) -> None:
    ask.play("(GET|HEAD) .*", fault.unless_authorized(ME.basic(), 'Basic realm="x"'), repeated=True)
    async with ask.client(ME) as client:
        assert await client.head(NAME, TAG) == stored[TAG].digest
        assert await client.head(NAME, TAG) == stored[TAG].digest
        assert client._conversation._transport.gate.limit <= 4
    assert len(ask.registry.seen) == 3


@pytest.mark.parametrize("credentials", [None, ME, Credentials(identity_token="canary")])
async def test_basic_credentials_that_are_refused_are_sent_once(ask: Any, credentials: Any) -> None:
    ask.play("(GET|HEAD) .*", fault.challenge('Basic realm="x"'), repeated=True)
    with pytest.raises(RegistryDenied):
        await head(ask, credentials)
    assert len(ask.registry.seen) <= 2


async def test_a_token_is_renewed_at_80_percent_of_its_life(ask: Any) -> None:
    guard(ask, answers=[fault.document({"token": "good", "expires_in": 100})])
    async with ask.client(ME) as client:
        await client.head(NAME, TAG)
        ask.clock.seconds += 79
        await client.head(NAME, TAG)
        assert ask.count("GET /token.*") == 1
        ask.clock.seconds += 2
        await asyncio.gather(*(client.head(NAME, TAG) for _ in range(20)))
        assert ask.count("GET /token.*") == 2


async def test_a_token_that_still_lives_is_used_where_it_cannot_be_renewed(ask: Any, stored: Any) -> None:
    guard(ask, answers=[fault.document({"token": "good", "expires_in": 100}), fault.status(500)])
    async with ask.client(ME) as client:
        await client.head(NAME, TAG)
        ask.clock.seconds += 90
        assert await client.head(NAME, TAG) == stored[TAG].digest
        ask.clock.seconds += 20
        with pytest.raises(RegistryUnavailable):
            await client.head(NAME, TAG)


async def test_a_token_that_is_refused_is_renewed_once(ask: Any, stored: Any) -> None:
    guard(ask, answers=[fault.document({"token": "old"}), fault.document({"token": "good"})])
    async with ask.client(ME) as client:
        with pytest.raises(RegistryDenied):
            await client.head(NAME, TAG)
        assert ask.count("HEAD .*") == 2
        assert await client.head(NAME, TAG) == stored[TAG].digest
        assert (ask.count("HEAD .*"), ask.count("GET /token.*")) == (4, 2)


async def test_a_registry_that_takes_no_token_is_denied_after_one_renewal(ask: Any) -> None:
    """Harbor answers 401, not 403, to a valid token without permission."""
    guard(ask, "never")
    with pytest.raises(RegistryDenied):
        await head(ask, ME)
    assert (ask.count("HEAD .*"), ask.count("GET /token.*")) == (2, 1)


async def test_one_request_for_a_token_serves_all_that_wait(ask: Any, stored: Any) -> None:
    guard(ask)
    async with ask.client(ME) as client:
        assert len(await asyncio.gather(*(client.head(NAME, tag) for tag in stored))) == len(stored)
    assert ask.count("GET /token.*") == 1


async def test_whoever_gives_up_waiting_takes_the_token_from_nobody(ask: Any, stored: Any) -> None:
    asked = asyncio.Event()

    async def token(request: Any, usual: Any) -> Any:
        asked.set()
        return await fault.document({"token": "good"})(request, usual)

    guard(ask, answers=[token])
    async with ask.client(ME) as client:
        first = asyncio.create_task(client.head(NAME, TAG))
        second = asyncio.create_task(client.head(NAME, TAG))
        await asked.wait()
        first.cancel()
        assert await second == stored[TAG].digest
    assert ask.count("GET /token.*") == 1


async def test_each_repository_has_a_token_of_its_own(ask: Any, stored: Any) -> None:
    ask.registry.content["lab/other"] = stored
    guard(ask)
    async with ask.client(ME) as client:
        await client.head(NAME, TAG)
        await client.head("lab/other", TAG)
    assert ask.count(r"GET /token.*scope=repository%3Alab%2Fscience%3Apull") == 1
    assert ask.count(r"GET /token.*scope=repository%3Alab%2Fother%3Apull") == 1
    assert ask.count("HEAD .*") == 3


@pytest.mark.parametrize("fallback", [True, False])
async def test_expired_credentials_fall_back_to_anonymity_only_where_configured(ask: Any, fallback: bool) -> None:
    guard(ask, answers=[fault.status(401), fault.document({"token": "good"})])
    if fallback:
        await head(ask, ME, anonymous_fallback=True)
        assert "Authorization" not in ask.registry.seen[2].headers
    else:
        with pytest.raises(RegistryDenied):
            await head(ask, ME)
        assert ask.count("GET /token.*") == 1


async def test_no_cookie_is_kept(ask: Any) -> None:
    ask.play("HEAD .*", fault.changed(Set_Cookie="session=canary; Path=/"), repeated=True)
    async with ask.client() as client:
        await client.head(NAME, TAG)
        await client.head(NAME, TAG)
    assert all("Cookie" not in seen.headers for seen in ask.registry.seen)


async def test_nothing_is_taken_from_the_environment(ask: Any, monkeypatch: Any, tmp_path: Any) -> None:
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:1")
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login canary password canary\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    await head(ask)
    assert "Authorization" not in ask.registry.seen[0].headers


async def test_no_secret_is_in_a_log_or_a_traceback(ask: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    bad = [
        fault.status(401),
        fault.html(),
        fault.status(500, b"canary"),
        fault.truncated(),
        fault.redirect("/x?sig=canary"),
    ]
    guard(ask, "never", answers=[*bad, fault.document({"token": "canary-token"})])
    shown = []
    for _ in range(len(bad) + 2):
        with pytest.raises(RegistryError) as caught:
            await head(ask, ME, retries=0)
        shown += [*traceback.format_exception(caught.value), caught.value.sentence(), repr(caught.value)]
    assert "canary" not in "".join(shown) + caplog.text

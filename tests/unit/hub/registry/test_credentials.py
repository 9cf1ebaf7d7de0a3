import base64
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from strata_hub.errors import ConfigurationError
from strata_hub.registry import Credentials, CredentialSource

HOST = "registry.example.org:5000"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def write(folder: Path, document: Any) -> Path:
    path = folder / ".dockerconfigjson"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


@pytest.mark.parametrize("key", [HOST, f"https://{HOST}", f"http://{HOST}/v1/", f"{HOST}/v2", HOST.upper()])
@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"auth": encoded("me:a:b")}, Credentials("me", "a:b")),
        ({"auth": encoded("me:secret\0\0")}, Credentials("me", "secret")),
        ({"username": "me", "password": "ü"}, Credentials("me", "ü")),
        ({"auth": encoded("me:x"), "username": "other", "password": "y", "email": "a@b"}, Credentials("me", "x")),
        ({"auth": encoded("00000000:"), "identitytoken": "token"}, Credentials("00000000", "", "token")),
    ],
)
def test_reads_a_dockerconfigjson(tmp_path: Path, key: str, entry: Any, expected: Credentials) -> None:
    path = write(tmp_path, {"auths": {"other.example.org": {"auth": encoded("a:b")}, key: entry}})
    assert Credentials.from_dockerconfig(path, HOST) == expected


def test_docker_hub_has_many_names(tmp_path: Path) -> None:
    path = write(tmp_path, {"auths": {"https://index.docker.io/v1/": {"auth": encoded("me:x")}}})
    assert Credentials.from_dockerconfig(path, "docker.io") == Credentials("me", "x")


@pytest.mark.parametrize("key", ["registry.example.org", f"evil-{HOST}", f"{HOST}.evil", f"{HOST}/team", "*", ""])
def test_an_entry_for_another_host_is_not_ours(tmp_path: Path, key: str) -> None:
    path = write(tmp_path, {"auths": {key: {"auth": encoded("me:x")}}})
    assert Credentials.from_dockerconfig(path, HOST) is None
    with pytest.raises(ConfigurationError, match="no entry"):
        CredentialSource(dockerconfig=path).load(HOST)


@pytest.mark.parametrize(
    "document",
    [
        "",
        "[]",
        "{",
        "[" * 100_000,
        {"auths": []},
        {"auths": {HOST: []}},
        {"auths": {HOST: {}}},
        {"auths": {HOST: {"auth": "canary!"}}},
        {"auths": {HOST: {"auth": encoded("canary")}}},
        {"auths": {HOST: {"auth": base64.b64encode(b"canary\xff:x").decode()}}},
        {"auths": {HOST: {"username": "canary"}}},
        {"auths": {HOST: {"username": "canary", "password": 7}}},
        {"credHelpers": {HOST: "canary"}, "auths": {}},
        " " * (1 << 21),
    ],
)
def test_a_malformed_file_is_an_error_that_quotes_nothing_of_it(tmp_path: Path, document: Any) -> None:
    path = write(tmp_path, document)
    with pytest.raises(ConfigurationError) as caught:
        Credentials.from_dockerconfig(path, HOST)
    assert "canary" not in caught.value.sentence()
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        Credentials.from_dockerconfig(tmp_path / "none", HOST)


def test_reads_two_variables() -> None:
    environ = {"REGISTRY_USER": "me", "REGISTRY_PASSWORD": "x"}
    source = CredentialSource(username_variable="REGISTRY_USER", password_variable="REGISTRY_PASSWORD")
    assert source.load(HOST, environ) == Credentials("me", "x")


@pytest.mark.parametrize("environ", [{}, {"U": "canary"}, {"U": "canary", "P": ""}, {"P": "canary"}])
def test_a_missing_variable_is_an_error_that_quotes_no_value(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Credentials.from_environment("U", "P", environ)
    assert "canary" not in caught.value.sentence()


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"username_variable": "U"},
        {"dockerconfig": "/x", "username_variable": "U", "password_variable": "P"},
        {"dockerconfig": "/x", "password": "x"},
    ],
)
def test_a_source_is_one_file_or_two_variables(document: Any) -> None:
    with pytest.raises(ValidationError):
        CredentialSource.model_validate(document)


def test_credentials_do_not_show_themselves() -> None:
    mine = Credentials("canary", "canary", "canary")
    assert "canary" not in f"{mine} {mine!r} {[mine]} {vars(CredentialSource(dockerconfig=Path('x')))}"
    assert pickle.loads(pickle.dumps(mine)) == mine

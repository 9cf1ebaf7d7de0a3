"""How errors are told over REST: codes, sentences, no secrets."""

import errno
from collections.abc import Iterator

import pytest
from pydantic import BaseModel, ValidationError
from strata_lab import errors
from strata_lab.api.translate import log_text, translate
from strata_lab.cli.exits import Exit, exit_for
from tornado.web import HTTPError


def _all(kind: type[errors.StrataError]) -> Iterator[type[errors.StrataError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _all(child)


@pytest.mark.parametrize("kind", sorted(set(_all(errors.StrataError)), key=lambda kind: kind.__name__))
def test_each_error_has_a_status_a_code_and_an_exit_code(kind: type[errors.StrataError]) -> None:
    status, document = translate(kind("It is so.", hint="Do that."))
    assert 400 <= status <= 599
    assert (document.code, document.message, document.hint) == (kind.code, "It is so.", "Do that.")
    assert exit_for(kind("x")) is not Exit.DONE


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.InvalidInput, 2),
        (errors.ConsentNeeded, 3),
        (errors.Busy, 4),
        (errors.Unsatisfiable, 4),
        (errors.Refused, 5),
        (errors.NotFound, 6),
        (errors.NoSpace, 7),
        (errors.BackendFailed, 1),
        (errors.Cancelled, 130),
    ],
)
def test_exit_codes_are_what_the_help_promises(kind: type[errors.StrataError], code: int) -> None:
    assert exit_for(kind("x")) == code


def test_no_two_errors_share_a_code() -> None:
    codes = [kind.code for kind in set(_all(errors.StrataError))]
    assert len(codes) == len(set(codes))


def test_what_nobody_foresaw_is_told_without_its_text() -> None:
    status, document = translate(RuntimeError("token=hunter2 at /home/ada"))
    assert status == 500
    assert "hunter2" not in document.model_dump_json()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_named(number: int) -> None:
    status, document = translate(OSError(number, "full"))
    assert (status, document.code) == (507, "no_space")


def test_credentials_in_addresses_reach_neither_client_nor_log() -> None:
    error = errors.BackendFailed("https://ada:hunter2@index.example/simple cannot be read.")
    assert "hunter2" not in translate(error)[1].message
    assert "hunter2" not in log_text(error)
    with pytest.raises(ValueError, match="hunter2") as unforeseen:
        int("https://ada:hunter2@index.example/simple")
    assert "hunter2" not in log_text(unforeseen.value)
    assert "test_translate" in log_text(unforeseen.value)


def test_a_wrong_document_names_the_field_and_not_the_value() -> None:
    class Document(BaseModel):
        size: int

    with pytest.raises(ValidationError) as caught:
        Document.model_validate({"size": "hunter2"})
    status, document = translate(caught.value)
    assert (status, document.code) == (400, "input")
    assert "size" in document.message
    assert "hunter2" not in document.message


@pytest.mark.parametrize("status", [403, 404, 405, 413, 599])
def test_the_frameworks_own_errors_have_the_same_form(status: int) -> None:
    assert translate(HTTPError(status, "internal words"))[0] == status
    assert "internal" not in translate(HTTPError(status, "internal words"))[1].message

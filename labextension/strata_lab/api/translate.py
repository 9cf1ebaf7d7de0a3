"""The one place that turns an exception into what a client is told."""

import errno
import re
import traceback
from http import HTTPStatus

from pydantic import ValidationError
from tornado.web import HTTPError

from strata_lab.api.models import ErrorDocument
from strata_lab.errors import InvalidInput, NoSpace, StrataError

_USERINFO = re.compile(r"://[^/@\s]+@", re.ASCII)


def without_secrets(text: str) -> str:
    """Return text with the credentials of URLs in it blanked."""
    return _USERINFO.sub("://***@", text)


def explain_validation(error: ValidationError) -> InvalidInput:
    """Return pydantic's findings as one sentence that names the fields."""
    findings = []
    for item in error.errors(include_url=False, include_context=False, include_input=False)[:5]:
        where = ".".join(str(part) for part in item["loc"])
        findings.append(f"{where}: {item['msg']}" if where else item["msg"])
    return InvalidInput("The request is not valid: " + "; ".join(findings) + ".")


def translate(error: BaseException) -> tuple[int, ErrorDocument]:
    """Return the HTTP status and the document that tell an error to a client.

    What was not raised on purpose is told without its text, which may hold paths or secrets.
    """
    if isinstance(error, ValidationError):
        error = explain_validation(error)
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        error = NoSpace("There is no space left for this.", hint="Free some space in the home directory.")
    if isinstance(error, StrataError):
        message, hint = without_secrets(str(error)), without_secrets(error.hint)
        return error.status, ErrorDocument(code=error.code, message=message, hint=hint)
    if isinstance(error, HTTPError):
        try:
            phrase = HTTPStatus(error.status_code).phrase
        except ValueError:
            phrase = "Error"
        return error.status_code, ErrorDocument(code=f"http.{error.status_code}", message=f"{phrase}.", hint="")
    return 500, ErrorDocument(
        code="internal", message="Something unexpected went wrong.", hint="The server's log says what."
    )


def log_text(error: BaseException) -> str:
    """Return what the log keeps of an error: a sentence when it was raised on purpose, else where it came from."""
    if isinstance(error, StrataError):
        return without_secrets(error.sentence())
    return without_secrets("".join(traceback.format_exception(error)))

"""The image contract: where an image keeps its machinery and its stack, and what it promises.

An image is frozen for years while the hub moves on, so the two agree through this document alone
(``tests/contracts/image.schema.json``). Paths are absolute; an unknown key is refused, never guessed.
"""

import json
import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from strata_lab.errors import StackUnusable

DEFAULT_PATH = Path("/etc/strata/image.json")
PATH_VARIABLE = "STRATA_IMAGE_CONTRACT"
MACHINERY_NAMES = (
    "jupyter-server",
    "jupyterhub",
    "jupyterlab",
    "jupyterlab-server",
    "notebook",
    "strata-hub",
    "strata-lab",
)


def _absolute(path: Path) -> Path:
    if not path.is_absolute() or "\0" in str(path):
        raise ValueError("an absolute path is needed")
    return path


AbsolutePath = Annotated[Path, AfterValidator(_absolute)]


class StackKind(StrEnum):
    """How an image's science software is laid out."""

    PREFIX = "prefix"
    VENV = "venv"
    CONDA = "conda"
    SCRIPT = "script"


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Activation(_Document):
    """A shell script that sets a stack up, and the user's own script that may run after it.

    Attributes
    ----------
    script
        Sourced by ``bash`` before the interpreter starts.
    arguments
        Words given to the script.
    user_setup
        A script of the user's, relative to the home when it starts with ``~/``; null where there is no such custom.
    """

    script: AbsolutePath
    arguments: tuple[str, ...] = ()
    user_setup: str | None = None


class MachineryContract(_Document):
    """The JupyterLab that the user meets.

    Attributes
    ----------
    prefix
        The folder that holds it; equal to the stack's prefix where an image has one Python for both.
    names
        Canonical names of distributions that a user's environment may never hold.
    """

    prefix: AbsolutePath
    names: tuple[str, ...] = MACHINERY_NAMES


class StackContract(_Document):
    """The science software of the image."""

    title: str = Field(min_length=1, max_length=200)
    kind: StackKind
    python: AbsolutePath
    activation: Activation | None = None

    @model_validator(mode="after")
    def _script_needs_activation(self) -> Self:
        if self.kind is StackKind.SCRIPT and self.activation is None:
            raise ValueError("a stack of kind 'script' needs an activation")
        return self


class Index(_Document):
    """A package index (PEP 503 or 691); earlier ones own the names that they list."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")
    url: str

    @field_validator("url")
    @classmethod
    def _plain_http(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("an http or https address without query or fragment is needed")
        if parts.username or parts.password:
            raise ValueError("credentials do not belong into the contract, which every user can read")
        return url


class ImageContract(_Document):
    """What ``/etc/strata/image.json`` says."""

    contract: Literal[1]
    machinery: MachineryContract
    stack: StackContract
    indexes: tuple[Index, ...] = ()
    channels: tuple[str, ...] = ()
    environments: AbsolutePath | None = None
    cache: AbsolutePath | None = None

    @field_validator("indexes")
    @classmethod
    def _distinct(cls, indexes: tuple[Index, ...]) -> tuple[Index, ...]:
        if len({index.name for index in indexes}) != len(indexes):
            raise ValueError("two indexes have one name")
        return indexes

    @property
    def one_python(self) -> bool:
        """Whether machinery and stack are the same prefix, so that they cannot be kept apart."""
        return self.stack.python.parent.parent.resolve() == self.machinery.prefix.resolve()


def contract_path(environ: Mapping[str, str] | None = None) -> Path:
    """Return where the contract is looked for."""
    return Path((os.environ if environ is None else environ).get(PATH_VARIABLE) or DEFAULT_PATH)


def load(path: Path | None = None) -> ImageContract:
    """Read the contract of the image that this process runs in.

    Raises
    ------
    StackUnusable
        If there is none, or it does not say what it must.
    """
    path = contract_path() if path is None else path
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StackUnusable(
            f"The image contract {path} cannot be read: {error}.", hint="The image must say where its stack is."
        ) from error
    return parse(text, name=str(path))


def parse(text: str, *, name: str = "the image contract") -> ImageContract:
    """Return the contract that a text holds.

    Raises
    ------
    StackUnusable
        Naming the first key that is wrong.
    """
    try:
        return ImageContract.model_validate(json.loads(text))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        raise StackUnusable(f"{name} is not a valid image contract: {where}: {first['msg']}.") from error
    except ValueError as error:
        raise StackUnusable(f"{name} is not JSON: {error}.") from error

"""Durations, memory and references to secrets, as people write them in a configuration."""

import os
import re
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, SecretStr, WithJsonSchema, model_validator

from .errors import ConfigurationError

_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_BYTES = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,6})?) ?([smhdw]?)", re.ASCII)
_MEMORY = re.compile(r"(\d{1,15}(?:\.\d{1,6})?) ?([KMGT]?)(?:i?B?)", re.ASCII)
_SECRET_LIMIT = 64 * 1024


def seconds(value: object) -> float:
    """Return the seconds that ``90``, ``90s``, ``5m``, ``1h``, ``7d`` or ``2w`` mean; refuse anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("a duration is a number of seconds, or text such as 30s, 5m, 1h, 7d")
    return float(match[1]) * _SECONDS[match[2]]


def memory(value: object) -> int:
    """Return the bytes that ``1073741824``, ``1G`` or ``512M`` mean (powers of 1024, as KubeSpawner reads them)."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _MEMORY.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("an amount of memory is a number of bytes, or text such as 512M or 4G")
    return int(float(match[1]) * _BYTES[match[2]])


Duration = Annotated[
    float,
    BeforeValidator(seconds),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^\d+(\.\d+)? ?[smhdw]?$"}]}),
]
"""Seconds."""
Memory = Annotated[
    int,
    BeforeValidator(memory),
    WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "string", "pattern": r"^\d+(\.\d+)? ?[KMGT]?i?B?$"}]}),
]
"""Bytes."""


class SecretReference(BaseModel):
    """Where a secret is kept; a configuration never holds one itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    env: str | None = None
    """Name of the environment variable that holds it."""
    file: Path | None = None
    """Path of the file that holds it, on one line."""

    @model_validator(mode="before")
    @classmethod
    def _not_the_secret_itself(cls, value: object) -> object:
        if isinstance(value, str):
            # The value is not repeated: it may well be the secret.
            raise ValueError("a secret is given by reference: {env: NAME} or {file: PATH}, never itself")  # noqa: TRY004 - pydantic reports ValueError only
        return value

    @model_validator(mode="after")
    def _one_place(self) -> "SecretReference":
        if (self.env is None) == (self.file is None):
            raise ValueError("name exactly one of env and file")
        return self

    def resolve(self, purpose: str) -> SecretStr:
        """Return the secret.

        Parameters
        ----------
        purpose
            What it is for, as the subject of the error's sentence.

        Raises
        ------
        ConfigurationError
            If the variable is unset or empty, or the file is missing, unreadable, empty or absurdly long.
        """
        if self.env is not None:
            value = os.environ.get(self.env, "")
            where = f"the environment variable {self.env}"
        else:
            where = f"the file {self.file}"
            try:
                with Path(str(self.file)).open("rb") as file:
                    value = file.read(_SECRET_LIMIT).decode().strip()
            except OSError as error:
                raise ConfigurationError(
                    f"{purpose} cannot be read from {where}: {error.strerror or error}.",
                    hint="Mount the file, and let this user read it.",
                ) from error
            except UnicodeDecodeError as error:
                raise ConfigurationError(
                    f"{purpose} in {where} is not text.", hint="Write the secret there."
                ) from error
        if not value:
            raise ConfigurationError(f"{purpose} is not set: {where} is empty or missing.", hint="Set it.")
        return SecretStr(value)

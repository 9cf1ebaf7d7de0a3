"""What may be asked: one closed union of change requests, the same for Python, REST and the command."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from strata_lab.environments import Action, EnvironmentName, Kind
from strata_lab.errors import InvalidInput

Requirements = Annotated[tuple[Annotated[str, Field(max_length=500)], ...], Field(max_length=500)]
Names = Annotated[tuple[Annotated[str, Field(max_length=200)], ...], Field(max_length=500)]


class _Change(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    environment: EnvironmentName

    @property
    def asked(self) -> tuple[str, ...]:
        """What the user wrote, for records."""
        return ()


class Create(_Change):
    """Make an environment, with packages or without."""

    action: Literal[Action.CREATE] = Action.CREATE
    kind: Kind = Kind.OVERLAY
    requirements: Requirements = ()
    python: Annotated[str, Field(max_length=40)] | None = None

    @property
    def asked(self) -> tuple[str, ...]:
        """The requirements."""
        return self.requirements


class Install(_Change):
    """Add packages, or change the version that is asked for."""

    action: Literal[Action.INSTALL] = Action.INSTALL
    requirements: Annotated[Requirements, Field(min_length=1)]

    @property
    def asked(self) -> tuple[str, ...]:
        """The requirements."""
        return self.requirements


class Upgrade(_Change):
    """Bring packages to the newest versions that fit; all that were asked for when no name is given."""

    action: Literal[Action.UPGRADE] = Action.UPGRADE
    names: Names = ()

    @property
    def asked(self) -> tuple[str, ...]:
        """The names."""
        return self.names


class Remove(_Change):
    """Take packages out of the intent; what only they needed goes with them."""

    action: Literal[Action.REMOVE] = Action.REMOVE
    names: Annotated[Names, Field(min_length=1)]

    @property
    def asked(self) -> tuple[str, ...]:
        """The names."""
        return self.names


class Undo(_Change):
    """Go back to what was before the last change."""

    action: Literal[Action.UNDO] = Action.UNDO


class Redo(_Change):
    """Take back an undo."""

    action: Literal[Action.REDO] = Action.REDO


class Clone(_Change):
    """Make a second environment with the same intent and lock."""

    action: Literal[Action.CLONE] = Action.CLONE
    new_name: EnvironmentName

    @property
    def asked(self) -> tuple[str, ...]:
        """The new name."""
        return (self.new_name,)


class Rename(_Change):
    """Give an environment another name."""

    action: Literal[Action.RENAME] = Action.RENAME
    new_name: EnvironmentName

    @property
    def asked(self) -> tuple[str, ...]:
        """The new name."""
        return (self.new_name,)


class Delete(_Change):
    """Put an environment into the bin."""

    action: Literal[Action.DELETE] = Action.DELETE


class Restore(_Change):
    """Take the environment of this name that was deleted last, or one particular entry, out of the bin."""

    action: Literal[Action.RESTORE] = Action.RESTORE
    entry: Annotated[str, Field(max_length=120)] | None = None


class Adopt(_Change):
    """Make what an installer did by hand in the environment part of the intent."""

    action: Literal[Action.ADOPT] = Action.ADOPT


class Rebuild(_Change):
    """Realise the intent on the stack at hand: from the lock where it fits, else resolved anew."""

    action: Literal[Action.REBUILD] = Action.REBUILD


class Import(_Change):
    """Make an environment from a file's text: ``requirements``, ``pylock``, ``environment-yml`` or ``rattler-lock``."""

    action: Literal[Action.IMPORT] = Action.IMPORT
    format: Literal["requirements", "pylock", "environment-yml", "rattler-lock"]
    text: Annotated[str, Field(max_length=2_000_000)]


ChangeRequest = Annotated[
    Create | Install | Upgrade | Remove | Undo | Redo | Clone | Rename | Delete | Restore | Adopt | Rebuild | Import,
    Field(discriminator="action"),
]
_ADAPTER: TypeAdapter[ChangeRequest] = TypeAdapter(ChangeRequest)


def parse_change(document: object) -> ChangeRequest:
    """Return the change that a JSON document asks for.

    Raises
    ------
    InvalidInput
        Naming the first part that is wrong.
    """
    try:
        return _ADAPTER.validate_python(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "request"
        raise InvalidInput(f"{where}: {first['msg']}.") from error

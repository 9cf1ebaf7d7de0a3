"""What can go wrong in strata-hub.

::

    StrataError                      error
    ├── ConfigurationError           configuration
    ├── RegistryError                registry
    │   ├── RegistryUnavailable      registry.unavailable
    │   ├── RegistryDenied           registry.denied
    │   ├── RegistryLimited          registry.limited
    │   ├── RegistryNotFound         registry.not_found
    │   ├── RegistryProtocolError    registry.protocol
    │   └── RegistryShrunk           registry.shrunk
    ├── StateError                   state
    │   ├── StateUnavailable         state.unavailable
    │   └── StateInvalid             state.invalid
    ├── StoreError                   store
    ├── InvalidRequest               request
    ├── HubUnavailable               hub
    ├── ChoiceError                  choice
    │   ├── InvalidOption            choice.invalid
    │   ├── ImageNotAllowed          choice.image
    │   └── SizeNotAllowed           choice.size
    └── LabFailed                    lab
        ├── LabImageFailed           lab.image
        ├── LabOutOfMemory           lab.memory
        ├── LabCrashed               lab.crash
        ├── LabUnschedulable         lab.node
        ├── LabRemoved               lab.removed
        ├── LabRefused               lab.refused
        ├── LabTooSlow               lab.slow
        └── ClusterSilent            lab.cluster

Each class carries a stable ``code`` for programs; ``str(error)`` is one sentence for people, ``hint`` what to do.
"""

from typing import ClassVar


class StrataError(Exception):
    """Root of every error that strata-hub raises on purpose.

    Parameters
    ----------
    message
        One sentence: what failed, and why.
    hint
        What the reader can do about it, or an empty string.
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def sentence(self) -> str:
        """Return the message and the hint as one line of text."""
        return f"{self} {self.hint}".strip()


class ConfigurationError(StrataError):
    """A configuration is missing, malformed, or names an unknown key."""

    code = "configuration"


class RegistryError(StrataError):
    """A registry did not give what was asked of it."""

    code = "registry"
    status = 502


class RegistryUnavailable(RegistryError):
    """The registry cannot be reached, or keeps failing after every retry."""

    code = "registry.unavailable"
    status = 503


class RegistryDenied(RegistryError):
    """The registry refuses these credentials, or they may not be sent where it points."""

    code = "registry.denied"


class RegistryLimited(RegistryError):
    """The registry asks to be left alone for a while."""

    code = "registry.limited"
    status = 503


class RegistryNotFound(RegistryError):
    """The repository, manifest or blob does not exist."""

    code = "registry.not_found"
    status = 404


class RegistryProtocolError(RegistryError):
    """An answer breaks the protocol, its own digest, or a limit on size."""

    code = "registry.protocol"


class RegistryShrunk(RegistryError):
    """A list of tags lost so many that it is not believed before a second one agrees."""

    code = "registry.shrunk"


class StateError(StrataError):
    """There is no usable menu state."""

    code = "state"
    status = 503


class StateUnavailable(StateError):
    """The menu state cannot be read, and there is no last good copy."""

    code = "state.unavailable"


class StateInvalid(StateError):
    """A menu state does not follow its contract."""

    code = "state.invalid"


class StoreError(StrataError):
    """The catalogue's database cannot be read or written."""

    code = "store"
    status = 503


class HubUnavailable(StrataError):
    """The hub, or the file in its place, does not tell what runs."""

    code = "hub"
    status = 503


class InvalidRequest(StrataError):
    """The body of a request to the service is not what its route takes."""

    code = "request"
    status = 400


class ChoiceError(StrataError):
    """Options do not lead to an image and a size that this user may start."""

    code = "choice"
    status = 400


class InvalidOption(ChoiceError):
    """An option is unknown, or its value has the wrong type or form."""

    code = "choice.invalid"


class ImageNotAllowed(ChoiceError):
    """The image is not among those that this user may start."""

    code = "choice.image"
    status = 403


class SizeNotAllowed(ChoiceError):
    """The size is not among those that this user may start."""

    code = "choice.size"
    status = 403


class LabFailed(StrataError):
    """A lab could not be started, or ended before it answered."""

    code = "lab"


class LabImageFailed(LabFailed):
    """The image cannot be pulled."""

    code = "lab.image"
    status = 400


class LabOutOfMemory(LabFailed):
    """The size has too little memory for the lab."""

    code = "lab.memory"
    status = 400


class LabCrashed(LabFailed):
    """The program of the lab ends instead of serving."""

    code = "lab.crash"
    status = 400


class LabUnschedulable(LabFailed):
    """No node takes the lab."""

    code = "lab.node"
    status = 503


class LabRemoved(LabFailed):
    """Something else ended the pod."""

    code = "lab.removed"
    status = 503


class LabRefused(LabFailed):
    """Kubernetes refuses to create the pod: a quota, an admission rule, an invalid value."""

    code = "lab.refused"
    status = 400


class LabTooSlow(LabFailed):
    """The lab was not ready in time."""

    code = "lab.slow"
    status = 504


class ClusterSilent(LabFailed):
    """The API server did not answer for too long."""

    code = "lab.cluster"
    status = 503

"""Turn a judgement into the part of the menu state that a spawner reads. Pure."""

from .catalogue import Catalogue
from .judgement import Judgement
from .state import Payload, RepositoryError


def payload(
    name: str,
    title: str,
    scheme: str,
    catalogue: Catalogue,
    judgement: Judgement,
    error: RepositoryError | None = None,
) -> Payload:
    """Return the payload `name` of a menu state.

    Parameters
    ----------
    error
        The last thing that went wrong with the repository, None when the last listing succeeded.
    """
    raise NotImplementedError

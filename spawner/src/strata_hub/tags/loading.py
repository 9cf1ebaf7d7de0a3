"""Find the tag schemes that this installation knows, by entry point."""

from collections.abc import Iterable
from importlib.metadata import entry_points

from strata_hub.errors import ConfigurationError

from .model import TagScheme

GROUP = "strata_hub.tag_schemes"


def known_schemes() -> tuple[str, ...]:
    """Return the names of all schemes, sorted."""
    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))


def scheme(name: str, aliases: Iterable[str] = ()) -> TagScheme:
    """Return the scheme called `name`.

    Parameters
    ----------
    name
        Name of an entry point in the group ``strata_hub.tag_schemes``.
    aliases
        Names that the deployment uses as aliases, besides those of convention.

    Raises
    ------
    ConfigurationError
        If there is no such scheme, it cannot be loaded, or an alias can never be a tag.
    """
    found = [point for point in entry_points(group=GROUP) if point.name == name]
    if not found:
        raise ConfigurationError(f"There is no tag scheme {name!r}.", hint=f"Known are {', '.join(known_schemes())}.")
    try:
        load = found[0].load()
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"The tag scheme {name!r} cannot be loaded from {found[0].value}: {error}.",
            hint="Install or repair the distribution that brings it.",
        ) from error
    parsed: TagScheme = load(aliases=tuple(aliases))
    return parsed

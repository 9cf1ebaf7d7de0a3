"""``strata-hub tags``: check and explain the tags of a repository."""

import click


@click.group()
def tags() -> None:
    """Check and explain the tags of a repository."""

"""Tag schemes: what the tags of a repository mean, and their order. Pure."""

from .model import Tag, TagKind, TagScheme

__all__ = ["Tag", "TagKind", "TagScheme"]

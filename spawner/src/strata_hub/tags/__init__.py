"""Tag schemes: what the tags of a repository mean, and their order. Pure."""

from .fields import Fields, NotInScheme
from .foreign import attached_to
from .grammar import Form, GrammarScheme, Head
from .loading import known_schemes, scheme
from .model import Tag, TagKind, TagScheme

__all__ = [
    "Fields",
    "Form",
    "GrammarScheme",
    "Head",
    "NotInScheme",
    "Tag",
    "TagKind",
    "TagScheme",
    "attached_to",
    "known_schemes",
    "scheme",
]

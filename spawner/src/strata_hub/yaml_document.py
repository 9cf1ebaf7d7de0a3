"""YAML for people: duplicate keys are refused, and every value knows the line it stands on."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from .errors import ConfigurationError

LIMIT = 4 * 1024 * 1024
"""Bytes; far above any configuration, far below what hurts."""

_PARTS = 100_000

Location = tuple[str | int, ...]


@dataclass(frozen=True)
class YamlDocument:
    """The data of one YAML file and where each part of it stands."""

    source: str
    """Name for messages: a path."""
    data: Any
    lines: Mapping[Location, int] = field(default_factory=dict)
    """Line number, from 1, of each key and list item by its path."""

    def line(self, location: Sequence[str | int]) -> int:
        """Return the line of `location`, or of the nearest thing around it that exists."""
        path = tuple(location)
        while path:
            if path in self.lines:
                return self.lines[path]
            path = path[:-1]
        return self.lines.get((), 1)


class _Loader(yaml.SafeLoader):
    """YAML 1.1 without objects, and without keys that win over their namesakes in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: dict[Hashable, int] = {}
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                continue
            line = key_node.start_mark.line + 1
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"the key {key!r} stands here again; it was first given on line {seen[key]}",
                    problem_mark=key_node.start_mark,
                )
            seen[key] = line
        return super().construct_mapping(node, deep=deep)


def parse(text: str, source: str) -> YamlDocument:
    """Return the document that `text` holds.

    Raises
    ------
    ConfigurationError
        If it is not YAML, holds a key twice, or holds more than one document.
    """
    loader = None
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        if root is None:
            return YamlDocument(source, None)
        lines: dict[Location, int] = {}
        _note_lines(root, (), lines, frozenset())
        data = loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{source}, line {mark.line + 1}" if mark else source
        raise ConfigurationError(
            f"{where}: {error.problem or error.context or 'this is not YAML'}.",
            hint="Correct the line; `strata-hub check` reads the file without starting anything.",
        ) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error).splitlines()[0]
        raise ConfigurationError(f"{source} cannot be read as YAML: {reason}.", hint="Correct the file.") from error
    finally:
        if loader is not None:
            loader.dispose()
    return YamlDocument(source, data, lines)


def read(path: Path) -> YamlDocument:
    """Return the document in the file `path`.

    Raises
    ------
    ConfigurationError
        If the file cannot be read, is too large, is not UTF-8, or is not YAML without duplicate keys.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LIMIT + 1)
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error.strerror or error}.",
            hint="Give the path of the deployment's configuration, and let this user read it.",
        ) from error
    if len(content) > LIMIT:
        raise ConfigurationError(f"{path} is larger than {LIMIT // 1024 // 1024} MiB.", hint="Is it the right file?")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(f"{path}, line {line}: this is not UTF-8 text.", hint="Save it as UTF-8.") from error
    return parse(text, str(path))


def _note_lines(node: yaml.Node, path: Location, lines: dict[Location, int], above: frozenset[int]) -> None:
    lines.setdefault(path, node.start_mark.line + 1)
    if id(node) in above:
        raise yaml.constructor.ConstructorError(problem="an alias that contains itself", problem_mark=node.start_mark)
    if len(lines) > _PARTS:
        raise yaml.constructor.ConstructorError(
            problem=f"aliases make this more than {_PARTS} parts", problem_mark=node.start_mark
        )
    above |= {id(node)}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                lines[(*path, key.value)] = key.start_mark.line + 1
                _note_lines(value, (*path, key.value), lines, above)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _note_lines(item, (*path, index), lines, above)

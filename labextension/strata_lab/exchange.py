"""Environments as files (requirements, pylock.toml, environment.yml, rattler.lock), and intents read from them."""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import yaml
from packaging.utils import canonicalize_name

from strata_lab import matchspecs, specs
from strata_lab.backends import conda_lock
from strata_lab.backends.pylock import lock_text, read_lock
from strata_lab.environments import Intent, Kind, Record
from strata_lab.errors import InvalidInput, Refused, StrataError


@dataclass(frozen=True, slots=True)
class Imported:
    """What a file asks for.

    Attributes
    ----------
    hashes
        By ``name==version``: the SHA-256 values that the file allows; empty where it says nothing.
    """

    intent: Intent
    hashes: Mapping[str, frozenset[str]]


def export(record: Record, form: str) -> str:
    """Return a generation as a file's text.

    Parameters
    ----------
    form
        ``requirements``, ``pylock``, ``environment-yml`` or ``rattler-lock``.

    Raises
    ------
    InvalidInput
        If there is no such form for this kind of environment.
    """
    writers: dict[tuple[str, Kind], Callable[[Record], str]] = {
        ("requirements", Kind.OVERLAY): _requirements,
        ("pylock", Kind.OVERLAY): lambda record: lock_text(record.locked),
        ("environment-yml", Kind.OVERLAY): _environment,
        ("environment-yml", Kind.CONDA): _environment,
        ("rattler-lock", Kind.CONDA): lambda record: conda_lock.write_lock(record.locked),
    }
    writer = writers.get((form, record.intent.kind))
    if writer is None:
        raise InvalidInput(f"An environment of kind {record.intent.kind} cannot be written as {form[:40]!r}.")
    return writer(record)


def read(text: str, form: str) -> Imported:
    """Return what a file's text asks for.

    Raises
    ------
    InvalidInput, Refused
        If it is not such a file, or asks for more than names and versions.
    """
    readers = {
        "requirements": _from_requirements,
        "pylock": _from_pylock,
        "environment-yml": _from_environment,
        "rattler-lock": _from_rattler_lock,
    }
    reader = readers.get(form)
    if reader is None:
        raise InvalidInput(f"Files of the form {form!r} cannot be read here.")
    return reader(text)


def _requirements(record: Record) -> str:
    lines = [f"# {record.environment}, on {record.stack.title} (Python {record.stack.python})"]
    lines += [f"{item.pin} \\\n    --hash=sha256:{item.sha256}" for item in record.locked]
    return "\n".join(lines) + "\n"


def _environment(record: Record) -> str:
    intent = record.intent
    if intent.kind is Kind.CONDA:
        wanted: list[object] = list(intent.requirements)
        if intent.python:
            wanted.insert(0, f"python={intent.python}")
        document: dict[str, object] = {"name": record.environment, "channels": list(record.channels)}
        return yaml.safe_dump(document | {"dependencies": wanted}, sort_keys=False)
    pip: list[object] = [f"python={record.stack.python}", "pip", {"pip": [item.pin for item in record.locked]}]
    return yaml.safe_dump({"name": record.environment, "dependencies": pip}, sort_keys=False)


def _from_requirements(text: str) -> Imported:
    wanted, hashes = [], {}
    for line in _logical(text):
        words = line.split()
        sums = [word.partition("sha256:")[2] for word in words if word.startswith("--hash=")]
        spec = specs.parse(" ".join(word for word in words if not word.startswith("--hash=")))
        wanted.append(str(spec))
        if sums:
            if not all(len(value) == 64 and value.isalnum() for value in sums):  # noqa: PLR2004 - SHA-256
                raise InvalidInput(f"The hashes of {spec.name} are not SHA-256.")
            hashes[_key(str(spec))] = frozenset(sums)
    return Imported(Intent(requirements=tuple(str(spec) for spec in specs.parse_all(wanted))), hashes)


def _logical(text: str) -> Iterable[str]:
    for line in text.replace("\\\r\n", " ").replace("\\\n", " ").splitlines():
        stripped = line.split(" #")[0].strip()
        if stripped and not stripped.startswith("#"):
            yield stripped


def _from_pylock(text: str) -> Imported:
    try:
        document = tomllib.loads(text)
        locked = read_lock(document)
    except (tomllib.TOMLDecodeError, StrataError, RecursionError) as error:
        raise InvalidInput("This is not a pylock.toml.") from error
    pins = [str(specs.parse(item.pin)) for item in locked]
    hashes: dict[str, frozenset[str]] = {}
    for package in document["packages"]:
        files = [*(package.get("wheels") or []), *([package["sdist"]] if package.get("sdist") else [])]
        sums = frozenset(str(file["hashes"]["sha256"]) for file in files if "sha256" in file.get("hashes", {}))
        if not sums:
            raise Refused(f"The lock has no SHA-256 for {str(package.get('name'))[:80]!r}.")
        hashes[_key(f"{package['name']}=={package.get('version', '')}")] = sums
    return Imported(Intent(requirements=tuple(pins)), hashes)


def _from_environment(text: str) -> Imported:
    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise InvalidInput("This is not an environment.yml.") from error
    wanted = document.get("dependencies") if isinstance(document, dict) else None
    if not isinstance(wanted, list):
        raise InvalidInput("This environment.yml has no list of dependencies.")
    pip = [line for item in wanted if isinstance(item, dict) for line in item.get("pip") or []]
    conda = [item for item in wanted if isinstance(item, str)]
    if any(not isinstance(item, str) and (not isinstance(item, dict) or list(item) != ["pip"]) for item in wanted):
        raise InvalidInput("This environment.yml has dependencies that are neither packages nor a list for pip.")
    python, rest = None, []
    for line in conda:
        spec = matchspecs.parse(line)
        if spec.name == "python":
            python = spec.version.lstrip("= ") or None
        elif spec.name != "pip":
            rest.append(str(spec))
    if pip and not rest:
        return Imported(Intent(requirements=tuple(str(spec) for spec in specs.parse_all(map(str, pip)))), {})
    if pip:
        raise Refused(
            "This environment.yml mixes conda's packages with pip's.",
            hint="Import the conda part, and add the others to an overlay.",
        )
    return Imported(Intent(kind=Kind.CONDA, requirements=tuple(rest), python=python), {})


def _from_rattler_lock(text: str) -> Imported:
    locked = conda_lock.read_lock(text)
    pins = tuple(str(matchspecs.parse(f"{item.name} =={item.version}")) for item in locked)
    hashes = {_key(item.pin): frozenset({str(item.sha256)}) for item in locked}
    return Imported(Intent(kind=Kind.CONDA, requirements=pins), hashes)


def _key(pin: str) -> str:
    name, _, version = pin.partition("==")
    return f"{canonicalize_name(name.split('[')[0])}=={version}"

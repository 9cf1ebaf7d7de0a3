"""Names that no scheme can give a meaning to, and what they are."""

import re

MAX_LENGTH = 128
"""Characters that a tag may have at most (OCI distribution specification)."""

_ATTACHED = re.compile(r"(sha256-[0-9a-f]{64})(?:\.(sig|att|sbom))?", re.ASCII)
_ATTACHMENTS = {
    "sig": "it is the signature of",
    "att": "it is an attestation about",
    "sbom": "it is the software bill of materials of",
    None: "it lists what is attached to",
}
_FORBIDDEN = re.compile(r"[^A-Za-z0-9._-]", re.ASCII)


def attached_to(text: str) -> str:
    """Return the digest that the tag `text` signs, attests or describes, or an empty string."""
    found = _ATTACHED.fullmatch(text)
    return found[1].replace("-", ":") if found else ""


def why_no_tag(text: str) -> str:
    """Return why no scheme can recognise `text`, as the end of a sentence, or an empty string."""
    if not text:
        return "it is empty"
    if len(text) > MAX_LENGTH:
        return f"it has {len(text)} characters, and a tag has at most {MAX_LENGTH}"
    return _bad_character(text) or _attachment(text)


def _bad_character(text: str) -> str:
    bad = _FORBIDDEN.search(text)
    if bad and text[bad.start() :] in ("\n", "\r\n", "\r"):
        return "it ends with a line break"
    if bad:
        return f"no tag may have the character {bad[0]!a} (at position {bad.start() + 1})"
    return f"no tag starts with {text[0]!r}" if text[0] in ".-" else ""


def _attachment(text: str) -> str:
    found = _ATTACHED.fullmatch(text)
    return f"{_ATTACHMENTS[found[2]]} the image {attached_to(text)}, not an image" if found else ""

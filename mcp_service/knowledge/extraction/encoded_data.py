"""Removes data URIs and long base64 from a text: nobody searches for them, and they part what belongs together."""

import re

MIN_LENGTH = 200
"""Characters from which a run of base64 is removed outside of links and images."""

_PAYLOAD = r"(?:[^\s\"'<>()\[\]`]|\([^\s()]*\))"
_URI = rf"data:(?:[\w.+-]+/[\w.+-]+)?(?:;[\w=.+-]+)*,{_PAYLOAD}"
_LINK = re.compile(rf"!?\[([^\[\]\n]{{0,1000}})\]\([ \t]*<?{_URI}*>?(?:[ \t]+(?:\"[^\"\n]*\"|'[^'\n]*'))?[ \t]*\)")
_DEFINITION = re.compile(rf"^ {{0,3}}\[([^\[\]\n]{{1,1000}})\]:[ \t]*<?{_URI}*.*$", re.MULTILINE)
_REFERENCE = re.compile(r"!\[([^\[\]\n]{0,1000})\]\[([^\[\]\n]{1,1000})\]")
_TAG = re.compile(rf"<img\b[^<>]*?\bsrc\s*=\s*([\"']?){_URI}*\1[^<>]*>", re.IGNORECASE)
_ALTERNATIVE = re.compile(r"\balt\s*=\s*(?:\"([^\"<>]*)\"|'([^'<>]*)')", re.IGNORECASE)
_LONG_URI = re.compile(rf"{_URI}{{{MIN_LENGTH},}}")
_RUN = re.compile(rf"(?<![A-Za-z0-9+/_=-])[A-Za-z0-9+/_-]{{{MIN_LENGTH},}}={{0,2}}")
_LINES = re.compile(
    r"^(?:[ \t>]*[A-Za-z0-9+/_-]{60,100}[ \t]*\n){3,}(?:[ \t>]*[A-Za-z0-9+/_-]{2,}={0,2}[ \t]*$)?", re.MULTILINE
)
_SEPARATORS = "/-_"
_MOST_SEPARATORS = 1 / 12
"""Base64 has one `/` in 64 characters; a path or a name has more."""


def strip_encoded_data(text: str) -> str:
    """`text` without data URIs and long base64; of an image, its description stays."""
    if "data:" in text:
        text = _without_uris(text)
    if len(text) < MIN_LENGTH:
        return text
    return _LINES.sub(_unless_base64, _RUN.sub(_unless_base64, text))


def _without_uris(text: str) -> str:
    names = {found[1] for found in _DEFINITION.finditer(text)}
    if names:
        text = _DEFINITION.sub("", text)
        text = _REFERENCE.sub(lambda found: found[1] if found[2] in names else found[0], text)
    text = _TAG.sub(_alternative, text)
    return _LONG_URI.sub("", _LINK.sub(r"\1", text))


def _alternative(tag: re.Match[str]) -> str:
    found = _ALTERNATIVE.search(_LONG_URI.sub("", tag[0]))
    return (found[1] or found[2] or "") if found else ""


def _unless_base64(found: re.Match[str]) -> str:
    run = found[0]
    mixed = any(map(str.isdigit, run)) and any(map(str.islower, run)) and any(map(str.isupper, run))
    separators = sum(map(run.count, _SEPARATORS))
    return "" if mixed and separators <= len(run) * _MOST_SEPARATORS else run

"""Outputs of a notebook cell as a page shows them: nothing in them runs or fetches."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from nbrelease.control_characters import remove_terminal_codes
from nbrelease.published_values import MEDIA_TYPE
from nbrelease.report.markdown import render_markdown
from nbrelease.report.sanitize import sanitize

IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")
MAX_TEXT = 20_000
"""Characters of a text on a page; longer texts are cut, and are complete in the notebook."""
MAX_HTML = 20 * MAX_TEXT
SDK_DOTS = re.compile(r"\A(?:\.*\n)*(?:\.+\Z)?")
"""The SDK prints a dot for each request while it waits."""
MAX_LINE = 160
"""Characters of a published value that is shown in one line."""


@dataclass(frozen=True)
class Output:
    """One output. ``name`` is that of a published value, or the alternative text of an image."""

    kind: Literal["text", "stream", "error", "html", "image", "value"]
    content: Any
    name: str = ""
    media_type: str = ""


def join_lines(value: str | list[str]) -> str:
    """A multiline string of the notebook format, which may be a list of its lines."""
    return value if isinstance(value, str) else "".join(value)


def convert_output(output: Mapping[str, Any]) -> Output | None:
    """An output of the notebook format for the page; None if there is nothing to show."""
    kind = output["output_type"]
    if kind == "stream":
        return _text(join_lines(output["text"]), "stream")
    if kind == "error":
        return Output("error", _plain("\n".join(output["traceback"])))
    data = output.get("data", {})
    if MEDIA_TYPE in data:
        return _published_value(data[MEDIA_TYPE])
    if image := _image(output, data):
        return image
    # HTML of that size is unreadable; its plain text is shown instead, and cut.
    if "text/html" in data and len(join_lines(data["text/html"])) <= MAX_HTML:
        return Output("html", sanitize(join_lines(data["text/html"])))
    if "text/markdown" in data:
        return Output("html", render_markdown(join_lines(data["text/markdown"])))
    return _text(join_lines(data.get("text/plain", "")))


def _published_value(scrap: Mapping[str, Any]) -> Output:
    line = json.dumps(scrap["data"], ensure_ascii=False)
    if len(line) > MAX_LINE:
        line = _shorten(json.dumps(scrap["data"], ensure_ascii=False, indent=1))
    return Output("value", line, scrap["name"])


def _image(output: Mapping[str, Any], data: Mapping[str, Any]) -> Output | None:
    alt = join_lines(output.get("metadata", {}).get("image/png", {}).get("alt", ""))
    alt = alt or join_lines(data.get("text/plain", ""))
    name = "" if alt.startswith("<") else alt  # the address of an object is no description
    for media_type in IMAGES:
        if media_type in data:
            encoded = re.sub(r"\s", "", join_lines(data[media_type]))
            return Output("image", encoded, name, media_type)
    if "image/svg+xml" in data:  # as an image its scripts do not run and it fetches nothing
        encoded = base64.b64encode(join_lines(data["image/svg+xml"]).encode()).decode()
        return Output("image", encoded, name, "image/svg+xml")
    return None


def _text(content: str, kind: Literal["text", "stream"] = "text") -> Output | None:
    plain = SDK_DOTS.sub("", _plain(content)).strip("\n")
    return Output(kind, _shorten(plain)) if plain.strip(" \n") else None


def _shorten(content: str) -> str:
    """A text without its middle if it is too long, with the number of characters left out."""
    if len(content) <= MAX_TEXT:
        return content
    half = MAX_TEXT // 2
    omitted = len(content) - 2 * half
    return (
        f"{content[:half]}\n… {omitted} characters omitted, see the notebook …\n{content[-half:]}"
    )


def _plain(content: str) -> str:
    """Text without terminal colours; of a line that was overwritten, its last state."""
    lines = remove_terminal_codes(content).split("\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)

"""The table of commands and options, ``commands.txt``."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from importlib import resources

_OPTION = re.compile(
    r"(?P<names>[\w/-]+)(?P<required>!?)(?P<kind>\?\?|\?|#|\*|\+|)(?:\{(?P<choices>[^}]*)\})?"
    r"(?:=(?P<default>[^~]*))?(?P<unsupported>~?)"
)
FLAG, OPTIONAL_FLAG, INTEGER, REPEATED, LIST = "?", "??", "#", "*", "+"


@dataclass(frozen=True)
class Option:
    """An option of a command, or a positional argument.

    Attributes:
        names: its long and short names; the first is the long one.
        kind: FLAG, OPTIONAL_FLAG, INTEGER, REPEATED or LIST; empty for text.
        required: whether it is required.
        choices: the allowed values; empty: all values.
        default: the default value; None without one.
        supported: whether the local ``az`` supports it.
    """

    names: tuple[str, ...]
    kind: str = ""
    required: bool = False
    choices: tuple[str, ...] = ()
    default: str | None = None
    supported: bool = True

    @property
    def dest(self) -> str:
        """The name of its attribute in the parsed arguments."""
        return self.names[0].lstrip("-").replace("-", "_")


@dataclass(frozen=True)
class Command:
    """A command; ``supported``: whether the local ``az`` can run it."""

    name: str
    options: tuple[Option, ...]
    supported: bool

    @property
    def confirms(self) -> bool:
        """Whether it asks for a confirmation without ``--yes``."""
        return self.name.endswith(" delete") and any(each.dest == "yes" for each in self.options)


def _parse_option(text: str) -> Option:
    match = _OPTION.fullmatch(text)
    if match is None:
        raise ValueError(f"commands.txt: {text!r}: not an option")
    return Option(
        names=tuple(match["names"].split("/")),
        kind=match["kind"],
        required=bool(match["required"]),
        choices=tuple(match["choices"].split(",")) if match["choices"] else (),
        default=match["default"],
        supported=not match["unsupported"],
    )


@functools.cache
def _lines() -> dict[str, str | None]:
    """The options of each command as text; None if the command is not supported."""
    text = resources.files(__package__).joinpath("commands.txt").read_text(encoding="utf-8")
    lines: dict[str, str | None] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, colon, options = line.partition(":")
            lines[name.removesuffix("~")] = options if colon else None
    return lines


def get_command(name: str) -> Command:
    """A command of the table."""
    options = _lines()[name]
    parsed = tuple(_parse_option(each) for each in (options or "").split())
    return Command(name, parsed, supported=options is not None)


def find_commands(words: list[str]) -> list[str]:
    """The command that the first words of a command line name, or the commands of that group.

    Without such words: all commands, also those that are not supported.
    """
    for length in range(len(words), 0, -1):
        prefix = " ".join(words[:length]).lower()
        if prefix in _lines():
            return [prefix]
        group = [name for name in _lines() if name.startswith(prefix + " ")]
        if group:
            return group
    return list(_lines())

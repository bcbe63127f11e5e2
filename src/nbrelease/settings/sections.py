"""The sections of settings.ini as text, with the line of each key.

Each environment has a section. ``[train]`` and ``[train:ENV]`` hold parameters of the training
notebook, ``[model:NAME]`` and ``[model:NAME:ENV]`` what differs for a further model.
"""

from __future__ import annotations

import configparser
import difflib
import re
from collections.abc import Sequence
from pathlib import Path

from nbrelease.errors import SettingsError

DEFAULT, TRAIN, MODEL = "DEFAULT", "train", "model"
MODEL_NAME = re.compile(r"[a-z][a-z0-9-]{0,22}")
_HEADER = re.compile(r"\[(?P<name>[^]]+)\]")
_KEY = re.compile(r"(?P<key>[^\s#;\[][^=:]*?)\s*[=:]")


class Sections:
    """The sections of a file: texts by section and key.

    Attributes:
        name: the file's name, for messages.
        values: the texts.
        environments: the environments, in the order of the file.
        models: the names of further models, in the order of the file.
    """

    def __init__(self, path: Path) -> None:
        """Read a file.

        Raises:
            SettingsError: the file does not exist or cannot be parsed, or the name of a section
                is invalid.
        """
        self.name = path.name
        try:
            text = path.read_text(encoding="utf-8-sig")  # Notepad writes a byte order mark
            # Here [DEFAULT] is a section as the others, and texts are not interpolated.
            parser = configparser.ConfigParser(default_section="", interpolation=None)
            parser.read_string(text, source=path.name)
        except FileNotFoundError:
            raise SettingsError(
                f"{path}: no such file; run nbrelease in the folder with {path.name}"
            ) from None
        except (configparser.Error, UnicodeDecodeError) as error:
            raise SettingsError(f"{path.name}: {' '.join(str(error).split())}") from None
        self.values = {name: dict(parser[name]) for name in parser.sections()}
        self._lines = _find_lines(text)
        names = [name for name in self.values if name not in (DEFAULT, TRAIN)]
        self.environments = tuple(name for name in names if ":" not in name)
        parts = [name.split(":") for name in names if ":" in name]
        for part in parts:
            self._check(part)
        self.models = tuple(dict.fromkeys(part[1] for part in parts if part[0] == MODEL))

    def _check(self, parts: Sequence[str]) -> None:
        """Refuse an invalid section name with a colon."""
        section = f"{self.name} [{':'.join(parts)}]"
        kind, *rest = parts
        if kind not in (TRAIN, MODEL) or len(rest) > (kind == MODEL) + 1:
            raise SettingsError(
                f"{section}: unknown section; use [train:ENV], [model:NAME] or [model:NAME:ENV]"
            )
        if kind == MODEL and not MODEL_NAME.fullmatch(rest[0]):
            raise SettingsError(
                f"{section}: the name of a model has 1 to 23 of a-z, 0-9 and -, and begins with a "
                f"letter (got {rest[0]})"
            )
        env = rest[-1] if len(rest) > (kind == MODEL) else ""
        if env and env not in self.environments:
            hint = suggest(env, self.environments, "use one of")
            raise SettingsError(f"{section}: no environment [{env}]; {hint}")

    def where(self, section: str, key: str) -> str:
        """The place of a key: ``file:line [section] key``, with the line of a key that exists."""
        line = self._lines.get((section, key))
        return f"{self.name}{f':{line}' if line else ''} [{section}] {key}"


def _find_lines(text: str) -> dict[tuple[str, str], int]:
    lines, section = {}, ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            section = header["name"]
        elif key := _KEY.match(line):
            lines[section, key["key"].lower()] = number
    return lines


def suggest(name: str, valid: Sequence[str], otherwise: str = "the keys are") -> str:
    """The closest valid name, else all of them."""
    close = difflib.get_close_matches(name, valid, n=1)
    return f"did you mean {close[0]}?" if close else f"{otherwise} {', '.join(valid)}"

"""Read settings.ini.

``[DEFAULT]`` holds the settings that all environments share; each environment has a section;
``%(name)s`` refers to another key. The environment variable ``NBRELEASE_SET_<KEY>`` overrides a key
for one run: this is how variables of a pipeline run and ``make rehearse TRAINING_DATA=...`` work.
An unknown key, a missing value or a wrong type is an error with file, section and key.
"""

from __future__ import annotations

import configparser
import difflib
import os
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from nbrelease.errors import SettingsError
from nbrelease.settings.keys import INVALID, WORKSPACE_KEYS, Environment

FILE = "settings.ini"
PREFIX = "NBRELEASE_SET_"
LOCAL_SUBSCRIPTION = "00000000-0000-0000-0000-000000000"
"""One of the test ids for which the Azure ML SDK sends no telemetry."""


class Settings:
    """The settings of all environments; each one is validated when it is read."""

    def __init__(
        self,
        path: Path,
        overrides: Mapping[str, str] | None = None,
        arguments: Mapping[str, str] | None = None,
    ) -> None:
        """Read ``path``.

        Args:
            path: the file.
            overrides: key to value for this run, in every section; by default those of the
                environment variables ``NBRELEASE_SET_<KEY>``.
            arguments: the same, from the command line (``--set``); they take precedence.

        Raises:
            SettingsError: the file does not exist or cannot be parsed.
        """
        self.path = path
        self.root = path.parent
        self._arguments = arguments or {}
        variables = _read_variables() if overrides is None else overrides
        self.overrides = {**variables, **self._arguments}
        self._parser = configparser.ConfigParser()
        try:
            with path.open(encoding="utf-8") as file:
                self._parser.read_file(file, source=path.name)
        except FileNotFoundError:
            raise SettingsError(
                f"{path}: no such file; run nbrelease in the folder with {FILE}"
            ) from None
        except (configparser.Error, UnicodeDecodeError) as error:
            raise SettingsError(f"{path.name}: {' '.join(str(error).split())}") from None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The environments, in the order of the file."""
        return tuple(self._parser.sections())

    def environment(self, name: str) -> Environment:
        """The typed settings of one environment.

        Raises:
            SettingsError: the section does not exist, or a key or value in it is wrong.
        """
        if name not in self.names:
            raise SettingsError(
                f"{self.path.name}: no section [{name}]; {_suggest(name, self.names, 'use one of')}"
            )
        values = self._read_values(name)
        fields = Environment.model_fields
        for key in values:
            if key not in fields:
                where = self.where(name, key)
                raise SettingsError(f"{where}: unknown key; {_suggest(key, tuple(fields))}")
        if values.get("workspace") == "local":
            values.setdefault("subscription_id", LOCAL_SUBSCRIPTION)
            values.setdefault("resource_group", "local")
            values.setdefault("workspace_name", name)
        try:
            return Environment.model_validate(values)
        except ValidationError as error:
            raise SettingsError(self._explain(name, error, values)) from None

    def source(self, name: str) -> dict[str, str]:
        """The environment that a model is promoted from, as parameters of 02_train.

        Returns:
            Its workspace and endpoint, as ``from_*``; empty if ``promotion`` is ``code``.

        Raises:
            SettingsError: ``promote_from`` is not another section of the file.
        """
        env = self.environment(name)
        if env.promotion == "code":
            return {}
        others = tuple(each for each in self.names if each != name)
        if env.promote_from not in others:
            raise SettingsError(
                f"{self.where(name, 'promote_from')}: must be another section "
                f"(got {env.promote_from}); {_suggest(env.promote_from, others, 'use one of')}"
            )
        other = self.environment(env.promote_from).parameters()
        keys = (*WORKSPACE_KEYS, "online_endpoint", "model_name")
        return {f"from_{key}": other[key] for key in keys}

    def _read_values(self, name: str) -> dict[str, str]:
        section = self._parser[name]
        try:
            # Interpolate one key at a time, with the overrides instead of the values of the file.
            values = {
                key: self._parser.get(name, key, vars=self.overrides)
                for key in [*section, *self.overrides]
            }
        except configparser.Error as error:
            raise SettingsError(f"{self.path.name}: {' '.join(str(error).split())}") from None
        return {key: value for key, value in values.items() if value != ""}

    def where(self, name: str, key: str) -> str:
        """The source of an environment's key, for a message."""
        if key in self._arguments:
            return f"--set {key}"
        if key in self.overrides:
            return f"variable {PREFIX}{key.upper()}"
        shared = self._parser.defaults().get(key)
        inherited = shared is not None and self._parser.get(name, key, raw=True) == shared
        return f"{self.path.name} [{'DEFAULT' if inherited else name}] {key}"

    def _explain(self, name: str, error: ValidationError, values: Mapping[str, str]) -> str:
        first = error.errors()[0]
        key = str(first["loc"][0] if first["loc"] else first["ctx"]["key"])
        where = f"{self.path.name} [{name}] {key}" if key not in values else self.where(name, key)
        if first["type"] == "missing":
            return f"{where}: missing; add a line: {key} = ..."
        if first["type"] == INVALID:
            return f"{where}: {first['msg']}"
        message = first["msg"].removeprefix("Value error, ")
        message = re.sub(r"^(?:Input|String) should ", "must ", message)
        return f"{where}: {message} (got {values[key]})"


def load(root: Path | None = None) -> Settings:
    """The settings of the project that contains ``root``, by default the current folder.

    Uses the nearest settings.ini in ``root`` or above, so that commands work in subfolders.

    Raises:
        SettingsError: there is no settings.ini, or it cannot be read.
    """
    start = (root or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        if (folder / FILE).is_file():
            return Settings(folder / FILE)
    raise SettingsError(f"{start}: no {FILE} here or above; run nbrelease in a project")


def _read_variables() -> dict[str, str]:
    return {
        name[len(PREFIX) :].lower(): value
        for name, value in os.environ.items()
        if name.startswith(PREFIX)
    }


def _suggest(name: str, valid: tuple[str, ...], otherwise: str = "the keys are") -> str:
    close = difflib.get_close_matches(name, valid, n=1)
    return f"did you mean {close[0]}?" if close else f"{otherwise} {', '.join(valid)}"

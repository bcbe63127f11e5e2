"""Read settings.ini.

``[DEFAULT]`` holds the settings that all environments share; each environment has a section;
``%(name)s`` refers to another key. ``[train]`` holds parameters of the training notebook, a section
``[model:NAME]`` what differs for a further model. The last value of a name in this order is used:
``DEFAULT``, environment, ``train``, ``train:ENV``, ``model:NAME``, ``model:NAME:ENV``,
environment variables ``NBRELEASE_SET_<KEY>``, ``--set``.

An unknown key, a missing value or a wrong type is an error with file, line, section and key.
"""

from __future__ import annotations

import configparser
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from nbrelease.contract import CONTRACT_FILE, DATA_PARAMETER, Contract
from nbrelease.errors import SettingsError
from nbrelease.project_root import SETTINGS_FILE, find_root
from nbrelease.settings.keys import (
    INVALID,
    NOTEBOOK_KEYS,
    WORKSPACE_KEYS,
    Environment,
)
from nbrelease.settings.layers import KEYS, OVERRIDES, Entry, Values, collect
from nbrelease.settings.sections import DEFAULT, TRAIN, Sections, suggest

PREFIX = "NBRELEASE_SET_"
_VALID_PERCENT = re.compile(r"%%|%\([^)]+\)s")
LOCAL_SUBSCRIPTION = "00000000-0000-0000-0000-000000000"
"""One of the test ids for which the Azure ML SDK sends no telemetry."""


class Settings:
    """The settings of all environments and models; each one is validated when it is read."""

    def __init__(
        self,
        path: Path,
        overrides: Mapping[str, str] | None = None,
        arguments: Mapping[str, str] | None = None,
    ) -> None:
        """Read ``path``.

        Args:
            path: the file.
            overrides: key or training parameter to value for this run, in every section; by
                default those of the environment variables ``NBRELEASE_SET_<KEY>``.
            arguments: the same, from the command line (``--set``); they take precedence.

        Raises:
            SettingsError: the file does not exist or cannot be parsed.
        """
        self.path = path
        self.root = path.parent
        self._arguments = {name.lower(): value for name, value in (arguments or {}).items()}
        variables = _read_variables() if overrides is None else overrides
        self.overrides = {**variables, **self._arguments}
        self._file = Sections(path)

    def with_override(self, name: str, value: str) -> Settings:
        """The same settings with one more override; ``--set`` takes precedence over it."""
        return Settings(self.path, {**self.overrides, name: value}, self._arguments)

    @property
    def names(self) -> tuple[str, ...]:
        """The environments, in the order of the file."""
        return self._file.environments

    @property
    def models(self) -> tuple[str, ...]:
        """The names of the sections ``[model:NAME]``, in the order of the file."""
        return self._file.models

    def environment(self, name: str, model: str = "") -> Environment:
        """The typed settings of one environment.

        Args:
            name: the environment.
            model: a further model; empty for the model of ``[DEFAULT]``.

        Raises:
            SettingsError: a section does not exist, or a key or value in it is wrong.
        """
        values = self._collect(name, model)
        env = self._validate(name, values)
        # These may be keys or parameters; only the contract knows the parameters.
        others = {
            key: entry
            for key, entry in values.parameters.items()
            if entry.section.partition(":")[0] != TRAIN
        }
        if others:
            contract = self.contract(env)
            self._check_parameters(self._exclude_other_notebooks(others, contract), contract, KEYS)
        return env

    def contract(self, env: Environment) -> Contract:
        """The contract of an environment's training notebook.

        Raises:
            SettingsError: the notebook is not exported.
        """
        return Contract.load(self.root / env.exported / env.training_notebook)

    def training_parameters(self, name: str, model: str = "") -> dict[str, Any]:
        """The parameters that the training notebook runs with, except the data and the label.

        Args:
            name: the environment.
            model: a further model; empty for the model of ``[DEFAULT]``.

        Returns:
            The typed value of each parameter: of settings.ini, else the notebook's default. A
            parameter for data, which is the text of a path or an address, only if it is set. A
            parameter with the name of a training key, such as ``time_column``, has its value.

        Raises:
            SettingsError: the notebook is not exported, or a parameter is unknown or wrong.
        """
        values = self._collect(name, model)
        return self._type_parameters(self.environment(name, model), values)

    def check_parameters(self, name: str, model: str = "") -> None:
        """Check what :meth:`training_parameters` returns.

        Overrides are for one run, and so for one model. Here an override may also be for another
        training notebook of the project.

        Raises:
            SettingsError: as there.
        """
        env, values = self.environment(name, model), self._collect(name, model)
        if values.parameters:
            values.parameters = self._exclude_other_notebooks(values.parameters, self.contract(env))
        self._type_parameters(env, values)

    def _type_parameters(self, env: Environment, values: Values) -> dict[str, Any]:
        exported = self.root / env.exported / env.training_notebook
        if not values.parameters and not (exported / CONTRACT_FILE).is_file():
            return {}  # a project without a training notebook
        contract = self.contract(env)
        self._check_parameters(values.parameters, contract)
        texts = self._read_texts(values, values.parameters)
        data = {each.name: texts.pop(each.name.lower(), "") for each in contract.data}
        typed = contract.parse(
            texts, lambda each: self._place(values.parameters[each].section, each)
        )
        shared = {key: getattr(env, key) for key in NOTEBOOK_KEYS if getattr(env, key)}
        defaults = {each.name: each.value for each in contract.values}
        allowed = defaults.keys() - {"label_column"}
        merged = {**defaults, **typed, **shared}
        return {
            **{each: value for each, value in merged.items() if each in allowed},
            **{each: text for each, text in data.items() if text},
        }

    def _exclude_other_notebooks(
        self, entries: Mapping[str, Entry], contract: Contract
    ) -> dict[str, Entry]:
        """The entries without overrides for another notebook than the one of the contract."""
        own = {each.name.lower() for each in contract.parameters}
        return {
            name: entry
            for name, entry in entries.items()
            if name in own or entry.section != OVERRIDES or not self._find_notebook(name)
        }

    def source(self, name: str, model: str = "") -> dict[str, str]:
        """The environment that a model is promoted from, as parameters of 02_train.

        Returns:
            Its workspace and endpoint, as ``from_*``; empty if ``promotion`` is ``code``.

        Raises:
            SettingsError: ``promote_from`` is not another section of the file.
        """
        env = self.environment(name, model)
        if env.promotion == "code":
            return {}
        others = tuple(each for each in self.names if each != name)
        if env.promote_from not in others:
            raise SettingsError(
                f"{self.where(name, 'promote_from', model)}: must be another section "
                f"(got {env.promote_from}); {suggest(env.promote_from, others, 'use one of')}"
            )
        other = self.environment(env.promote_from, model).parameters()
        keys = (*WORKSPACE_KEYS, "online_endpoint")
        return {f"from_{key}": other[key] for key in keys}

    def where(self, name: str, key: str, model: str = "") -> str:
        """The source of an environment's key, for a message."""
        values = self._collect(name, model)
        entry = values.keys.get(key) or values.parameters.get(key)
        return self._place(entry.section if entry else name, key)

    def _collect(self, name: str, model: str) -> Values:
        return collect(self._file, name, model, self.overrides)

    def _place(self, section: str, name: str) -> str:
        if section != OVERRIDES:
            return self._file.where(section, name)
        return f"--set {name}" if name in self._arguments else f"variable {PREFIX}{name.upper()}"

    def _check_parameters(
        self, entries: Mapping[str, Entry], contract: Contract, keys: Sequence[str] = ()
    ) -> None:
        """Refuse names that are not parameters of the training notebook, or that jobs set.

        Args:
            entries: the names.
            contract: the contract of the notebook.
            keys: other names that would be valid there, for suggestions.
        """
        outputs = {each.name.lower() for each in contract.outputs}
        names = {each.name.lower(): each.name for each in contract.parameters}
        for name, entry in entries.items():
            place = self._place(entry.section, name)
            if name == DATA_PARAMETER:
                raise SettingsError(f"{place}: the job sets it; use the key training_data")
            if name in outputs:
                raise SettingsError(f"{place}: the job sets it to its output folder; remove it")
            if name in NOTEBOOK_KEYS or (name in KEYS and name not in names):
                raise SettingsError(
                    f"{place}: a key, not a parameter; move it to [{DEFAULT}] or an environment"
                )
            if name not in names:
                hint = suggest(name, [*names.values(), *keys], "use one of")
                raise SettingsError(f"{place}: unknown parameter of {contract.notebook}; {hint}")

    def _read_texts(self, values: Values, names: Iterable[str]) -> dict[str, str]:
        texts: dict[str, str] = {}
        for name in names:
            try:
                texts |= values.texts([name])
            except configparser.InterpolationError as error:
                raise SettingsError(self._explain_reference(values, name, error)) from None
        return texts

    def _explain_reference(
        self, values: Values, name: str, error: configparser.InterpolationError
    ) -> str:
        """The message of a percent sign that is not a valid reference to another key."""
        entries = {**values.parameters, **values.keys}
        wrong = [x for x, entry in entries.items() if "%" in _VALID_PERCENT.sub("", entry.text)]
        if isinstance(error, configparser.InterpolationSyntaxError) and wrong:
            name = name if name in wrong else wrong[0]
            message = (
                f"write %% for a percent sign, %(key)s for another key (got {entries[name].text})"
            )
        elif isinstance(error, configparser.InterpolationMissingOptionError):
            message = f"%({error.reference})s refers to no key (got {entries[name].text})"
        else:
            message = f"refers to itself (got {entries[name].text})"
        return f"{self._place(entries[name].section, name)}: {message}"

    def _validate(self, name: str, values: Values) -> Environment:
        for key, entry in values.keys.items():
            if key not in KEYS:
                place = self._place(entry.section, key)
                raise SettingsError(f"{place}: {self._explain_unknown(key)}")
        texts = self._read_texts(values, values.keys)
        if texts.get("workspace") == "local":
            is_override = values.keys["workspace"].section == OVERRIDES
            local = (LOCAL_SUBSCRIPTION, "local", name)
            for key, text in zip(WORKSPACE_KEYS, local, strict=True):
                if is_override and key not in self.overrides:  # the file has those of Azure
                    texts[key] = text
                else:
                    texts.setdefault(key, text)
        try:
            return Environment.model_validate(texts)
        except ValidationError as error:
            first = error.errors()[0]
            key = str(first["loc"][0] if first["loc"] else first["ctx"]["key"])
            section = values.keys[key].section if key in texts and key in values.keys else name
            message = _explain(first, key, texts)
            raise SettingsError(f"{self._place(section, key)}: {message}") from None

    def _explain_unknown(self, key: str) -> str:
        """What to do about a name in an environment that is not a key."""
        notebook = self._find_notebook(key)
        if notebook:
            return f"a parameter of {notebook}; move it to [{TRAIN}]"
        return f"unknown key; {suggest(key, KEYS)}"

    def _find_notebook(self, parameter: str) -> str:
        """An exported notebook with a parameter; may be empty."""
        exported = self._file.values.get(DEFAULT, {}).get("exported", "exported")
        for path in sorted((self.root / exported).glob(f"*/{CONTRACT_FILE}")):
            contract = Contract.load(path.parent)
            if parameter in {each.name.lower() for each in contract.parameters}:
                return contract.notebook
        return ""


def _explain(error: ErrorDetails, key: str, texts: Mapping[str, str]) -> str:
    """The message of an error of pydantic for a key."""
    if error["type"] == "missing":
        return f"missing; add a line: {key} = ..."
    if error["type"] == INVALID:
        return error["msg"]
    message = error["msg"].removeprefix("Value error, ")
    message = re.sub(r"^(?:Input|String) should ", "must ", message)
    return f"{message} (got {texts[key]})"


def load(root: Path | None = None, arguments: Mapping[str, str] | None = None) -> Settings:
    """The settings of the project that contains ``root``, by default the current folder.

    Uses the nearest settings.ini in ``root`` or above, so that commands work in subfolders.

    Args:
        root: a folder of the project.
        arguments: overrides from the command line (``--set``).

    Raises:
        SettingsError: there is no settings.ini, or it cannot be read.
    """
    return Settings(find_root(root) / SETTINGS_FILE, arguments=arguments)


def _read_variables() -> dict[str, str]:
    return {
        name[len(PREFIX) :].lower(): value
        for name, value in os.environ.items()
        if name.startswith(PREFIX)
    }

"""The texts of an environment and a model, from the sections of settings.ini.

The last text of a name in this order is used: ``DEFAULT``, environment, ``train``,
``train:ENV``, ``model:NAME``, ``model:NAME:ENV``, overrides.
"""

from __future__ import annotations

import configparser
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from nbrelease.errors import SettingsError
from nbrelease.settings.keys import MODEL_SUFFIX, Environment
from nbrelease.settings.sections import DEFAULT, MODEL, TRAIN, Sections, suggest

KEYS = tuple(Environment.model_fields)
PROJECT_KEYS = {"evidence", "exported", "exported_tests", "notebooks"}
"""Folders of the project, the same for all models."""
OVERRIDES = ""
"""In place of a section: variables and arguments."""


@dataclass(frozen=True)
class Entry:
    """A text of settings.ini or of an override, and its section."""

    text: str
    section: str


@dataclass
class Values:
    """The texts of an environment and a model: keys, and parameters of the training notebook."""

    keys: dict[str, Entry] = field(default_factory=dict)
    parameters: dict[str, Entry] = field(default_factory=dict)

    def texts(self, names: Iterable[str]) -> dict[str, str]:
        """The texts of names, with their references to others; without empty ones.

        Raises:
            configparser.InterpolationError: a reference has no value or is malformed.
        """
        entries = {**self.parameters, **self.keys}
        raw = {name: entry.text for name, entry in entries.items()}
        texts = {name: _interpolate(raw, name) for name in names}
        return {name: text for name, text in texts.items() if text != ""}


def collect(file: Sections, name: str, model: str, overrides: Mapping[str, str]) -> Values:
    """The texts of an environment and a model.

    Args:
        file: the sections of settings.ini.
        name: the environment.
        model: a further model; empty for the model of ``[DEFAULT]``.
        overrides: texts of this run.

    Raises:
        SettingsError: there is no such environment or model, or a section of the model has a key
            of :data:`PROJECT_KEYS`.
    """
    if name not in file.environments:
        hint = suggest(name, file.environments, "use one of")
        raise SettingsError(f"{file.name}: no section [{name}]; {hint}")
    if model and model not in file.models:
        hint = (
            suggest(model, file.models, "use one of")
            if file.models
            else "the file has no such section"
        )
        raise SettingsError(f"{file.name}: no section [{MODEL}:{model}]; {hint}")
    values = Values()
    for section in (DEFAULT, name):
        for key, text in file.values.get(section, {}).items():
            values.keys[key] = Entry(text, section)
    for section in (TRAIN, f"{TRAIN}:{name}"):
        for key, text in file.values.get(section, {}).items():
            values.parameters[key] = Entry(text, section)
    if model:
        _add_model(values, file, name, model)
    _add(values, OVERRIDES, overrides)
    return values


def _add_model(values: Values, file: Sections, name: str, model: str) -> None:
    """Add the sections of a further model, and names of its own for its assets."""
    section, notebook = f"{MODEL}:{model}", _notebook(values)
    for key in MODEL_SUFFIX:
        if key in values.keys:
            values.keys[key] = Entry(f"{values.keys[key].text}-{model}", section)
    values.keys["model_name"] = Entry(model, section)
    own = Values()
    for part in (section, f"{section}:{name}"):
        for key in PROJECT_KEYS & file.values.get(part, {}).keys():
            place = file.where(part, key)
            raise SettingsError(f"{place}: the same for all models; move it to [{DEFAULT}]")
        _add(own, part, file.values.get(part, {}))
    values.keys.update(own.keys)
    if _notebook(values) != notebook:
        values.parameters.clear()  # [train] is for the other notebook
    values.parameters.update(own.parameters)


def _notebook(values: Values) -> str:
    entry = values.keys.get("training_notebook")
    default = str(Environment.model_fields["training_notebook"].default)
    return entry.text if entry is not None and entry.text else default


def _add(values: Values, section: str, texts: Mapping[str, str]) -> None:
    """Add names of which each is a key, or else a parameter of the training notebook."""
    for key, text in texts.items():
        entries = values.keys if key in KEYS else values.parameters
        entries[key] = Entry(text, section)


def _interpolate(values: Mapping[str, str], key: str) -> str:
    """A text with the texts of the names that it refers to, ``%(name)s``."""
    parser = configparser.ConfigParser()
    parser.add_section("values")
    return parser.get("values", key, vars=values)

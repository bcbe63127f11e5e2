"""The contract of a training notebook, from the ``contract.json`` that its export wrote.

Settings of the notebook's parameters are typed and checked with it, and the inputs and the command
line of the training job are made from it.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Literal

from nbrelease.errors import SettingsError
from nbrelease.notebook import Parameter

CONTRACT_FILE = "contract.json"
SCHEMA = 1
DATA_PARAMETER = "input_data"
"""The parameter for the training data, of any type."""
OUTPUT_PREFIX = "output"
"""A parameter of type ``Path`` whose name begins with it is a folder that the job writes."""


@dataclass(frozen=True)
class MetricFunction:
    """A function of a cell tagged ``metric``, and whether higher or lower values are better."""

    name: str
    direction: Literal["higher", "lower"]
    help: str


@dataclass(frozen=True)
class Contract:
    """What the exported module of a notebook offers.

    Attributes:
        notebook: path of the notebook, relative to the project.
        parameters: the parameters of its ``main()``, in order.
        metrics: the metrics that it defines.
        functions: the public functions of the module.
    """

    notebook: str
    parameters: tuple[Parameter, ...]
    metrics: tuple[MetricFunction, ...] = ()
    functions: tuple[str, ...] = ()

    @classmethod
    def load(cls, folder: Path) -> Contract:
        """Read the contract of an exported notebook.

        Args:
            folder: the folder of the module, such as ``exported/train``.

        Raises:
            SettingsError: there is no contract, or it is damaged or of another version.
        """
        path = folder / CONTRACT_FILE
        relative = f"{folder.parent.name}/{folder.name}/{CONTRACT_FILE}"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["schema_version"] != SCHEMA:
                raise SettingsError(
                    f"{relative}: written by another version of nbrelease; run nbrelease export"
                )
            notebook = str(content["notebook"])
            return cls(
                notebook,
                tuple(_read_parameter(each, notebook) for each in content["parameters"]),
                tuple(MetricFunction(**each) for each in content["metrics"]),
                tuple(content["functions"]),
            )
        except FileNotFoundError:
            raise SettingsError(
                f"{relative}: no such file; check training_notebook, then run nbrelease export"
            ) from None
        except (ValueError, KeyError, TypeError) as error:
            message = f"{relative}: damaged ({error}); run nbrelease export"
            raise SettingsError(message) from None

    @property
    def data(self) -> tuple[Parameter, ...]:
        """The parameters for data: files or folders that a job reads."""
        return tuple(each for each in self.parameters if _is_data(each))

    @property
    def outputs(self) -> tuple[Parameter, ...]:
        """The parameters for folders that a job writes."""
        return tuple(each for each in self.parameters if _is_output(each))

    @property
    def values(self) -> tuple[Parameter, ...]:
        """The other parameters."""
        others = {each.name for each in (*self.data, *self.outputs)}
        return tuple(each for each in self.parameters if each.name not in others)

    def parse(self, values: Mapping[str, str], where: Callable[[str], str]) -> dict[str, Any]:
        """Convert texts to the types of the parameters.

        Args:
            values: the texts by name; upper and lower case are the same, as in settings.ini.
            where: returns the place of a name, for errors.

        Returns:
            The typed values by the name of the parameter, in the order of the parameters.

        Raises:
            SettingsError: a name is not a parameter, or a value has the wrong type.
        """
        known = {each.name.lower(): each for each in self.parameters}
        typed = {}
        for name, text in values.items():
            parameter = known.get(name.lower())
            if parameter is None:
                close = difflib.get_close_matches(name, known, n=1)
                names = ", ".join(each.name for each in self.parameters) or "none"
                hint = f"did you mean {known[close[0]].name}?" if close else f"it has {names}"
                raise SettingsError(f"{where(name)}: unknown parameter of {self.notebook}; {hint}")
            try:
                typed[parameter.name] = parameter.parse(text)
            except ValueError as error:
                raise SettingsError(f"{where(name)}: {error}") from None
        return {each.name: typed[each.name] for each in self.parameters if each.name in typed}

    def arguments(self, names: Collection[str]) -> str:
        """The arguments of ``main.py`` in the command of a job.

        Args:
            names: the inputs of the job. Each output folder has an argument too.

        Returns:
            ``--a=${{inputs.a}} --output_model=${{outputs.output_model}}``. The form with ``=`` also
            accepts values that begin with ``-``.
        """
        folders = {each.name for each in self.outputs}
        return " ".join(
            f"--{each.name}=${{{{{'outputs' if each.name in folders else 'inputs'}.{each.name}}}}}"
            for each in self.parameters
            if each.name in names or each.name in folders
        )


def job_inputs(values: Mapping[str, Any]) -> dict[str, str | int | float | bool]:
    """Typed values as literal inputs of a job; ``main.py`` reads the texts back to their types."""
    return {name: _to_literal(value) for name, value in values.items()}


def _to_literal(value: Any) -> str | int | float | bool:
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return value.isoformat() if isinstance(value, date) else str(value)


def _is_output(parameter: Parameter) -> bool:
    return parameter.type == "Path" and parameter.name.startswith(OUTPUT_PREFIX)


def _is_data(parameter: Parameter) -> bool:
    is_path = parameter.type == "Path" and not _is_output(parameter)
    return is_path or parameter.name == DATA_PARAMETER


def _read_parameter(content: Mapping[str, Any], notebook: str) -> Parameter:
    """A parameter of ``contract.json``, as the notebook declares it."""
    kind, optional = str(content["type"]), bool(content["optional"])
    parameter = Parameter(
        name=str(content["name"]),
        type=kind,
        choices=tuple(content["choices"]),
        optional=optional,
        annotation=f"{kind} | None" if optional else kind,
        default=repr(content["default"]),
        value=content["default"],
        help=str(content["help"]),
        group=str(content["group"]),
        where=notebook,
    )
    return replace(parameter, value=parameter.parse(parameter.value))

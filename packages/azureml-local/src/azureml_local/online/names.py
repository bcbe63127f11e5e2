"""The names that scoring scripts import from Azure's packages, where those are not installed.

Only a scorer's process calls :func:`provide`, and a package that is installed always wins: ours is
the last place where Python looks.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from types import ModuleType

RAW_REQUEST = (
    "azureml.contrib.services.aml_request",
    "azureml_inference_server_http.api.aml_request",
)
RAW_RESPONSE = (
    "azureml.contrib.services.aml_response",
    "azureml_inference_server_http.api.aml_response",
)
MONITORING = "azureml.ai.monitoring"
OURS = "azureml_local.online."
# The module that a script imports, ours that has the names, and the names.
NAMES: dict[str, tuple[str, tuple[str, ...]]] = {
    **dict.fromkeys(RAW_REQUEST, ("raw", ("rawhttp", "AMLRequest"))),
    **dict.fromkeys(RAW_RESPONSE, ("raw", ("AMLResponse",))),
    "inference_schema.schema_decorators": ("schema", ("input_schema", "output_schema")),
    "inference_schema.schema_util": (
        "schema",
        ("get_input_schema", "get_output_schema", "get_supported_versions", "is_schema_decorated"),
    ),
    "inference_schema.parameter_types.abstract_parameter_type": (
        "parameters",
        ("AbstractParameterType",),
    ),
    "inference_schema.parameter_types.standard_py_parameter_type": (
        "parameters",
        ("StandardPythonParameterType",),
    ),
    "inference_schema.parameter_types.numpy_parameter_type": (
        "parameters",
        ("NumpyParameterType",),
    ),
    "inference_schema.parameter_types.pandas_parameter_type": (
        "parameters",
        ("PandasParameterType",),
    ),
    MONITORING: ("monitoring", ("Collector", "taken")),
    f"{MONITORING}.context": ("monitoring", ("BasicCorrelationContext", "CorrelationContext")),
}
# Modules above them, which hold nothing, or what is given here.
PARENTS = {name.rsplit(".", depth)[0] for name in NAMES for depth in range(1, name.count(".") + 1)}
PARENTS -= set(NAMES)
NAMES["azureml.contrib.services"] = ("raw", ("rawhttp",))
PARENTS.discard("azureml.contrib.services")


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the names above; the last of Python's finders."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Where the module comes from; None for every name that is not ours to give."""
        if name not in NAMES and name not in PARENTS:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        """Python's own kind of module will do."""

    def exec_module(self, module: ModuleType) -> None:
        """Fill the module with its names."""
        if module.__name__ in NAMES:
            source, given = NAMES[module.__name__]
            ours = importlib.import_module(OURS + source)
            for name in given:
                setattr(module, name, getattr(ours, name))


def provide() -> None:
    """Let scripts import the names from here on."""
    if not any(isinstance(each, Finder) for each in sys.meta_path):
        sys.meta_path.append(Finder())

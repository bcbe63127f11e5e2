"""Replacements for Azure's packages that scoring scripts import, where those are not installed.

Only a worker process calls :func:`install`. An installed package has precedence, because this
finder is the last one.
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
PACKAGE = "azureml_local.online."
# Imported module: our module, and the names in it.
NAMES: dict[str, tuple[str, tuple[str, ...]]] = {
    **dict.fromkeys(RAW_REQUEST, ("raw_http", ("rawhttp", "AMLRequest"))),
    **dict.fromkeys(RAW_RESPONSE, ("raw_http", ("AMLResponse",))),
    "inference_schema.schema_decorators": ("schema_decorators", ("input_schema", "output_schema")),
    "inference_schema.schema_util": (
        "schema_decorators",
        ("get_input_schema", "get_output_schema", "get_supported_versions", "is_schema_decorated"),
    ),
    "inference_schema.parameter_types.abstract_parameter_type": (
        "parameter_types",
        ("AbstractParameterType",),
    ),
    "inference_schema.parameter_types.standard_py_parameter_type": (
        "parameter_types",
        ("StandardPythonParameterType",),
    ),
    "inference_schema.parameter_types.numpy_parameter_type": (
        "parameter_types",
        ("NumpyParameterType",),
    ),
    "inference_schema.parameter_types.pandas_parameter_type": (
        "parameter_types",
        ("PandasParameterType",),
    ),
    MONITORING: ("monitoring", ("Collector", "take_collected")),
    f"{MONITORING}.context": ("monitoring", ("BasicCorrelationContext", "CorrelationContext")),
}
# Their parent packages, which are empty except for the one below.
PARENTS = {name.rsplit(".", depth)[0] for name in NAMES for depth in range(1, name.count(".") + 1)}
PARENTS -= set(NAMES)
NAMES["azureml.contrib.services"] = ("raw_http", ("rawhttp",))
PARENTS.discard("azureml.contrib.services")


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the modules in ``NAMES`` and their parents."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The module's spec; None for other modules."""
        if name not in NAMES and name not in PARENTS:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        """Use Python's default module type."""

    def exec_module(self, module: ModuleType) -> None:
        """Fill the module with its names."""
        if module.__name__ in NAMES:
            source, names = NAMES[module.__name__]
            replacement = importlib.import_module(PACKAGE + source)
            for name in names:
                setattr(module, name, getattr(replacement, name))


def install() -> None:
    """Make the replacements importable."""
    if not any(isinstance(each, Finder) for each in sys.meta_path):
        sys.meta_path.append(Finder())

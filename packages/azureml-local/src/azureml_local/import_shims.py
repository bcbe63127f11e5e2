"""Replacements for Azure's packages that scoring scripts import, where those are not installed.

Only a worker process calls :func:`install`. An installed package has precedence, because this
finder is the last one. Its interpreter may have no other packages: this module imports none.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import logging
import re
import sys
from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import Any

REPLACED = frozenset({"azureml-ai-monitoring", "azureml-defaults", "azureml-inference-server-http"})
"""The packages whose modules are replaced."""
RAW_REQUEST = (
    "azureml.contrib.services.aml_request",
    "azureml_inference_server_http.api.aml_request",
)
RAW_RESPONSE = (
    "azureml.contrib.services.aml_response",
    "azureml_inference_server_http.api.aml_response",
)
MONITORING = "azureml.ai.monitoring"
MONITORING_PACKAGE = "azureml-ai-monitoring"
PACKAGE = "azureml_local.online."
MLFLOW_LOGGER = "mlflow.utils.requirements_utils"
# A line of its warning: " - azureml-ai-monitoring (current: uninstalled, required: ...)".
MISMATCH = re.compile(r"^ - (\S+) \(current: ", re.MULTILINE)
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
    """Finds modules of ``NAMES`` and their parents."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The module's spec; None for other modules."""
        if name not in self._names:
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


def install(*, collector: bool = True) -> None:
    """Make the replacements importable; on Azure, only some environments have the collector."""
    names = {*NAMES, *PARENTS}
    if not collector:
        names -= {each for each in names if f"{each}.".startswith(f"{MONITORING}.")}
    if not any(isinstance(each, Finder) for each in sys.meta_path):
        sys.meta_path.append(Finder(names))
        logging.getLogger(MLFLOW_LOGGER).addFilter(_has_other_mismatches)


def _has_other_mismatches(record: logging.LogRecord) -> bool:
    """False for MLflow's warning if all packages that it lists are replaced here."""
    names = MISMATCH.findall(record.getMessage())
    packages = [re.sub("[-_.]+", "-", each).lower() for each in names]
    return not packages or not REPLACED.issuperset(packages)


def install_collector() -> None:
    """Replace an installed data collector, which would send its data to a container of Azure."""
    try:
        installed = importlib.util.find_spec(MONITORING) is not None
    except ModuleNotFoundError:  # no parent package
        installed = False
    if installed:
        sys.meta_path.insert(0, Finder({MONITORING, f"{MONITORING}.context"}))


def take_collected() -> list[list[Any]]:
    """What the replaced data collector has got since the last call."""
    module = sys.modules.get(MONITORING)
    take = getattr(module, "take_collected", None)
    return take() if take is not None else []

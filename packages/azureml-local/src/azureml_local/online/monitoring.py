"""Azure's data collector for scoring scripts: ``Collector(name).collect(frame)``.

Collected data goes to the server with the response, and the server writes it. Imported only in a
worker process, under the name ``azureml.ai.monitoring``.
"""

from __future__ import annotations

import json
import os
import random
import time
import uuid
from collections.abc import Callable
from typing import Any

SAMPLING_RATES = "AZUREML_LOCAL_COLLECTIONS"
"""The environment variable with the sampling rate of each enabled collection, as JSON."""
_waiting: list[list[Any]] = []


class CorrelationContext:
    """Correlates the inputs and outputs of one request."""

    def get_id(self) -> str:
        """The id."""
        return ""

    def __str__(self) -> str:
        return self.get_id()


class BasicCorrelationContext(CorrelationContext):
    """An id, a time and headers."""

    def __init__(
        self,
        id: str | None = None,
        timestamp: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.id = id or str(uuid.uuid4())
        self.timestamp = timestamp or int(time.time())
        self.headers = headers or {}

    def get_id(self) -> str:
        """The id."""
        return self.id

    def get_timestamp(self) -> int:
        """Seconds since 1970."""
        return self.timestamp

    def get_headers(self) -> dict[str, str]:
        """The headers."""
        return self.headers


def _raise(error: Exception) -> None:
    raise error


class Collector:
    """Collects data frames for one collection of the deployment."""

    def __init__(self, *, name: str, on_error: Callable[[Exception], Any] | None = None) -> None:
        """Make a collector.

        Args:
            name: of the collection.
            on_error: called with the error if the collection is not enabled; raises by default.
        """
        self.name = name
        self._on_error = on_error or _raise
        self._sampling_rate()

    def collect(
        self, data: Any, correlation_context: CorrelationContext | None = None
    ) -> CorrelationContext:
        """Collect a data frame; returns the context, for the outputs of the same request."""
        context = correlation_context or BasicCorrelationContext()
        rate = self._sampling_rate()
        if rate is None or random.random() >= rate:
            return context
        if not hasattr(data, "to_json"):
            kind = type(data).__name__
            self._on_error(TypeError(f"{self.name}: a pandas.DataFrame is collected, not {kind}"))
            return context
        rows = json.loads(data.to_json(orient="records"))
        _waiting.append([self.name, context.get_id(), rows])
        return context

    def _sampling_rate(self) -> float | None:
        rates = json.loads(os.environ.get(SAMPLING_RATES) or "{}")
        if self.name not in rates:
            self._on_error(
                Exception(f"the collection {self.name} is not enabled for the deployment")
            )
            return None
        return float(rates[self.name])


def take_collected() -> list[list[Any]]:
    """The data collected since the last call: collection, correlation id, rows."""
    collected = list(_waiting)
    _waiting.clear()
    return collected

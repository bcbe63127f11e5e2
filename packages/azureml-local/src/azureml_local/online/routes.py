"""Managed online endpoints as one service, for the server."""

from __future__ import annotations

from azureml_local.interpreters import Interpreters
from azureml_local.online.collector import Collector
from azureml_local.online.deployments import Deployments
from azureml_local.online.endpoints import Endpoints
from azureml_local.online.environments import DeploymentEnvironments
from azureml_local.online.scoring import Scoring
from azureml_local.online.serving import Serving
from azureml_local.operations import Operations
from azureml_local.routing import Routes
from azureml_local.state import State


class OnlineEndpoints:
    """Online endpoints: their documents in the store, their processes in ``serving``."""

    def __init__(
        self,
        state: State,
        serving: Serving,
        operations: Operations,
        interpreters: Interpreters | None = None,
    ) -> None:
        """Create the handlers.

        Args:
            state: the server's state.
            serving: the deployments' processes.
            operations: the asynchronous operations.
            interpreters: builds the deployments' environments; None: they are not built.
        """
        self._collector = Collector()
        environments = DeploymentEnvironments(interpreters)
        self._deployments = Deployments(state, serving, operations, environments)
        self._endpoints = Endpoints(state, self._deployments)
        self._scoring = Scoring(state, serving, self._collector)

    def register_scoring(self, routes: Routes) -> None:
        """Add the scoring operations; the first routes in the table are matched fastest."""
        self._scoring.register(routes)

    def register(self, routes: Routes) -> None:
        """Add the operations on endpoints and deployments."""
        self._endpoints.register(routes)
        self._deployments.register(routes)

    def recover(self) -> None:
        """Restart the deployments of the previous server process."""
        self._deployments.recover()

    def stop(self) -> None:
        """Write the buffered lines of the data collector."""
        self._collector.flush()

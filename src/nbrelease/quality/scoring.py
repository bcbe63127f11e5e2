"""Send requests to an online endpoint and measure its answers.

The load is a closed loop: each connection sends its next request when it has the answer to the
previous one. The load is therefore what the endpoint can serve, and no queue builds up here.

pandas is imported by the caller who has the rows: a rollback starts without it.
"""

from __future__ import annotations

import math
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import requests
from pydantic import Field

from nbrelease.quality.criteria import RequestLimits
from nbrelease.quality.payload import Payload
from nbrelease.records.published import LoadTest, Observed

if TYPE_CHECKING:
    import pandas as pd

DEPLOYMENT_HEADER = "azureml-model-deployment"
"""Request header: the deployment to call. Response header: the deployment that answered."""
TIMEOUT_SECONDS = 30
TIMEOUT_FACTOR = 5
"""A request that takes this many times the limit of p95 is aborted and counts as an error."""
ROWS_PER_REQUEST = 10


@dataclass(frozen=True)
class Problem:
    """A limit that was exceeded, or another reason to stop. ``code`` names its kind."""

    code: str
    message: str

    def __str__(self) -> str:
        return self.message


class Observation(Observed):
    """Requests to an endpoint and their latency in milliseconds; None without any request.

    ``by_deployment`` holds those deployments that name themselves in their answers. ``drift`` is
    that of the predictions, where they were compared.
    """

    first_error: str | None = None
    requests_per_second: float
    p50_ms: float | None
    p99_ms: float | None
    connections: int
    by_deployment: dict[str, Observed] = Field(default_factory=dict)

    def load_test(self, sku: str, instances: int) -> LoadTest:
        """The result of a load test, with the instances that served it."""
        return LoadTest(**self.model_dump(), sku=sku, instances=instances)


@dataclass(frozen=True)
class ScoringClient:
    """Calls the scoring URI of an online endpoint with one of its keys."""

    scoring_uri: str
    key: str = field(repr=False)
    payload: Payload

    def post(
        self,
        body: Any,
        *,
        deployment: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
        session: requests.Session | None = None,
    ) -> requests.Response:
        """Send one request.

        Args:
            body: what to send as JSON; bytes are sent as they are.
            deployment: the deployment to call, whatever its traffic; None: the traffic map decides.
            timeout: in seconds.
            session: for further requests on the same connection.
        """
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        if deployment is not None:
            headers[DEPLOYMENT_HEADER] = deployment
        post = (session or requests).post
        content = {"data": body} if isinstance(body, bytes) else {"json": body}
        return post(self.scoring_uri, headers=headers, timeout=timeout, **content)

    def score(self, rows: pd.DataFrame, **options: Any) -> requests.Response:
        """Request predictions for rows; ``options`` are those of :meth:`post`."""
        return self.post(self.payload.request(rows), **options)

    def predict(self, rows: pd.DataFrame, deployment: str | None = None) -> list[Any]:
        """The prediction for each row.

        Raises:
            RequestException: there was no answer, or an error status.
        """
        response = self.score(rows, deployment=deployment)
        response.raise_for_status()
        return self.payload.answer(response.json())

    def observe(
        self,
        rows: pd.DataFrame,
        *,
        seconds: float,
        connections: int = 2,
        deployment: str | None = None,
        share: int = 100,
        limits: RequestLimits | None = None,
    ) -> Observation:
        """Send requests for some time and measure them.

        A slow endpoint answers few requests in this time, and a deployment with a small share may
        get none of them. The observation then goes on until its share has been hit with a
        probability of 99.9 %, at most for as long as that takes at the limit of p95.

        Args:
            rows: sent ten at a time, again and again.
            seconds: how long.
            connections: how many requests at the same time.
            deployment: the deployment to call; None: the traffic map decides.
            share: of the requests that the deployment under observation gets, in per cent.
            limits: of the criteria file; the timeout of a request follows from its p95.
        """
        batches = [
            rows.iloc[i : i + ROWS_PER_REQUEST] for i in range(0, len(rows), ROWS_PER_REQUEST)
        ]
        timeout: float = TIMEOUT_SECONDS
        slowest: float = TIMEOUT_SECONDS
        if limits is not None:
            slowest = min(slowest, limits.p95_ms / 1000)
            timeout = min(timeout, TIMEOUT_FACTOR * limits.p95_ms / 1000)
        calls: list[_Call] = []
        minimum = _requests_for(share)
        started = time.perf_counter()
        end = time.monotonic() + seconds
        latest = end + minimum * slowest / connections

        def send_requests(number: int) -> None:
            with requests.Session() as session:
                while (now := time.monotonic()) < end or (len(calls) < minimum and now < latest):
                    batch = batches[number % len(batches)]
                    number += connections
                    options = {"deployment": deployment, "timeout": timeout, "session": session}
                    calls.append(self._call(batch, options))

        threads = [threading.Thread(target=send_requests, args=(n,)) for n in range(connections)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return _summarize(calls, time.perf_counter() - started, connections)

    def _call(self, batch: pd.DataFrame, options: dict[str, Any]) -> _Call:
        started, deployment, error = time.perf_counter(), None, None
        try:
            response = self.score(batch, **options)
            deployment = response.headers.get(DEPLOYMENT_HEADER)
            if response.status_code != 200 or len(self.payload.answer(response.json())) != len(
                batch
            ):
                error = f"{response.status_code} {response.text[:200]}"
        except Exception as exception:  # noqa: BLE001 -- also the project's own answer(body)
            error = f"{type(exception).__name__}: {exception}"
        return _Call((time.perf_counter() - started) * 1000, deployment, error)


@dataclass(frozen=True)
class _Call:
    """One request: its latency, the deployment that answered, and what went wrong."""

    milliseconds: float
    deployment: str | None
    error: str | None


def _requests_for(share: int) -> int:
    """How many requests hit a share (in per cent) once or more with a probability of 99.9 %."""
    if not 0 < share < 100:
        return 0
    return math.ceil(math.log(0.001) / math.log(1 - share / 100))


def _summarize(calls: list[_Call], seconds: float, connections: int) -> Observation:
    by_deployment: defaultdict[str, list[_Call]] = defaultdict(list)
    for call in calls:
        if call.deployment is not None:
            by_deployment[call.deployment].append(call)
    errors = [call.error for call in calls if call.error is not None]
    return Observation(
        requests=len(calls),
        errors=len(errors),
        first_error=errors[0] if errors else None,
        requests_per_second=round(len(calls) / seconds, 1),
        p50_ms=_percentile(calls, 50),
        p95_ms=_percentile(calls, 95),
        p99_ms=_percentile(calls, 99),
        connections=connections,
        by_deployment={
            name: Observed(
                requests=len(own),
                errors=sum(call.error is not None for call in own),
                p95_ms=_percentile(own, 95),
            )
            for name, own in sorted(by_deployment.items())
        },
    )


def _percentile(calls: list[_Call], percent: int) -> float | None:
    import numpy as np

    if not calls:
        return None
    return round(float(np.percentile([call.milliseconds for call in calls], percent)), 2)


def check_limits(
    observation: Observation, limits: RequestLimits, deployment: str | None = None
) -> list[Problem]:
    """The limits that an observation exceeds. An observation without requests is a problem too.

    Args:
        observation: of :meth:`ScoringClient.observe`, with ``drift`` where it was measured.
        limits: of the criteria file.
        deployment: has to have answered, and its own p95 is checked too: with a tenth of the
            traffic, a slow deployment does not show in the p95 of all requests.
    """
    if not observation.requests:
        return [Problem("no_requests", "no requests were observed")]
    problems = []
    if deployment is not None and observation.by_deployment:
        problems += _check_deployment(observation, limits, deployment)
    rate = observation.errors / observation.requests
    if rate > limits.error_rate:
        problems.append(
            Problem(
                "error_rate",
                f"{observation.errors} of {observation.requests} requests failed"
                f" ({observation.first_error}), limit: a share of {limits.error_rate:g}",
            )
        )
    p95 = observation.p95_ms
    if p95 is None or not p95 <= limits.p95_ms:
        problems.append(Problem("p95_ms", f"p95 {p95:.0f} ms, limit: {limits.p95_ms:g} ms"))
    drift = observation.drift
    if limits.drift is not None and drift is not None and not drift <= limits.drift:
        problems.append(
            Problem("drift", f"drift of the predictions {drift:.3f}, limit: {limits.drift:g}")
        )
    return problems


def _check_deployment(
    observation: Observation, limits: RequestLimits, deployment: str
) -> list[Problem]:
    own = observation.by_deployment.get(deployment)
    if own is None:  # failed requests may not name their deployment
        return [Problem("no_requests_of_deployment", f"{deployment} answered no request")]
    if own.p95_ms is None or observation.p95_ms is None:
        return []
    if own.p95_ms > limits.p95_ms >= observation.p95_ms:
        message = f"p95 of {deployment} {own.p95_ms:.0f} ms, limit: {limits.p95_ms:g} ms"
        return [Problem("deployment_p95_ms", message)]
    return []

"""Ask an online endpoint as its callers do, and say what was seen.

A closed loop: each connection sends its next request when it has the answer to the last, so the
load is what the endpoint can take and no queue builds up in here.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import requests

from nbrelease.quality.criteria import Traffic
from nbrelease.quality.data import LEAST_SHARE

ANSWERED_BY = "azureml-model-deployment"
"""The header of a request that asks for one deployment, and of the answer that names it."""
TIMEOUT_SECONDS = 30
PATIENCE = 5
"""A request that takes so many times what p95 may is given up, and counts as an error."""
BODY_ROWS = 10


def ask(
    scoring_uri: str,
    key: str,
    rows: pd.DataFrame,
    *,
    deployment: str | None = None,
    timeout: float = TIMEOUT_SECONDS,
    session: requests.Session | None = None,
) -> requests.Response:
    """One request for predictions.

    Args:
        scoring_uri: the endpoint's.
        key: one of its keys.
        rows: what to predict.
        deployment: asked by name, past the traffic map; None: whom the map chooses.
        timeout: in seconds.
        session: to be used again for further requests.
    """
    headers = {"Authorization": f"Bearer {key}"}
    if deployment is not None:
        headers[ANSWERED_BY] = deployment
    body = {"input_data": rows.to_dict(orient="split")}
    post = (session or requests).post
    return post(scoring_uri, json=body, headers=headers, timeout=timeout)


def predictions(
    scoring_uri: str, key: str, rows: pd.DataFrame, deployment: str | None = None
) -> list[Any]:
    """What is predicted for each row, as :func:`ask` asks for it.

    Raises:
        RequestException: there was no answer, or it was a refusal.
    """
    answer = ask(scoring_uri, key, rows, deployment=deployment)
    answer.raise_for_status()
    return list(answer.json())


def observe(
    scoring_uri: str,
    key: str,
    rows: pd.DataFrame,
    *,
    seconds: float,
    connections: int = 2,
    deployment: str | None = None,
    limits: Traffic | None = None,
) -> dict[str, Any]:
    """Send requests for a while.

    Args:
        scoring_uri: the endpoint's.
        key: one of its keys.
        rows: asked for ten at a time, over and over.
        seconds: how long.
        connections: how many callers at once.
        deployment: asked by name; None: whom the traffic map chooses.
        limits: of the criteria file; how long an answer is waited for follows from its p95.

    Returns:
        requests, errors, requests_per_second, p50_ms, p95_ms, p99_ms (None where there
        was no request), connections, and by_deployment: requests, errors and p95_ms of each that
        named itself in its answers.
    """
    batches = [rows.iloc[i : i + BODY_ROWS] for i in range(0, len(rows), BODY_ROWS)]
    timeout = min(TIMEOUT_SECONDS, PATIENCE * limits.p95_ms / 1000) if limits else TIMEOUT_SECONDS
    taken: list[float] = []
    errors: list[str] = []
    by_deployment: defaultdict[str, list[tuple[float, bool]]] = defaultdict(list)
    end = time.monotonic() + seconds

    def caller(number: int) -> None:
        with requests.Session() as session:
            turn = number
            while time.monotonic() < end:
                batch = batches[turn % len(batches)]
                turn += connections
                started, who, failed = time.perf_counter(), None, True
                try:
                    answer = ask(
                        scoring_uri,
                        key,
                        batch,
                        deployment=deployment,
                        timeout=timeout,
                        session=session,
                    )
                    who = answer.headers.get(ANSWERED_BY)
                    failed = answer.status_code != 200 or len(answer.json()) != len(batch)
                    if failed:
                        errors.append(f"{answer.status_code} {answer.text[:200]}")
                except (requests.RequestException, ValueError, TypeError) as error:
                    errors.append(f"{type(error).__name__}: {error}")
                taken.append((time.perf_counter() - started) * 1000)
                if who is not None:
                    by_deployment[who].append((taken[-1], failed))

    started = time.perf_counter()
    threads = [threading.Thread(target=caller, args=(n,)) for n in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - started
    return {
        "requests": len(taken),
        "errors": len(errors),
        "first_error": errors[0] if errors else None,
        "requests_per_second": round(len(taken) / elapsed, 1),
        **{f"p{q}_ms": _quantile(taken, q) for q in (50, 95, 99)},
        "connections": connections,
        "by_deployment": {
            name: {
                "requests": len(seen),
                "errors": sum(failed for _, failed in seen),
                "p95_ms": _quantile([ms for ms, _ in seen], 95),
            }
            for name, seen in sorted(by_deployment.items())
        },
    }


def _quantile(taken: list[float], per_cent: int) -> float | None:
    """None of nothing: a record has no word for a number that is none."""
    return round(float(np.quantile(taken, per_cent / 100)), 2) if taken else None


def prediction_drift(before: list[Any], after: list[Any]) -> float:
    """Population stability index of two lists of predicted classes; 0 when the shares agree."""
    if not before or not after:
        return float("nan")
    index = 0.0
    for value in {*before, *after}:
        old, new = (max(x.count(value) / len(x), LEAST_SHARE) for x in (before, after))
        index += (new - old) * float(np.log(new / old))
    return index


def breaches(
    observed: Mapping[str, Any], limits: Traffic, deployment: str | None = None
) -> list[str]:
    """Each limit that an observation does not keep, in words; nothing observed is a breach.

    Args:
        observed: of :func:`observe`, with ``drift`` where it was measured.
        limits: of the criteria file.
        deployment: which has to have answered, and is held against the limits alone too: with a
            tenth of the traffic it can be slow without all requests' p95 showing it.
    """
    if not observed.get("requests"):
        return ["nothing was observed"]
    found = []
    answered = observed.get("by_deployment")
    if deployment is not None and answered:
        alone = answered.get(deployment)
        if alone is None:  # its failures may not say whose they are
            found.append(f"nothing was observed of {deployment}")
        elif alone["p95_ms"] > limits.p95_ms >= observed["p95_ms"]:
            found.append(
                f"p95 of {deployment} {alone['p95_ms']:.0f} ms, at most {limits.p95_ms:g} asked"
            )
    rate = observed["errors"] / observed["requests"]
    if rate > limits.error_rate:
        found.append(
            f"{observed['errors']} of {observed['requests']} requests failed"
            f" ({observed['first_error']}), at most a share of {limits.error_rate:g} asked"
        )
    if not observed["p95_ms"] <= limits.p95_ms:
        found.append(f"p95 {observed['p95_ms']:.0f} ms, at most {limits.p95_ms:g} asked")
    drift = observed.get("drift")
    if limits.drift is not None and drift is not None and not drift <= limits.drift:
        found.append(f"drift of the predictions {drift:.3f}, at most {limits.drift:g} asked")
    return found

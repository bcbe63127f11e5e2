"""The published values that the record has fields for, as typed models.

Runbooks publish JSON with ``record(...)``. A value in another form does not leave a release without
evidence: the record lists it as unreadable. Further keys stay in the ``values`` of the runbook.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from nbrelease.records import declaration
from nbrelease.records.criterion import AnyCriterion
from nbrelease.records.declaration import Section, value

Interval = tuple[float, float]
Point = tuple[float, float]
Direction = Literal["higher", "lower"]
"""Which values of a metric are better."""
ColumnKind = Literal["numeric", "boolean", "categorical", "text", "date"]


class _Value(BaseModel):
    model_config = ConfigDict(
        extra="ignore", frozen=True, serialize_by_alias=True, validate_by_name=True,
        defer_build=True,
    )  # fmt: skip


class Column(_Value):
    """A column of the data; ``missing`` in rows.

    ``min`` to ``std`` are of numeric columns. ``distinct``, ``most_frequent`` and its share are of
    the others; ``first`` and ``last`` are of dates, in ISO format.
    """

    name: str
    type: str
    kind: ColumnKind | None = None
    missing: int
    distinct: int | None = None
    most_frequent: str | None = None
    most_frequent_share: float | None = None
    first: str | None = None
    last: str | None = None
    min: float | None = None
    max: float | None = None
    mean: float | None = None
    std: float | None = None


class Drift(_Value):
    """A column's population stability index against the champion's data.

    Of a column that is not numeric it is the index of its categories, of the lengths of its texts,
    or of its dates.
    """

    column: str
    kind: ColumnKind | None = None
    psi: float | None


class DataProfile(_Value):
    """The profile of the training data. ``overlap``: rows in both training and test."""

    rows: int
    duplicates: int | None = None
    overlap: int | None = None
    columns: list[Column] = Field(default_factory=list)
    checks: list[AnyCriterion] = Field(default_factory=list)
    drift: list[Drift] | None = None


class Importance(_Value):
    """The permutation importance of a feature, and its ranks among the repetitions."""

    feature: str
    mean: float
    std: float | None = None
    best_rank: int | None = None
    worst_rank: int | None = None


class Fairness(_Value):
    """Metrics by group of a sensitive column; a group has ``group``, ``rows`` and metrics."""

    sensitive: str
    groups: list[dict[str, str | float | None]]
    differences: dict[str, float | None] = Field(default_factory=dict)
    most: dict[str, float | None] = Field(default_factory=dict)
    calibration: dict[str, list[Point]] = Field(default_factory=dict)


class Metric(_Value):
    """A metric of both models on the same rows; intervals are (low, high).

    ``difference`` is challenger minus champion, whatever the direction. ``resamples``: bootstrap
    samples of the intervals. ``help`` describes a metric of the project.
    """

    name: str
    direction: Direction = "higher"
    help: str = ""
    challenger: float
    challenger_interval: Interval | None = None
    champion: float | None = None
    champion_interval: Interval | None = None
    difference: float | None = None
    difference_interval: Interval | None = None
    resamples: int | None = None


class McNemar(_Value):
    """McNemar's test: rows that only one of the models gets right."""

    champion_only: int
    challenger_only: int
    p_value: float


class Slice(_Value):
    """Metrics of a slice of the rows.

    A slice is a range ``low`` to ``high`` (the end excluded) of a column, or one of its categories.
    """

    slice: str
    column: str | None = None
    low: float | None = None
    high: float | None = None
    category: str | None = None
    rows: int
    metrics: dict[str, float | None]
    champion_metrics: dict[str, float | None] | None = None
    difference_intervals: dict[str, Interval | None] | None = None


class Curves(_Value):
    """What the charts show of one model; a task leaves empty what does not apply to it.

    ``roc``: (false, true positive rate). ``precision_recall``: (recall, precision).
    ``calibration``: (predicted, observed). ``confusion``: rows by actual class, columns by
    predicted class, both in the order of the comparison's ``classes``. ``predicted_actual``:
    (predicted, actual) and ``residuals``: (predicted, actual minus predicted) of a sample of the
    rows. ``errors_by_horizon``: (steps ahead, mean absolute error).
    """

    roc: list[Point] = Field(default_factory=list)
    precision_recall: list[Point] = Field(default_factory=list)
    calibration: list[Point] = Field(default_factory=list)
    confusion: list[list[int]] | None = None
    predicted_actual: list[Point] = Field(default_factory=list)
    residuals: list[Point] = Field(default_factory=list)
    errors_by_horizon: list[Point] = Field(default_factory=list)


class BothCurves(_Value):
    """The curves of both models."""

    challenger: Curves
    champion: Curves | None = None


class Champion(_Value):
    """The champion when the challenger was measured."""

    version: str | None = None


class Comparison(_Value):
    """Challenger and champion on the same held-out rows; the challenger alone without one.

    ``metrics``: the first is the main metric. ``classes``: of a classifier, in order;
    ``positive``: the positive one of a binary classifier. ``not_measured``: why a metric, or one
    of the champion, was not measured, by its name.
    """

    task: str = "binary"
    label: str | None = None
    classes: list[str] = Field(default_factory=list)
    positive: str | None = None
    rows: int
    champion: Champion | None = None
    confidence: float = 0.95
    metrics: list[Metric]
    mcnemar: McNemar | None = None
    slices: list[Slice] = Field(default_factory=list)
    curves: BothCurves | None = None
    not_measured: dict[str, str] = Field(default_factory=dict)


class Waiver(_Value):
    """A waiver of a failed gate, valid until a day."""

    name: str
    reason: str
    until: date


class Gate(_Value):
    """The gate. ``champion``: whether criteria with the champion as baseline count."""

    verdict: Literal["passed", "failed", "waived"]
    criteria: list[AnyCriterion]
    criteria_commit: str | None = None
    champion: Literal["stop", "report"] = "stop"
    waiver: Waiver | None = None
    waiver_over: Waiver | None = None


class LoadTest(_Value):
    """Requests to the new deployment before it had traffic; times in milliseconds."""

    requests: int
    errors: int
    requests_per_second: float | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    connections: int | None = None
    sku: str | None = None
    instances: int | None = None


class Observed(_Value):
    """The observed requests during a step of the rollout."""

    requests: int
    errors: int
    p95_ms: float | None = None
    drift: float | None = None


class RolloutStep(_Value):
    """A step of the rollout: the traffic as read back, the observed requests, the decision.

    ``deployment``: the new one. ``leave as it is``: a limit was exceeded and rolling back was not
    possible; ``why`` has the reason. ``give no traffic``: mirrored requests exceeded a limit.
    """

    time: datetime
    deployment: str = ""
    traffic: dict[str, int]
    observed: Observed | None = None
    decision: Literal["go on", "roll back", "done", "leave as it is", "give no traffic"]
    why: str = ""


class Rollback(_Value):
    """A rollback. ``keep_until``: how long the deployment without traffic is kept."""

    origin: str = Field(alias="from")
    to: str
    seconds: float | None = None
    time: datetime
    reason: str = ""
    keep_until: date | None = None


class RollbackDrill(_Value):
    """A rollback that was tested, and undone."""

    origin: str = Field(alias="from")
    to: str
    seconds: float
    time: datetime


class Data(Section):
    """The data that was trained on."""

    name: str = value("01_prepare", "name of the data asset", name="data_name", default=...)
    version: str = value("01_prepare", "its version", name="data_version", default=...)
    rows: int = value("01_prepare", "its rows", name="data_rows", default=...)
    sha256: str = value("01_prepare", "digest of the file", name="data_sha256", default=...)


class Model(Section):
    """The registered model."""

    name: str = value("03_register", "name of the model", name="model_name", default=...)
    version: str = value("03_register", "its version", name="model_version", default=...)
    sha256: str = value("03_register", "digest of its files", name="model_sha256", default=...)


class BatchEndpoint(Section):
    """The batch endpoint after its test."""

    name: str = value("04_deploy_batch", "name of the endpoint", name="batch_endpoint", default=...)
    deployment: str = value(
        "04_deploy_batch", "its deployment", name="batch_deployment", default=...
    )
    rows_in: int | None = value("05_test_batch", "rows that were sent")
    rows_out: int | None = value("05_test_batch", "predictions that came back")


class OnlineEndpoint(Section):
    """The online endpoint after its test."""

    name: str = value(
        "06_deploy_online", "name of the endpoint", name="online_endpoint", default=...
    )
    deployment: str = value(
        "06_deploy_online", "its deployment", name="online_deployment", default=...
    )
    scoring_uri: str = value("06_deploy_online", "where it is called", default=...)
    traffic: dict[str, int] | None = value(
        "08_release_online", "percent by deployment, as read back from the endpoint"
    )
    parity_max_abs_diff: float | None = value(
        "07_test_online", "largest difference between its predictions and those of the training job"
    )
    parity_tolerance: float = value("07_test_online", "how large that difference may be", default=0)


class Endpoints(Section):
    """What serves the model."""

    batch: BatchEndpoint | None = None
    online: OnlineEndpoint | None = None


class Published(_Value):
    """The published values that the record has a place for. To add one, declare it here."""

    data: Data | None = Field(default=None, description="the data that was trained on")
    data_profile: DataProfile | None = value(
        "01_prepare", "columns, checks and drift of the data; 02_train adds overlap and drift"
    )
    job: str | None = value("02_train", "name of the training job", name="job_name")
    metrics: dict[str, float] = value(
        "02_train", "metrics that the job logged", default_factory=dict
    )
    comparison: Comparison | None = value(
        "02_train", "challenger and champion on the same held-out rows"
    )
    importance: list[Importance] | None = value("02_train", "permutation importance by feature")
    importance_metric: str | None = value("02_train", "metric whose loss the importance is")
    job_parameters: dict[str, str] | None = value(
        "02_train", "parameters that the training job logged: what it really used"
    )
    fairness: Fairness | None = value("02_train", "metrics by group of a sensitive column")
    not_measured: dict[str, str] = value(
        "02_train",
        "why something was not measured, by its name: importance, fairness, slices, overlap",
        default_factory=dict,
    )
    package_list: dict[str, str] | None = value("02_train", "packages of the job's environment")
    gate: Gate | None = value("03_register", "release criteria and their results")
    model: Model | None = Field(default=None, description="the registered model")
    endpoints: Endpoints = Field(default=Endpoints(), description="what serves the model")
    load_test: LoadTest | None = value(
        "07_test_online", "requests to the new deployment before it had traffic"
    )
    rollout: list[RolloutStep] | None = value("08_release_online", "steps of the rollout")
    previous_deployment: str | None = value(
        "08_release_online", "the deployment that was live before"
    )
    keep_previous_until: date | None = value(
        "08_release_online", "day until which that deployment is kept"
    )
    rollback: Rollback | None = value("09_rollback", "the rollback, where there was one")
    rollback_drill: RollbackDrill | None = value(
        "09_rollback", "a rollback that was made to test it, and undone"
    )


def read(values: Mapping[str, Any]) -> tuple[Published, list[str]]:
    """The values that can be read, and one line for each in another form."""
    fields, problems = declaration.read(Published, values)
    return Published(**fields), problems


def check(name: str, value: Any) -> str:
    """Why the record cannot show a value; see :func:`declaration.check`."""
    return declaration.check(Published, name, value)

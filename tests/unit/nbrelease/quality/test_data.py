"""Profile and checks of training data: by kind of column, by task, from files of any size."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from nbrelease.errors import DataError, SettingsError
from nbrelease.quality import criteria, tables
from nbrelease.quality.criteria import ColumnLimits, Criteria, DataCriteria, LabelLimits
from nbrelease.quality.data import measure_drift, profile_data

ROOT = Path(__file__).parents[4]
SHIPPED = criteria.load(ROOT / "runbooks" / "criteria.yml")
LEAKAGE = "id_leakage"


def sample(**columns) -> pd.DataFrame:
    return pd.read_csv(ROOT / "data" / "diabetes-sample.csv").assign(**columns)


def with_data(**keys) -> Criteria:
    return SHIPPED.model_copy(update={"data": DataCriteria.model_validate(keys)})


def profile(tmp_path, rows: pd.DataFrame, limits=SHIPPED, label="Diabetic", task="binary"):
    path = tmp_path / "rows.csv"
    rows.to_csv(path, index=False)
    return profile_data(path, limits, label, task)


def failed(result) -> list[tuple[str, str | None]]:
    json.dumps(result.model_dump(mode="json"), allow_nan=False)
    return [(check.metric, check.slice) for check in result.checks if not check.passed]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda rows: rows, []),
        (lambda rows: rows.drop(columns="BMI"), [("column", "BMI")]),
        (lambda rows: rows.drop(columns="PatientID"), [("column", "PatientID")]),
        (lambda rows: rows.drop(columns="Diabetic"), [("column", "Diabetic")]),
        (lambda rows: pd.concat([rows, rows.head(100).assign(PatientID=range(100))]), [("duplicates", None)]),
        (lambda rows: rows.assign(Age=rows.Age.where(rows.index != 3, 190)), [("most", "Age")]),
        (lambda rows: rows.assign(Age=rows.Age.astype(object).where(rows.index != 3, "old")), [("unreadable", "Age")]),
        (lambda rows: rows.assign(BMI=rows.BMI.where(rows.index > 9)), [("missing", "BMI")]),
        (lambda rows: rows.assign(Diabetic=rows.Diabetic.where(rows.index > 9)), [("missing_labels", "Diabetic")]),
        (lambda rows: rows.assign(Diabetic=rows.Diabetic.where(rows.index > 9, 2)), [("label_values", "Diabetic"), (LEAKAGE, "PatientID")]),
        (lambda rows: rows.assign(Diabetic=1), [("label_values", "Diabetic"), (LEAKAGE, "PatientID")]),
        (lambda rows: rows.assign(PatientID=rows.Diabetic * 10_000 + range(len(rows))), [(LEAKAGE, "PatientID")]),
        (lambda rows: rows.assign(PatientID=[f"{'ab'[y]}{n}" for n, y in enumerate(rows.Diabetic)]), [(LEAKAGE, "PatientID")]),
        (lambda rows: rows.assign(PatientID=[f"a{n * 7919 % 1501:04}" for n in range(len(rows))]), []),
        (lambda rows: rows.assign(Diabetic=rows.Diabetic.map({0: "no", 1: "yes"})), []),
    ],
)  # fmt: skip
def test_checks_of_a_binary_task(tmp_path, change, expected):
    assert failed(profile(tmp_path, change(sample()))) == expected


def test_leakage_equals_the_area_under_the_curve_of_scikit_learn(tmp_path):
    from sklearn.metrics import roc_auc_score

    rows = sample()
    [leakage] = [x for x in profile(tmp_path, rows).checks if x.metric == LEAKAGE]
    area = roc_auc_score(rows.Diabetic, rows.PatientID)
    assert leakage.value == pytest.approx(abs(area - 0.5))


def test_the_profile_equals_pandas_whatever_the_batches(tmp_path, monkeypatch):
    rows = sample()
    rows.loc[5, "BMI"] = np.nan
    rows = pd.concat([rows, rows.head(20).assign(PatientID=1)])
    expected = profile(tmp_path, rows)
    monkeypatch.setattr(tables, "BLOCK_BYTES", 5000)
    result = profile(tmp_path, rows)
    assert [each.metric for each in result.checks] == [each.metric for each in expected.checks]
    assert (result.rows, result.duplicates) == (len(rows), 20)
    for each in result.columns:
        column = rows[each.name]
        assert (each.type, each.kind) == (str(column.dtype), "numeric")
        assert each.missing == column.isna().sum()
        for name in ("min", "max", "mean", "std"):
            assert getattr(each, name) == pytest.approx(getattr(column, name)(), rel=1e-9)


MIXED = pd.DataFrame(
    {
        "code": [f"{n % 7:05}" for n in range(300)],
        "country": ["NA" if n % 10 else "DE" for n in range(300)],
        "open": [n % 3 == 0 for n in range(300)],
        "day": [f"2026-01-{n % 28 + 1:02}" for n in range(300)],
        "note": [f"note {n} about {n * 17}" for n in range(300)],
        "demand": np.arange(300) / 7,
    }
)
TEXTS = {"code": {"pattern": r"\d{5}"}, "country": {"values": ["DE", "NA"]}}


def test_each_kind_of_column_has_its_profile(tmp_path):
    result = profile(tmp_path, MIXED, with_data(columns=TEXTS), "demand", "regression")
    assert failed(result) == []
    columns = {each.name: each for each in result.columns}
    assert [each.kind for each in result.columns] == [
        "text", "categorical", "boolean", "date", "text", "numeric",
    ]  # fmt: skip
    assert (columns["code"].distinct, columns["code"].missing) == (7, 0)
    country = columns["country"]
    assert (country.distinct, country.most_frequent, country.missing) == (2, "NA", 0)
    assert country.most_frequent_share == pytest.approx(0.9)
    assert (columns["open"].most_frequent, columns["open"].distinct) == ("False", 2)
    assert columns["day"].first == "2026-01-01T00:00:00"
    assert columns["day"].last == "2026-01-28T00:00:00"
    assert columns["note"].distinct == 300
    undeclared = profile(tmp_path, MIXED, with_data(), "demand", "regression")
    country = next(each for each in undeclared.columns if each.name == "country")
    assert (country.most_frequent, country.missing) == ("DE", 270)


@pytest.mark.parametrize(
    ("name", "limits", "expected"),
    [
        ("code", {"pattern": r"\d{4}"}, [("mismatches", 300)]),
        ("code", {"pattern": "0000[1-6]"}, [("mismatches", 43)]),
        ("code", {"max_length": 4}, [("longest", 5)]),
        ("note", {"min_length": 16}, [("shortest", 14)]),
        ("country", {"values": ["DE", "FR"]}, [("other_values", 270)]),
        ("country", {"kind": "numeric"}, [("missing", 0.9), ("unreadable", 30)]),
        ("country", {"missing": 0.9}, []),
        ("day", {"min": "2026-01-02"}, [("too_early", 11)]),
        ("day", {"max": "2026-01-28"}, []),
        ("day", {"max": "2026-01-26T12:00:00"}, [("too_late", 20)]),
        ("open", {"kind": "boolean", "values": [True]}, [("other_values", 200)]),
        ("demand", {"min": 0, "max": 40}, [("most", pytest.approx(299 / 7))]),
        ("absent", {"missing": 1}, [("column", None)]),
    ],
)
def test_limits_of_a_column(tmp_path, name, limits, expected):
    result = profile(tmp_path, MIXED, with_data(columns={name: limits}), "demand", "regression")
    assert [(x.metric, x.value) for x in result.checks if not x.passed] == expected
    assert {x.slice for x in result.checks if not x.passed} <= {name}


@pytest.mark.parametrize(
    "limits",
    [
        {"min": 1, "pattern": "a"},
        {"min": 1, "max": "2026-01-01"},
        {"kind": "date", "max_length": 3},
        {"pattern": "("},
        {"longest": 3},
    ],
)
def test_limits_of_several_kinds_are_an_error(tmp_path, limits):
    text = (ROOT / "runbooks" / "criteria.yml").read_text(encoding="utf-8")
    path = tmp_path / "criteria.yml"
    path.write_text(text.replace("Age: {min: 15, max: 120}", f"Age: {json.dumps(limits)}"))
    with pytest.raises(SettingsError, match=r"data\.columns\.Age"):
        criteria.load(path)


@pytest.mark.parametrize(
    ("label", "task", "limits", "expected"),
    [
        ("country", "multiclass", {}, []),
        ("country", "binary", {}, []),
        ("code", "multiclass", {}, []),
        ("code", "binary", {}, ["label_values"]),
        ("country", "multiclass", {"smallest_share": 0.05}, []),
        ("country", "multiclass", {"smallest_share": 0.2}, ["smallest_class"]),
        ("country", "multiclass", {"values": ["DE", "NA"]}, []),
        ("country", "multiclass", {"values": ["NA"]}, ["other_labels"]),
        ("country", "multiclass", {"values": ["DE", "NA", "FR"]}, ["absent_classes"]),
        ("demand", "regression", {}, []),
        ("demand", "forecasting", {}, []),
        ("note", "regression", {}, ["unreadable_labels"]),
        ("note", "custom", {}, []),
        ("none", "custom", {}, ["column"]),
    ],
)
def test_checks_of_the_label(tmp_path, label, task, limits, expected):
    texts = {name: ColumnLimits.model_validate(keys) for name, keys in TEXTS.items()}
    data = with_data(columns=texts, label=LabelLimits(**limits))
    assert [name for name, _ in failed(profile(tmp_path, MIXED, data, label, task))] == expected


def test_a_constant_label_is_no_regression(tmp_path):
    result = profile(tmp_path, MIXED.assign(demand=2), with_data(), "demand", "regression")
    assert failed(result) == [("constant_label", "demand")]


@pytest.mark.parametrize(
    ("label", "limits", "expected"),
    [
        ("demand", {"missing": 0.1}, []),
        ("demand", {"min": 0, "max": 50}, []),
        ("note", {"missing": 0.1}, [("unreadable", "note"), ("unreadable_labels", "note")]),
    ],
)
def test_a_label_with_limits_of_its_own_has_to_be_a_number(tmp_path, label, limits, expected):
    data = with_data(columns={label: limits})
    assert failed(profile(tmp_path, MIXED, data, label, "regression")) == expected


@pytest.mark.parametrize("limits", [{"values": [1, 2]}, {"kind": "text"}])
def test_limits_of_another_kind_for_a_numeric_label_are_an_error(tmp_path, limits):
    data = with_data(columns={"demand": limits})
    with pytest.raises(SettingsError, match=r"data\.columns\.demand"):
        profile(tmp_path, MIXED, data, "demand", "regression")


def test_ragged_rows_are_a_failed_check_with_their_rows(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("a,b,y\n1,2,0\n1,2\n3,4,1\n5,6,1,9\n")
    result = profile_data(path, with_data(), "y")
    [ragged] = [each for each in result.checks if each.metric == "ragged_rows"]
    assert (ragged.passed, ragged.value) == (False, 2)
    assert "rows.csv:3" in ragged.slice
    assert "rows.csv:5" in ragged.slice
    assert result.rows == 2


def test_data_without_rows_fails(tmp_path):
    assert ("data_rows", None) in failed(profile(tmp_path, sample().head(0)))


def test_a_type_that_changes_in_a_later_batch(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "BLOCK_BYTES", 200)
    rows = pd.DataFrame({"x": [1] * 200 + [2.5], "y": [None] * 200 + ["late"], "z": [1] * 201})
    rows.loc[200, "z"] = 0
    result = profile(tmp_path, rows, with_data(), "z")
    assert [(each.name, each.type, each.missing) for each in result.columns] == [
        ("x", "float64", 0), ("y", "object", 200), ("z", "int64", 0),
    ]  # fmt: skip
    assert result.duplicates == 199


def test_parquet_and_folders_have_the_profile_of_the_csv_file(tmp_path):
    rows = MIXED.assign(day=pd.to_datetime(MIXED.day))
    columns = {"columns": {"code": {"kind": "text"}, "country": {"kind": "categorical"}}}
    expected = profile(tmp_path, rows, with_data(**columns), "demand", "regression")
    (tmp_path / "parts").mkdir()
    for number in range(3):
        part = rows.iloc[number * 100 : number * 100 + 100]
        part.to_parquet(tmp_path / "parts" / f"{number}.parquet")
    result = profile_data(tmp_path / "parts", with_data(**columns), "demand", "regression")
    for each, same in zip(result.columns, expected.columns, strict=True):
        assert each.model_dump(exclude={"mean", "std"}) == same.model_dump(exclude={"mean", "std"})
        assert each.mean == pytest.approx(same.mean)
        assert each.std == pytest.approx(same.std)
    assert (result.rows, result.duplicates) == (300, 0)


HOURS = pd.date_range("2026-01-01", periods=40, freq="h")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pd.Categorical(["a", "b", None, "c"] * 10), ("object", "categorical", 10)),
        (pd.Categorical([5, 6] * 20), ("int64", "numeric", 0)),
        (HOURS.tz_localize("UTC"), ("datetime64[ns]", "date", 0)),
        (HOURS.tz_localize("Asia/Tokyo").as_unit("ms"), ("datetime64[ns]", "date", 0)),
        ([None, *HOURS[1:].date], ("datetime64[ns]", "date", 1)),
        (pd.period_range("2026-01", periods=40, freq="M"), ("object", "text", 0)),
        (pd.interval_range(0, 40), ("object", "text", 0)),
        (HOURS.time, ("object", "text", 0)),
        ([{"a": n} for n in range(40)], ("object", "text", 0)),
        ([[n] for n in range(39)] + [None], ("object", "text", 1)),
        ([Decimal(n) / 4 for n in range(40)], ("object", "numeric", 0)),
        ([True, None] * 20, ("bool", "boolean", 20)),
        (pd.array(["a", "b"] * 20, dtype="large_string[pyarrow]"), ("object", "categorical", 0)),
        ([None] * 40, ("object", "categorical", 40)),
    ],
)
def test_each_type_of_parquet_has_a_profile(tmp_path, values, expected):
    rows = pd.DataFrame({"x": values, "y": range(40)}).sample(frac=1, random_state=0)
    rows.to_parquet(tmp_path / "rows.parquet")  # with the index, which has no name
    result = profile_data(tmp_path / "rows.parquet", with_data(), "y", "regression")
    assert [each.name for each in result.columns] == ["x", "y"]
    column = result.columns[0]
    assert (column.type, column.kind, column.missing) == expected


def test_times_with_a_zone_are_those_in_utc_and_the_end_of_time_is_no_time(tmp_path):
    times = pd.Series(HOURS.tz_localize("Asia/Tokyo").as_unit("us"))
    times[39] = pd.Timestamp("9999-12-31", tz="Asia/Tokyo").as_unit("us")
    pd.DataFrame({"x": times, "y": range(40)}).to_parquet(tmp_path / "rows.parquet")
    limits = with_data(columns={"x": {"min": "2025-12-31T16:00:00", "missing": 0}})
    result = profile_data(tmp_path / "rows.parquet", limits, "y", "regression")
    assert (result.columns[0].first, result.columns[0].last) == (
        "2025-12-31T15:00:00", "2026-01-02T05:00:00",
    )  # fmt: skip
    assert [(x.metric, x.value) for x in result.checks if not x.passed] == [
        ("unreadable", 1), ("too_early", 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("größe,y\n1,2\n".encode("cp1252"), "UTF-8"),
        ("x,y\nä,2\n".encode("cp1252"), "UTF-8"),
        ("x,y\n1,2\n".encode("utf-16"), "UTF-8"),
        ("x,y\n1,2\n".encode("utf-16-le"), "UTF-8"),
        (b"a,a,y\n1,2,3\n", "name a"),
        (b"x;y\n1,5;2\n", "semicolon"),
        (b"x\ty\n1\t2\n", "tab"),
        (b"", "no rows"),
        (b"x,y", "no rows"),
        (b'"' + b"x" * 200_000, "field"),
    ],
)
def test_a_csv_file_that_would_be_misread_is_an_error(tmp_path, content, word):
    (tmp_path / "rows.csv").write_bytes(content)
    with pytest.raises(DataError, match=rf"rows\.csv: .*{word}"):
        profile_data(tmp_path / "rows.csv", with_data(columns={"y": {"kind": "text"}}), "y")


def test_a_text_that_is_not_in_utf8_is_found_in_a_later_batch(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "BLOCK_BYTES", 200)
    (tmp_path / "rows.csv").write_bytes(b"x,y\n" + b"a,2\n" * 200 + "ä,2\n".encode("cp1252"))
    with pytest.raises(DataError, match=r"rows\.csv: .*save it as UTF-8"):
        profile_data(tmp_path / "rows.csv", with_data(), "y")


def test_parquet_with_two_columns_of_one_name_is_an_error(tmp_path):
    column = pa.array([1, 2])
    table = pa.Table.from_arrays([column] * 3, names=["a", "a", "y"])
    parquet.write_table(table, tmp_path / "rows.parquet")
    with pytest.raises(DataError, match=r"rows\.parquet: .*name a"):
        profile_data(tmp_path / "rows.parquet", with_data(), "y")


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffx,y\n1,2\n3,4\n",
        'x,y\r\n"a\nb",2\r\nc,4\r\n',
        '\n"x","y"\n1,2\n3,4\n',
    ],
)
def test_usual_forms_of_csv_files_are_read(tmp_path, content):
    (tmp_path / "rows.csv").write_text(content, encoding="utf-8", newline="")
    result = profile_data(tmp_path / "rows.csv", with_data(), "y", "regression")
    assert ([each.name for each in result.columns], result.rows) == (["x", "y"], 2)


def test_unreadable_data_is_an_error_that_names_the_file(tmp_path):
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(DataError, match=r"empty\.csv"):
        profile_data(tmp_path / "empty.csv", with_data(), "y")
    (tmp_path / "latin.csv").write_bytes("a,y\nä,0\n".encode("latin-1") * 3)
    with pytest.raises(DataError, match=r"latin\.csv"):
        profile_data(tmp_path / "latin.csv", with_data(), "y")


def test_drift_from_the_champions_data():
    draw = np.random.default_rng(0)
    moved = MIXED.assign(demand=MIXED.demand + 30, open=True, note=MIXED.note + " and more of it")
    drift = {each.column: each for each in measure_drift(MIXED, moved)}
    assert {name: each.kind for name, each in drift.items()} == {
        "code": "categorical", "country": "categorical", "open": "boolean", "day": "date",
        "note": "text", "demand": "numeric",
    }  # fmt: skip
    assert {name for name, each in drift.items() if each.psi > 0.25} == {"demand", "open", "note"}
    same = measure_drift(MIXED, MIXED.sample(300, random_state=draw.integers(99)))
    assert [each.psi for each in same] == [0.0] * 6

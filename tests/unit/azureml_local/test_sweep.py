"""Sweep jobs: distributions, sampling algorithms, early termination policies and settings."""

from __future__ import annotations

import itertools
import math
import statistics

import pytest

from azureml_local.errors import BadRequest, NotSupported
from azureml_local.jobs.sweep import sampling
from azureml_local.jobs.sweep.early_termination import (
    Bandit,
    MedianStopping,
    TruncationSelection,
    read_policy,
)
from azureml_local.jobs.sweep.search_space import read_search_space
from azureml_local.jobs.sweep.settings import SweepSettings
from azureml_local.jobs.sweep.steps import sweep_properties
from azureml_local.jobs.sweep.trials import trial_properties
from azureml_local.jobs.sweep.validation import changed_field


def value(distribution, quantile, **options):
    return read_search_space({"x": distribution}, **options)["x"].value(quantile)


@pytest.mark.parametrize(
    ("distribution", "quantile", "expected"),
    [
        (["choice", [["a", "b", "c"]]], 0.34, "b"),
        (["choice", [[16, 32]]], 0.99, 32),
        (["randint", [5]], 0.99, 4),
        (["uniform", [2, 4]], 0.25, 2.5),
        (["loguniform", [0, math.log(100)]], 0.5, 10.0),
        (["quniform", [0, 100, 16]], 0.5, 48.0),
        (["qloguniform", [0, math.log(100), 3]], 0.5, 9.0),
        (["normal", [10, 3]], 0.5, 10.0),
        (["normal", [10, 3]], 0.8413447460685429, 13.0),
        (["lognormal", [0, 1]], 0.8413447460685429, math.e),
        (["qnormal", [10, 3, 4]], 0.5, 8.0),
        (["qlognormal", [3, 1, 5]], 0.5, 20.0),
        ({"type": "uniform", "min_value": 2, "max_value": 4}, 0.25, 2.5),
        ({"type": "choice", "values": ["a"]}, 0.5, "a"),
    ],
)
def test_the_value_of_a_distribution_at_a_quantile(distribution, quantile, expected):
    result = value(distribution, quantile)
    assert result == pytest.approx(expected) if isinstance(expected, float) else result == expected
    assert type(result) is type(expected)


def test_the_base_of_logarithmic_distributions_can_be_set():
    assert value(["loguniform", [-3, -1]], 0.5, base=10) == pytest.approx(0.01)


@pytest.mark.parametrize(
    "distribution",
    [
        ["triangular", [1, 2]],
        ["uniform", [1]],
        ["uniform", [2, 1]],
        ["uniform", ["a", 1]],
        ["normal", [0, -1]],
        ["quniform", [0, 1, 0]],
        ["randint", [0]],
        ["randint", [1.5]],
        ["choice", [[]]],
        ["choice", [[None]]],
        ["loguniform", [0, 1000]],
        {"min_value": 1},
    ],
)
def test_a_distribution_that_is_not_valid_is_refused_with_its_name(distribution):
    with pytest.raises(BadRequest) as caught:
        value(distribution, 0.5)
    assert caught.value.target == "searchSpace.x"


def test_nested_search_spaces_are_refused():
    with pytest.raises(NotSupported):
        value(["choice", [[{"type": "a"}]]], 0.5)


SPACE = read_search_space({"a": ["choice", [[1, 2, 3]]], "b": ["choice", [["x", "y"]]]})


def test_a_grid_has_all_combinations_once():
    assert list(sampling.sample_grid(SPACE)) == [
        {"a": a, "b": b} for a, b in itertools.product([1, 2, 3], ["x", "y"])
    ]


@pytest.mark.parametrize("sample", [sampling.sample_random, sampling.sample_sobol])
def test_samples_of_a_discrete_search_space_do_not_repeat_and_end(sample):
    samples = [tuple(each.values()) for each in sample(SPACE, 3)]
    assert sorted(samples) == sorted(itertools.product([1, 2, 3], ["x", "y"]))


@pytest.mark.parametrize("sample", [sampling.sample_random, sampling.sample_sobol])
def test_the_same_seed_gives_the_same_samples(sample):
    space = read_search_space({"a": ["uniform", [0, 1]], "b": ["normal", [0, 1]]})
    first, again, other, unseeded = (
        list(itertools.islice(sample(space, seed), 8)) for seed in (5, 5, 6, None)
    )
    assert first == again
    assert first != other
    assert first != unseeded


def test_sobol_samples_cover_the_search_space_evenly():
    space = read_search_space({"a": ["uniform", [0, 1]]})
    samples = [each["a"] for each in itertools.islice(sampling.sample_sobol(space, 1), 16)]
    assert sorted(int(each * 16) for each in samples) == list(range(16))


def test_random_samples_have_the_distribution():
    space = read_search_space({"a": ["normal", [10, 2]]})
    samples = [each["a"] for each in itertools.islice(sampling.sample_random(space, 1), 2000)]
    assert statistics.fmean(samples) == pytest.approx(10, abs=0.2)
    assert statistics.stdev(samples) == pytest.approx(2, abs=0.2)


def test_a_policy_is_applied_at_multiples_of_its_interval_after_the_delay():
    assert list(MedianStopping().intervals(0, 3)) == [1, 2, 3]
    assert list(MedianStopping(evaluation_interval=2).intervals(2, 6)) == [4, 6]
    policy = MedianStopping(evaluation_interval=2, delay_evaluation=5)
    assert list(policy.intervals(0, 9)) == [6, 8]
    assert list(policy.intervals(6, 7)) == []


def test_bandit_with_a_factor_is_the_example_of_azures_documentation():
    policy = Bandit(slack_factor=0.2)
    histories = {"best": [0.8], "near": [0.67], "far": [0.66]}
    assert [policy.cancels(each, 1, histories, maximize=True) for each in histories] == [
        False,
        False,
        True,
    ]
    assert not policy.cancels("far", 1, {"far": [0.66]}, maximize=True)


def test_bandit_compares_the_best_values_up_to_the_interval():
    policy = Bandit(slack_amount=0.1)
    histories = {"early": [0.9, 0.1], "late": [0.1, 0.85, 1.0], "short": [5.0]}
    assert not policy.cancels("early", 2, histories, maximize=True)
    assert not policy.cancels("late", 2, histories, maximize=True)
    assert policy.cancels("late", 1, {"late": [0.1], "short": [5.0]}, maximize=True)


@pytest.mark.parametrize(
    ("values", "maximize", "poor"),
    [
        ([1.0, 1.1, 1.3], False, [False, False, True]),
        ([-1.0, -1.1, -1.3], True, [False, False, True]),
        ([-1.3, -1.1, -1.0], False, [False, False, True]),
    ],
)
def test_bandit_with_a_factor_of_minimized_and_negative_metrics(values, maximize, poor):
    histories = {str(i): [each] for i, each in enumerate(values)}
    policy = Bandit(slack_factor=0.2)
    assert [policy.cancels(each, 1, histories, maximize=maximize) for each in histories] == poor


def test_median_stopping_compares_the_best_value_with_the_median_of_the_averages():
    histories = {"a": [0.2, 0.4], "b": [0.6, 0.8], "c": [0.5, 0.5]}  # averages: 0.3, 0.7, 0.5
    policy = MedianStopping()
    assert [policy.cancels(each, 2, histories, maximize=True) for each in histories] == [
        True,
        False,
        False,
    ]
    assert [policy.cancels(each, 2, histories, maximize=False) for each in histories] == [
        False,
        True,
        False,
    ]


def test_truncation_selection_cancels_the_percentage_with_the_worst_values():
    policy = TruncationSelection(truncation_percentage=40)
    histories = {str(i): [9.0, float(i)] for i in range(5)}
    assert [policy.cancels(each, 2, histories, maximize=True) for each in histories] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert policy.cancels("4", 2, histories, maximize=False)
    assert not policy.cancels("0", 2, {"0": [9.0, 0.0], "1": [9.0, 1.0]}, maximize=True)


def bandit(**settings):
    return read_policy({"earlyTermination": {"policyType": "Bandit", **settings}})


def test_policies_of_jobs():
    assert read_policy({}) is None
    assert bandit(slackFactor=0.1, slackAmount=0, evaluationInterval=0) == Bandit(slack_factor=0.1)
    assert bandit(slackAmount=0.1, evaluationInterval=2, delayEvaluation=4) == Bandit(
        slack_amount=0.1, evaluation_interval=2, delay_evaluation=4
    )
    for slack in ({}, {"slackFactor": 0.1, "slackAmount": 0.1}, {"slackFactor": -1}):
        with pytest.raises(BadRequest):
            bandit(**slack)
    for percentage in (0, 100):
        policy = {"policyType": "TruncationSelection", "truncationPercentage": percentage}
        with pytest.raises(BadRequest):
            read_policy({"earlyTermination": policy})


TRIAL = {"command": "python a.py ${{search_space.lr}}", "environmentId": "e"}


def job(**changes):
    return {
        "samplingAlgorithm": {"samplingAlgorithmType": "Random", "rule": "sobol", "seed": 3},
        "searchSpace": {"lr": ["uniform", [0, 1]]},
        "objective": {"goal": "maximize", "primaryMetric": "m"},
        "limits": {"maxTotalTrials": 4, "timeout": "PT10M", "trialTimeout": "PT1M"},
        "trial": TRIAL,
        **changes,
    }


def test_settings_of_a_job():
    settings = SweepSettings.read(job())
    assert (settings.algorithm, settings.seed, settings.metric) == ("sobol", 3, "m")
    assert (settings.max_total_trials, settings.max_concurrent_trials) == (4, 4)
    assert (settings.timeout, settings.trial_timeout) == (600, 60)
    assert len(settings.sample_trials()) == 4
    assert (settings.best([1.0, 3.0, 2.0]), settings.best([])) == (3.0, None)


@pytest.mark.parametrize(
    ("changes", "target"),
    [
        ({"searchSpace": {}}, "searchSpace"),
        ({"searchSpace": {"learning-rate": ["uniform", [0, 1]]}}, "searchSpace.learning-rate"),
        ({"searchSpace": {"1r": ["uniform", [0, 1]]}}, "searchSpace.1r"),
        ({"objective": {"goal": "best", "primaryMetric": "m"}}, "objective"),
        ({"objective": {"goal": "maximize"}}, "objective"),
        ({"samplingAlgorithm": {"samplingAlgorithmType": "Magic"}}, "samplingAlgorithm"),
        (
            {"samplingAlgorithm": {"samplingAlgorithmType": "Random", "seed": "x"}},
            "samplingAlgorithm",
        ),
        ({"samplingAlgorithm": {"samplingAlgorithmType": "Grid"}}, "searchSpace.lr"),
        ({"limits": {"maxTotalTrials": 1001}}, "limits"),
        ({"limits": {"maxTotalTrials": 2, "maxConcurrentTrials": 0}}, "limits"),
        ({"limits": {"timeout": "soon"}}, "limits.timeout"),
    ],
)
def test_settings_that_are_not_valid_are_refused(changes, target):
    with pytest.raises(BadRequest) as caught:
        SweepSettings.read(job(**changes))
    assert caught.value.target == target


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({}, None),
        ({"limits": {"maxTotalTrials": 4, "timeout": "PT600S", "trialTimeout": "PT60S"}}, None),
        ({"trial": {**TRIAL, "codeId": None, "environmentVariables": {}}}, None),
        ({"tags": {"a": "b"}}, None),
        ({"trial": {**TRIAL, "command": "python b.py ${{search_space.lr}}"}}, "trial"),
        ({"trial": {**TRIAL, "environmentVariables": {"A": "1"}}}, "trial"),
        ({"searchSpace": {"lr": ["uniform", [0, 2]]}}, "searchSpace"),
        ({"objective": {"goal": "minimize", "primaryMetric": "m"}}, "objective"),
        ({"limits": {"maxTotalTrials": 5, "timeout": "PT10M", "trialTimeout": "PT1M"}}, "limits"),
        (
            {"samplingAlgorithm": {"samplingAlgorithmType": "Random", "rule": "sobol", "seed": 4}},
            "samplingAlgorithm",
        ),
        ({"earlyTermination": {"policyType": "MedianStopping"}}, "earlyTermination"),
    ],
)
def test_the_field_in_which_a_sweep_differs_from_the_one_with_its_name(changes, field):
    assert changed_field(job(), job(**changes)) == field


def test_bayesian_sampling_is_refused():
    with pytest.raises(NotSupported):
        SweepSettings.read(job(samplingAlgorithm={"samplingAlgorithmType": "Bayesian"}))


def test_a_trial_reads_its_hyperparameters_from_variables():
    settings = SweepSettings.read(job())
    properties = job(outputs={"m": {"jobOutputType": "uri_folder", "uri": "azureml://x"}})
    trial = trial_properties(properties, settings, "s_0", {"lr": 0.5})
    assert trial["command"] == "python a.py ${AZUREML_SWEEP_lr}"
    assert trial["environmentVariables"] == {"AZUREML_SWEEP_lr": "0.5"}
    assert trial["limits"] == {"timeout": 60}
    assert trial["outputs"] == {"m": {"jobOutputType": "uri_folder"}}
    assert trial["tags"] == {"hyperparameters": '{"lr": 0.5}'}


def test_the_settings_of_a_step_are_those_of_a_job():
    node = {
        "type": "sweep",
        "search_space": {"lr": {"type": "uniform", "min_value": "$low", "max_value": 1}},
        "sampling_algorithm": {"type": "random", "rule": "sobol", "seed": 3},
        "objective": {"goal": "maximize", "primary_metric": "m"},
        "limits": {"max_total_trials": "$total", "timeout": 600, "trial_timeout": 60},
        "early_termination": {"policy_type": "Bandit", "slack_factor": 0.1},
    }
    command = {"command": "python a.py ${{inputs.lr}} ${{inputs.x}}", "environmentId": "e"}
    values = {"$low": "0", "$total": "4"}
    properties = sweep_properties(node, command, lambda name, text: values.get(text, text))
    assert properties["trial"]["command"] == "python a.py ${{search_space.lr}} ${{inputs.x}}"
    policy = {"policyType": "Bandit", "slackFactor": 0.1}
    expected = SweepSettings.read(job(earlyTermination=policy))
    assert SweepSettings.read(properties) == expected
    grid = {**node, "sampling_algorithm": "bayesian"}
    assert sweep_properties(grid, command, lambda name, text: text)["samplingAlgorithm"] == {
        "samplingAlgorithmType": "bayesian"
    }

"""The labels of metrics on the pages: scikit-learn's scorers, measurements of data, and groups.

A metric that is better when it is lower has its scorer's name without ``neg_``. A function of the
project keeps its own name.
"""

from __future__ import annotations

from nbrelease.records.published import Direction
from nbrelease.report.translations import N_, Translate

METRICS = {
    # classification
    "accuracy": N_("Accuracy"),
    "balanced_accuracy": N_("Balanced accuracy"),
    "top_k_accuracy": N_("Top-k accuracy"),
    "precision": N_("Precision"),
    "recall": N_("Recall"),
    "f1": N_("F1"),
    "jaccard": N_("Jaccard index"),
    "matthews_corrcoef": N_("Matthews correlation"),
    "positive_likelihood_ratio": N_("Positive likelihood ratio"),
    "negative_likelihood_ratio": N_("Negative likelihood ratio"),
    # probabilities
    "roc_auc": N_("ROC AUC"),
    "roc_auc_ovr": N_("ROC AUC (one-vs-rest)"),
    "roc_auc_ovo": N_("ROC AUC (one-vs-one)"),
    "roc_auc_ovr_weighted": N_("ROC AUC (one-vs-rest, weighted)"),
    "roc_auc_ovo_weighted": N_("ROC AUC (one-vs-one, weighted)"),
    "average_precision": N_("Average precision"),
    "log_loss": N_("Log loss"),
    "brier_score": N_("Brier score"),
    "d2_log_loss_score": N_("D² of log loss"),
    "d2_brier_score": N_("D² of Brier score"),
    # regression
    "r2": N_("R²"),
    "explained_variance": N_("Explained variance"),
    "root_mean_squared_error": N_("RMSE"),
    "mean_squared_error": N_("MSE"),
    "mean_absolute_error": N_("MAE"),
    "median_absolute_error": N_("Median absolute error"),
    "mean_absolute_percentage_error": N_("MAPE"),
    "max_error": N_("Maximum error"),
    "mean_squared_log_error": N_("MSLE"),
    "root_mean_squared_log_error": N_("RMSLE"),
    "mean_poisson_deviance": N_("Mean Poisson deviance"),
    "mean_gamma_deviance": N_("Mean gamma deviance"),
    "d2_absolute_error_score": N_("D² of absolute error"),
    # clusters
    "adjusted_mutual_info_score": N_("Adjusted mutual information"),
    "adjusted_rand_score": N_("Adjusted Rand index"),
    "completeness_score": N_("Completeness"),
    "fowlkes_mallows_score": N_("Fowlkes-Mallows index"),
    "homogeneity_score": N_("Homogeneity"),
    "mutual_info_score": N_("Mutual information"),
    "normalized_mutual_info_score": N_("Normalized mutual information"),
    "rand_score": N_("Rand index"),
    "v_measure_score": N_("V-measure"),
    # groups
    "positive_share": N_("Share of positives"),
    "selection_rate": N_("Selection rate"),
    "false_negative_rate": N_("False negative rate"),
    "false_positive_rate": N_("False positive rate"),
    "calibration_error": N_("Calibration error"),
    "mean_prediction": N_("Mean prediction"),
    "mean_error": N_("Mean error"),
    # data
    "rows": N_("Rows"),
    "test_rows": N_("Held-out rows"),
    "train_rows": N_("Training rows"),
    "overlap_rows": N_("Held-out rows that are also training rows"),
    "overlap": N_("Share of held-out rows that are also training rows"),
    "drift": N_("Drift"),
    "duplicates": N_("Share of duplicates"),
    "missing": N_("Share of missing values"),
    "least": N_("Minimum"),
    "most": N_("Maximum"),
    "label_values": N_("Distinct values of the label"),
    "id_leakage": N_("Label leakage through the id column"),
    "data_rows": N_("Rows of data"),
    "ragged_rows": N_("CSV rows with another number of values"),
    "unreadable": N_("Values of another type"),
    "too_early": N_("Dates before the first allowed date"),
    "too_late": N_("Dates after the last allowed date"),
    "other_values": N_("Values that are not allowed"),
    "mismatches": N_("Texts that do not match the pattern"),
    "shortest": N_("Shortest text"),
    "longest": N_("Longest text"),
    "missing_labels": N_("Rows without a label"),
    "unreadable_labels": N_("Labels that are not numbers"),
    "constant_label": N_("All labels are equal"),
    "other_labels": N_("Labels that are not allowed"),
    "absent_classes": N_("Classes without rows"),
    "smallest_class": N_("Share of the smallest class"),
}
AVERAGES = {
    "macro": N_("macro"),
    "micro": N_("micro"),
    "weighted": N_("weighted"),
    "samples": N_("by sample"),
}
GROUPS = {
    "difference": N_("%(metric)s: largest difference between groups"),
    "most": N_("%(metric)s: largest of a group"),
    "least": N_("%(metric)s: smallest of a group"),
}
DIRECTIONS = {"higher": N_("higher is better"), "lower": N_("lower is better")}
ARROWS = {"higher": "\N{UPWARDS ARROW}", "lower": "\N{DOWNWARDS ARROW}"}
COUNTS = {
    "rows", "test_rows", "train_rows", "overlap_rows", "label_values", "data_rows", "ragged_rows",
    "unreadable", "too_early", "too_late", "other_values", "mismatches", "shortest", "longest",
    "missing_labels", "unreadable_labels", "constant_label", "other_labels", "absent_classes",
}  # fmt: skip
"""Metrics that are whole numbers."""


def metric_name(name: str, _: Translate) -> str:
    """A metric's label; a metric without one keeps its name."""
    name = name.removeprefix("neg_")
    if name in METRICS:
        return _(METRICS[name])
    base, _underscore, suffix = name.rpartition("_")
    if suffix in AVERAGES and base in METRICS:
        return f"{_(METRICS[base])} ({_(AVERAGES[suffix])})"
    if suffix in GROUPS and base:
        return _(GROUPS[suffix]) % {"metric": metric_name(base, _)}
    return name


def has_label(name: str) -> bool:
    """Whether a metric has a label of its own."""
    return metric_name(name, str) != name


def direction_name(direction: Direction, _: Translate) -> str:
    """Which values of a metric are better, with an arrow."""
    return f"{ARROWS[direction]}\N{NO-BREAK SPACE}{_(DIRECTIONS[direction])}"

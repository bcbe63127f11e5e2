"""Tests: the test cells, the release criteria, and the tests of the endpoints."""

from __future__ import annotations

from collections.abc import Iterator

from nbrelease.report import formats, labels
from nbrelease.report.labels import Tone
from nbrelease.report.overview._facts import Box, Fact, FactWriter


def box(writer: FactWriter) -> Box:
    """The box."""
    _ = writer.translate
    import markupsafe

    tests = writer.record.tests
    details = [*_criteria(writer), *_endpoints(writer), *_load_test(writer)]
    lead = writer.fact("no-tests", "No tests were run")
    tone: Tone = "bad"
    if tests.total:
        link = markupsafe.Markup('<a class="n" href="#tests">{}</a>').format(tests.passed)
        lead = writer.fact(
            "tests", "%(passed)s of %(total)s tests passed", passed=link, total=tests.total
        )
        if tests.skipped:
            details.insert(0, writer.fact("skipped", "%(count)s skipped", count=tests.skipped))
        tone = "bad" if tests.failed or tests.total == tests.skipped else "good"
    return Box("tests", _("Tests"), lead, details, tone)


def _criteria(writer: FactWriter) -> Iterator[Fact]:
    gate = writer.record.gate
    if gate is not None:
        met = sum(each.passed for each in gate.criteria)
        yield writer.fact(
            "criteria", "Release criteria %(verdict)s: %(met)s of %(total)s met",
            verdict=labels.state_name(gate.verdict, writer.translate),
            met=writer.linked("gate", str(met)),
            total=len(gate.criteria),
        )  # fmt: skip
    elif writer.record.waiting_for:
        yield writer.fact(
            "criteria-after-approval",
            "Release criteria are checked after the approval, before the model is registered.",
        )


def _endpoints(writer: FactWriter) -> Iterator[Fact]:
    batch, online = writer.record.endpoints.batch, writer.record.endpoints.online
    if batch is not None and batch.rows_in is not None and batch.rows_out is not None:
        yield writer.fact(
            "batch", "Batch: %(rows_in)s rows in, %(rows_out)s predictions out",
            rows_in=writer.linked("rows_in", formats.count(batch.rows_in)),
            rows_out=writer.linked("rows_out", formats.count(batch.rows_out)),
        )  # fmt: skip
    if online is not None and online.parity_max_abs_diff is not None:
        value = writer.linked("parity_max_abs_diff", formats.compact(online.parity_max_abs_diff))
        yield writer.fact(
            "online",
            "Online: predictions differ from the model's by at most %(value)s",
            value=value,
        )


def _load_test(writer: FactWriter) -> Iterator[Fact]:
    load = writer.record.load_test
    if load is not None:
        yield writer.fact(
            "load-test", "Load test: %(requests)s requests, %(errors)s errors, p95 %(p95)s",
            requests=writer.linked("load_test", formats.count(load.requests)),
            errors=writer.linked("load_test", formats.count(load.errors)),
            p95=writer.linked("load_test", formats.milliseconds(load.p95_ms)),
        )  # fmt: skip

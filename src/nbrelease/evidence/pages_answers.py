"""The first screen of a release: six questions of a release manager, answered from the record.

Nothing here is written by a person: each sentence is made from fields of the record, so that the
page cannot say other than the record does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from nbrelease.evidence import pages_jinja as forms
from nbrelease.evidence.pages_headline import Translate, share
from nbrelease.evidence.pages_names import metric_name
from nbrelease.published import Metric
from nbrelease.records import ReleaseRecord


@dataclass
class Answer:
    """A question, its answer in one line, and what there is to say beyond."""

    question: str
    lead: Any
    tone: str = ""
    lines: list[Any] = field(default_factory=list)


def answers(record: ReleaseRecord, _: Translate) -> list[Answer]:
    """The six answers, in the order in which they are asked."""
    build = _Answers(record, _)
    return [
        build.changes(),
        build.better(),
        build.tested(),
        build.who(),
        build.back(),
        build.until(),
    ]


class _Answers:
    """The answers of one record in one language."""

    def __init__(self, record: ReleaseRecord, _: Translate) -> None:
        self.record, self._ = record, _

    def _say(self, text: str, **about: Any) -> Any:
        """A sentence with values that may be links."""
        import markupsafe

        return markupsafe.Markup("{}").format(self._(text)) % about

    def _whole(self, name: str) -> Any:
        """A name that does not break at its hyphens, where the line has room for it."""
        import markupsafe

        return markupsafe.Markup('<span class="unit">{}</span>').format(name)

    def _source(self, name: str, shown: str) -> Any:
        """A figure that leads to where it came from."""
        import markupsafe

        if name not in self.record.sources:
            return shown
        return markupsafe.Markup('<a class="n" href="{}">{}</a>').format(
            self.record.sources[name], shown
        )

    def changes(self) -> Answer:
        """What changes."""
        record = self.record
        answer = Answer(self._("What changes?"), "")
        before = self._champion()
        if record.rollback is not None:
            answer.lead = f"{record.rollback.origin} → {record.rollback.to}"
        elif record.model is None and record.waiting_for:
            answer.lead = self._("Nothing yet")
            answer.lines.append(self._("With a yes a new model is judged and registered."))
            if before:
                answer.lines.append(self._say("Live is version %(before)s", before=before))
        elif record.model is None:
            answer.lead = self._("Nothing was registered")
        elif before and share(record):
            answer.lead = self._say(
                "%(model)s version %(before)s → %(version)s",
                model=self._whole(record.model.name), before=before,
                version=self._source("model_version", record.model.version),
            )  # fmt: skip
        else:
            answer.lead = self._say(
                "%(model)s version %(version)s",
                model=self._whole(record.model.name),
                version=self._source("model_version", record.model.version),
            )
            if not share(record) and not record.previous_deployment:
                answer.lines.append(self._("It is registered and has no traffic."))
            if record.waiting_for:
                answer.lines.append(self._("With a yes its deployment gets traffic."))
        self._takes_over(answer)
        self._made_of(answer)
        return answer

    def _takes_over(self, answer: Answer) -> None:
        """Which deployment has the traffic of which."""
        record = self.record
        if record.previous_deployment and record.endpoints.online:
            text = (
                "Deployment %(new)s takes over from %(old)s"
                if share(record)
                else "Deployment %(new)s has no traffic, %(old)s has it as before"
            )
            answer.lines.append(
                self._say(
                    text,
                    new=record.endpoints.online.deployment,
                    old=self._source("previous_deployment", record.previous_deployment),
                )
            )

    def _made_of(self, answer: Answer) -> None:
        """What the model was made of."""
        import markupsafe

        record = self.record
        if record.parameters.get("estimator") and record.rollback is None:
            answer.lines.append(
                self._say("Estimator %(name)s", name=record.parameters["estimator"])
            )
        if record.data is not None:
            answer.lines.append(
                self._say(
                    "Trained on %(name)s:%(version)s, %(rows)s rows",
                    name=record.data.name,
                    version=self._source("data_version", record.data.version),
                    rows=self._source("data_rows", forms.whole(record.data.rows)),
                )
            )
        if record.source.commit:
            dirty = self._(", with changes that are not committed") if record.source.dirty else ""
            answer.lines.append(
                self._say(
                    "Commit %(commit)s%(dirty)s",
                    commit=record.source.commit[:8],
                    dirty=markupsafe.Markup('<span class="wait">{}</span>').format(dirty),
                )
            )

    def _champion(self) -> str | None:
        comparison = self.record.comparison
        return comparison.champion.version if comparison and comparison.champion else None

    def better(self) -> Answer:
        """Whether it is better, and how sure that is."""
        record = self.record
        answer = Answer(self._("Is it better, and how sure?"), self._("Not measured"))
        comparison = record.comparison
        if comparison is None:
            shown = [n for n in ("roc_auc", "accuracy") if n in record.metrics]
            if shown:
                answer.lead = self._figures(
                    {name: record.metrics[name] for name in shown}, "metrics"
                )
                answer.lines = [self._("Not compared with what is live; no interval is known.")]
            return answer
        metrics = sorted(comparison.metrics, key=lambda each: each.name != "roc_auc")
        rows = self._source("comparison", forms.whole(comparison.rows))
        level = forms.percent(comparison.confidence)
        if comparison.champion is None or not metrics or metrics[0].difference is None:
            answer.lead = self._figures({m.name: m.challenger for m in metrics}, "comparison")
            answer.lines = [self._("Nothing was live to compare with.")]
            answer.lines += [self._interval(metric) for metric in metrics]
            answer.lines.append(
                self._say("%(level)s intervals on %(rows)s held-out rows", level=level, rows=rows)
            )
            return answer
        answer.lead, answer.tone = self._judgement(metrics[0])
        answer.lines = [self._difference(metric) for metric in metrics]
        answer.lines.append(
            self._say(
                "%(level)s intervals, paired on the same %(rows)s rows", level=level, rows=rows
            )
        )
        return answer

    def _figures(self, values: dict[str, float], source: str) -> Any:
        import markupsafe

        return markupsafe.Markup(" · ").join(
            self._say(
                "%(metric)s %(value)s", metric=self._name(name),
                value=self._source(source, forms.figure(value)),
            )
            for name, value in values.items()
        )  # fmt: skip

    def _name(self, metric: str) -> str:
        return metric_name(metric, self._)

    def _judgement(self, metric: Metric) -> tuple[Any, str]:
        """What the interval of the difference allows to say, and no more."""
        tone = forms.tone_of_difference(metric)
        text = {
            "good": "Better: %(metric)s %(difference)s",
            "bad": "Worse: %(metric)s %(difference)s",
            "wait": "Not told apart: %(metric)s %(difference)s",
            "": "%(metric)s %(difference)s, interval unknown",
        }[tone]
        shown = self._source("comparison", forms.signed(metric.difference))
        return self._say(text, metric=self._name(metric.name), difference=shown), tone

    def _difference(self, metric: Metric) -> Any:
        return self._say(
            "%(metric)s %(old)s → %(new)s, difference %(difference)s",
            metric=self._name(metric.name),
            old=self._source("comparison", forms.figure(metric.champion)),
            new=self._source("comparison", forms.figure(metric.challenger)),
            difference=self._source(
                "comparison",
                f"{forms.signed(metric.difference)} "
                f"{forms.interval(metric.difference_interval, sign=True)}",
            ),
        )

    def _interval(self, metric: Metric) -> Any:
        return self._say(
            "%(metric)s %(interval)s",
            metric=self._name(metric.name),
            interval=self._source("comparison", forms.interval(metric.challenger_interval)),
        )

    def tested(self) -> Answer:
        """What was tested."""
        import markupsafe

        record, tests = self.record, self.record.tests
        answer = Answer(self._("What was tested?"), self._("No test was run"), "bad")
        if tests.total:
            answer.lead = self._say(
                "%(passed)s of %(total)s tests passed",
                passed=markupsafe.Markup('<a class="n" href="#tests">{}</a>').format(tests.passed),
                total=tests.total,
            )
            answer.tone = "bad" if tests.failed else "good"
        if record.gate is not None:
            met = sum(each.passed for each in record.gate.criteria)
            answer.lines.append(
                self._say(
                    "Gate %(verdict)s: %(met)s of %(total)s criteria met",
                    verdict=self._(record.gate.verdict),
                    met=self._source("gate", str(met)),
                    total=len(record.gate.criteria),
                )
            )
        if record.gate is None and record.waiting_for:
            answer.lines.append(self._("The gate judges after the yes, before anything changes."))
        batch, online = record.endpoints.batch, record.endpoints.online
        if batch is not None and batch.rows_in is not None and batch.rows_out is not None:
            answer.lines.append(
                self._say(
                    "Batch: %(rows_in)s rows in, %(rows_out)s predictions out",
                    rows_in=self._source("rows_in", forms.whole(batch.rows_in)),
                    rows_out=self._source("rows_out", forms.whole(batch.rows_out)),
                )
            )
        if online is not None and online.parity_max_abs_diff is not None:
            value = self._source("parity_max_abs_diff", forms.compact(online.parity_max_abs_diff))
            answer.lines.append(
                self._say(
                    "Online: answers differ from the model's by at most %(value)s", value=value
                )
            )
        if record.load_test is not None:
            load = record.load_test
            answer.lines.append(
                self._say(
                    "Load: %(requests)s requests, %(errors)s errors, p95 %(p95)s ms",
                    requests=self._source("load_test", forms.whole(load.requests)),
                    errors=self._source("load_test", forms.whole(load.errors)),
                    p95=self._source("load_test", forms.compact(load.p95_ms)),
                )
            )
        return answer

    def who(self) -> Answer:
        """Who said yes or no."""
        record = self.record
        answer = Answer(self._("Who said yes or no?"), self._("Nobody was asked"))
        if record.decisions_unknown:
            answer.lead, answer.tone = self._("Not known"), "wait"
            answer.lines.append(record.decisions_unknown)
        if record.decisions:
            last = record.decisions[-1]
            no = next((each for each in record.decisions if each.decision == "rejected"), None)
            text = "%(name)s said no" if no else "%(name)s said yes"
            names = dict.fromkeys(
                each.name for each in record.decisions if each.decision == last.decision
            )
            answer.lead = self._say(text, name=no.name if no else ", ".join(names))
            answer.tone = "bad" if no else "good"
        if record.waiting_for:
            answer.lead = self._say(
                "%(environment)s waits for a yes", environment=record.waiting_for
            )
            answer.tone = "wait"
            answer.lines.append(self._("Without one nothing changes."))
            answer.lines.append(self._("What was said before stands on the page of the run."))
        for each in record.decisions:
            comment = f": «{each.comment}»" if each.comment else ""
            answer.lines.append(
                self._say(
                    "%(environment)s %(decision)s by %(name)s, %(time)s%(comment)s",
                    environment=each.environment,
                    decision=self._source("decisions", self._(each.decision)),
                    name=each.name, time=forms.moment(each.time), comment=comment,
                )
            )  # fmt: skip
        if record.gate is not None and record.gate.waiver is not None:
            waiver = record.gate.waiver
            answer.lines.append(
                self._say(
                    "Gate waived by %(name)s: %(reason)s", name=waiver.name, reason=waiver.reason
                )
            )
        return answer

    def back(self) -> Answer:
        """How to go back."""
        import markupsafe

        record = self.record
        answer = Answer(self._("How to go back?"), self._("Nothing to undo"))
        if record.verdict == "rolled back" and record.because is not None:
            to = record.rollback.to if record.rollback else record.previous_deployment
            answer.lead = self._("Done: traffic went back")
            if to:
                answer.lead = self._say("Done: traffic is back on %(name)s", name=to)
            if record.rollback and record.rollback.seconds is not None:
                took = self._source("rollback", forms.seconds(record.rollback.seconds))
                answer.lines.append(self._say("It took %(time)s", time=took))
        elif record.because is not None and record.because.code == "traffic left":
            answer.lead = self._("By hand: nothing was given back")
            answer.tone = "bad"
            if self._traffic():
                answer.lines.append(self._traffic())
        elif not share(record):
            answer.lines.append(self._("No traffic was moved."))
            answer.lines += [
                self._say("%(name)s was cut off: what it had begun may be left.", name=each.name)
                for each in record.runbooks
                if each.ended is None
            ]
        elif record.previous_deployment:
            answer.lead = self._say(
                "All traffic back to %(name)s",
                name=self._source("previous_deployment", record.previous_deployment),
            )
            command = markupsafe.Markup("<code>nbrelease run 09_rollback --env {}</code>")
            answer.lines.append(command.format(record.env))
            if record.rollback_drill is not None:
                drill = record.rollback_drill
                took = self._source("rollback_drill", forms.seconds(drill.seconds))
                answer.lines.append(
                    self._say(
                        "Tried on %(time)s: it took %(took)s",
                        time=forms.moment(drill.time),
                        took=took,
                    )
                )
        elif len((record.endpoints.online and record.endpoints.online.traffic) or {}) > 1:
            answer.lead = self._("Give the traffic back to the other deployment")
            answer.lines.append(self._traffic())
        else:
            answer.lead = self._("There is nothing earlier to go back to")
        if record.rollout and record.verdict != "rolled back":
            shares = [
                str(step.traffic.get(step.deployment or self._deployment(), 0))
                for step in record.rollout
            ]
            answer.lines.append(
                self._say(
                    "Traffic moved in steps: %(steps)s %%",
                    steps=self._source("rollout", " → ".join(shares)),
                )
            )
        return answer

    def _deployment(self) -> str:
        online = self.record.endpoints.online
        return online.deployment if online else ""

    def _traffic(self) -> str:
        online = self.record.endpoints.online
        traffic = (online.traffic if online else None) or {}
        return ", ".join(f"{name} {share}\N{NO-BREAK SPACE}%" for name, share in traffic.items())

    def _first(self) -> bool:
        """Whether nothing was live before, as far as somebody looked."""
        comparison = self.record.comparison
        return (
            comparison is not None
            and comparison.champion is None
            and not self.record.previous_deployment
        )

    def until(self) -> Answer:
        """Until when going back is possible."""
        record = self.record
        answer = Answer(self._("Until when?"), self._("Not said"))
        back = record.rollback
        if back is not None and back.keep_until is not None:
            until = self._source("rollback", f"{back.keep_until:%Y-%m-%d}")
            answer.lead = self._say("Until %(day)s", day=until)
            answer.lines.append(self._say("%(name)s stays deployed at 0 %%", name=back.origin))
        elif record.keep_previous_until is not None and record.verdict != "rolled back":
            until = self._source("keep_previous_until", f"{record.keep_previous_until:%Y-%m-%d}")
            answer.lead = self._say("Until %(day)s", day=until)
            if record.previous_deployment:
                answer.lines.append(
                    self._say("%(name)s stays deployed at 0 %%", name=record.previous_deployment)
                )
        elif record.waiting_for:
            answer.lead = self._("Nothing is replaced yet")
        elif record.verdict == "rolled back" or not share(record) or self._first():
            answer.lead = self._("No limit: nothing was replaced")
        elif not record.previous_deployment:
            answer.lines.append(
                self._("No earlier deployment is kept, as far as the record tells.")
            )
        if record.gate is not None and record.gate.waiver is not None:
            answer.lines.append(
                self._say("The waiver ends on %(day)s", day=f"{record.gate.waiver.until:%Y-%m-%d}")
            )
        return answer

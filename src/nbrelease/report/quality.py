"""Is it better, and how sure? What the intervals allow to say, and no more."""

from __future__ import annotations

from typing import Any

from nbrelease.records.published import Metric
from nbrelease.report import templating as forms
from nbrelease.report.names import metric_name
from nbrelease.report.sentences import Answer, Sentences


class Better(Sentences):
    """The challenger beside what is live."""

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
        rows = self.source("comparison", forms.whole(comparison.rows))
        level = forms.percent(comparison.confidence)
        if comparison.champion is None or not metrics or metrics[0].difference is None:
            answer.lead = self._figures({m.name: m.challenger for m in metrics}, "comparison")
            answer.lines = [self._("Nothing was live to compare with.")]
            answer.lines += [self._interval(metric) for metric in metrics]
            answer.lines.append(
                self.say("%(level)s intervals on %(rows)s held-out rows", level=level, rows=rows)
            )
            return answer
        answer.lead, answer.tone = self._judgement(metrics[0])
        answer.lines = [self._difference(metric) for metric in metrics]
        answer.lines.append(
            self.say(
                "%(level)s intervals, paired on the same %(rows)s rows", level=level, rows=rows
            )
        )
        return answer

    def _figures(self, values: dict[str, float], source: str) -> Any:
        import markupsafe

        return markupsafe.Markup(" · ").join(
            self.say(
                "%(metric)s %(value)s", metric=self._name(name),
                value=self.source(source, forms.figure(value)),
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
        shown = self.source("comparison", forms.signed(metric.difference))
        return self.say(text, metric=self._name(metric.name), difference=shown), tone

    def _difference(self, metric: Metric) -> Any:
        return self.say(
            "%(metric)s %(old)s → %(new)s, difference %(difference)s",
            metric=self._name(metric.name),
            old=self.source("comparison", forms.figure(metric.champion)),
            new=self.source("comparison", forms.figure(metric.challenger)),
            difference=self.source(
                "comparison",
                f"{forms.signed(metric.difference)} "
                f"{forms.interval(metric.difference_interval, sign=True)}",
            ),
        )

    def _interval(self, metric: Metric) -> Any:
        return self.say(
            "%(metric)s %(interval)s",
            metric=self._name(metric.name),
            interval=self.source("comparison", forms.interval(metric.challenger_interval)),
        )

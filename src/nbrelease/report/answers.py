"""The first screen of a release: six questions of a release manager, answered from the record."""

from __future__ import annotations

from nbrelease.records import ReleaseRecord
from nbrelease.report import templating as forms
from nbrelease.report.headline import Translate, share
from nbrelease.report.quality import Better
from nbrelease.report.rollback import WayBack
from nbrelease.report.sentences import Answer, Sentences


def answers(record: ReleaseRecord, _: Translate) -> list[Answer]:
    """The six answers, in the order in which they are asked."""
    what, way = What(record, _), WayBack(record, _)
    return [
        what.changes(),
        Better(record, _).better(),
        what.tested(),
        what.who(),
        way.back(),
        way.until(),
    ]


class What(Sentences):
    """What changes, what was tested, and who was asked."""

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
                answer.lines.append(self.say("Live is version %(before)s", before=before))
        elif record.model is None:
            answer.lead = self._("Nothing was registered")
        elif before and share(record):
            answer.lead = self.say(
                "%(model)s version %(before)s → %(version)s",
                model=self.whole(record.model.name), before=before,
                version=self.source("model_version", record.model.version),
            )  # fmt: skip
        else:
            answer.lead = self.say(
                "%(model)s version %(version)s",
                model=self.whole(record.model.name),
                version=self.source("model_version", record.model.version),
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
                self.say(
                    text,
                    new=record.endpoints.online.deployment,
                    old=self.source("previous_deployment", record.previous_deployment),
                )
            )

    def _made_of(self, answer: Answer) -> None:
        """What the model was made of."""
        import markupsafe

        record = self.record
        if record.parameters.get("estimator") and record.rollback is None:
            answer.lines.append(self.say("Estimator %(name)s", name=record.parameters["estimator"]))
        if record.data is not None:
            answer.lines.append(
                self.say(
                    "Trained on %(name)s:%(version)s, %(rows)s rows",
                    name=record.data.name,
                    version=self.source("data_version", record.data.version),
                    rows=self.source("data_rows", forms.whole(record.data.rows)),
                )
            )
        if record.source.commit:
            dirty = self._(", with changes that are not committed") if record.source.dirty else ""
            answer.lines.append(
                self.say(
                    "Commit %(commit)s%(dirty)s",
                    commit=record.source.commit[:8],
                    dirty=markupsafe.Markup('<span class="wait">{}</span>').format(dirty),
                )
            )

    def _champion(self) -> str | None:
        comparison = self.record.comparison
        return comparison.champion.version if comparison and comparison.champion else None

    def tested(self) -> Answer:
        """What was tested."""
        import markupsafe

        record, tests = self.record, self.record.tests
        answer = Answer(self._("What was tested?"), self._("No test was run"), "bad")
        if tests.total:
            answer.lead = self.say(
                "%(passed)s of %(total)s tests passed",
                passed=markupsafe.Markup('<a class="n" href="#tests">{}</a>').format(tests.passed),
                total=tests.total,
            )
            answer.tone = "bad" if tests.failed else "good"
        if record.gate is not None:
            met = sum(each.passed for each in record.gate.criteria)
            answer.lines.append(
                self.say(
                    "Gate %(verdict)s: %(met)s of %(total)s criteria met",
                    verdict=self._(record.gate.verdict),
                    met=self.source("gate", str(met)),
                    total=len(record.gate.criteria),
                )
            )
        if record.gate is None and record.waiting_for:
            answer.lines.append(self._("The gate judges after the yes, before anything changes."))
        batch, online = record.endpoints.batch, record.endpoints.online
        if batch is not None and batch.rows_in is not None and batch.rows_out is not None:
            answer.lines.append(
                self.say(
                    "Batch: %(rows_in)s rows in, %(rows_out)s predictions out",
                    rows_in=self.source("rows_in", forms.whole(batch.rows_in)),
                    rows_out=self.source("rows_out", forms.whole(batch.rows_out)),
                )
            )
        if online is not None and online.parity_max_abs_diff is not None:
            value = self.source("parity_max_abs_diff", forms.compact(online.parity_max_abs_diff))
            answer.lines.append(
                self.say(
                    "Online: answers differ from the model's by at most %(value)s", value=value
                )
            )
        if record.load_test is not None:
            load = record.load_test
            answer.lines.append(
                self.say(
                    "Load: %(requests)s requests, %(errors)s errors, p95 %(p95)s ms",
                    requests=self.source("load_test", forms.whole(load.requests)),
                    errors=self.source("load_test", forms.whole(load.errors)),
                    p95=self.source("load_test", forms.compact(load.p95_ms)),
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
            answer.lead = self.say(text, name=no.name if no else ", ".join(names))
            answer.tone = "bad" if no else "good"
        if record.waiting_for:
            answer.lead = self.say(
                "%(environment)s waits for a yes", environment=record.waiting_for
            )
            answer.tone = "wait"
            answer.lines.append(self._("Without one nothing changes."))
            answer.lines.append(self._("What was said before stands on the page of the run."))
        for each in record.decisions:
            comment = f": «{each.comment}»" if each.comment else ""
            answer.lines.append(
                self.say(
                    "%(environment)s %(decision)s by %(name)s, %(time)s%(comment)s",
                    environment=each.environment,
                    decision=self.source("decisions", self._(each.decision)),
                    name=each.name, time=forms.moment(each.time), comment=comment,
                )
            )  # fmt: skip
        if record.gate is not None and record.gate.waiver is not None:
            waiver = record.gate.waiver
            answer.lines.append(
                self.say(
                    "Gate waived by %(name)s: %(reason)s", name=waiver.name, reason=waiver.reason
                )
            )
        return answer

"""How to go back, and until when."""

from __future__ import annotations

from nbrelease.report import templating as forms
from nbrelease.report.headline import share
from nbrelease.report.sentences import Answer, Sentences


class WayBack(Sentences):
    """What a release left of what was live before it."""

    def back(self) -> Answer:
        """How to go back."""
        import markupsafe

        record = self.record
        answer = Answer(self._("How to go back?"), self._("Nothing to undo"))
        if record.verdict == "rolled back" and record.because is not None:
            to = record.rollback.to if record.rollback else record.previous_deployment
            answer.lead = self._("Done: traffic went back")
            if to:
                answer.lead = self.say("Done: traffic is back on %(name)s", name=to)
            if record.rollback and record.rollback.seconds is not None:
                took = self.source("rollback", forms.seconds(record.rollback.seconds))
                answer.lines.append(self.say("It took %(time)s", time=took))
        elif record.because is not None and record.because.code == "traffic left":
            answer.lead = self._("By hand: nothing was given back")
            answer.tone = "bad"
            if self._traffic():
                answer.lines.append(self._traffic())
        elif not share(record):
            answer.lines.append(self._("No traffic was moved."))
            answer.lines += [
                self.say("%(name)s was cut off: what it had begun may be left.", name=each.name)
                for each in record.runbooks
                if each.ended is None
            ]
        elif record.previous_deployment:
            answer.lead = self.say(
                "All traffic back to %(name)s",
                name=self.source("previous_deployment", record.previous_deployment),
            )
            command = markupsafe.Markup("<code>nbrelease run 09_rollback --env {}</code>")
            answer.lines.append(command.format(record.env))
            if record.rollback_drill is not None:
                drill = record.rollback_drill
                took = self.source("rollback_drill", forms.seconds(drill.seconds))
                answer.lines.append(
                    self.say(
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
        shares = [
            step.traffic.get(step.deployment or self._deployment(), 0)
            for step in record.rollout or ()
        ]
        if any(shares) and record.verdict != "rolled back":
            answer.lines.append(
                self.say(
                    "Traffic moved in steps: %(steps)s %%",
                    steps=self.source("rollout", " → ".join(map(str, shares))),
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
            until = self.source("rollback", f"{back.keep_until:%Y-%m-%d}")
            answer.lead = self.say("Until %(day)s", day=until)
            answer.lines.append(self.say("%(name)s stays deployed at 0 %%", name=back.origin))
        elif record.keep_previous_until is not None and record.verdict != "rolled back":
            until = self.source("keep_previous_until", f"{record.keep_previous_until:%Y-%m-%d}")
            answer.lead = self.say("Until %(day)s", day=until)
            if record.previous_deployment:
                answer.lines.append(
                    self.say("%(name)s stays deployed at 0 %%", name=record.previous_deployment)
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
                self.say("The waiver ends on %(day)s", day=f"{record.gate.waiver.until:%Y-%m-%d}")
            )
        return answer

"""The problems that ``nbrelease evidence verify`` reports, by code.

A code never changes its meaning and is never reused. ``docs/verification.md`` lists the codes; a
test compares that page with the table below.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

CODES = {
    # 1: the files
    "NBV101": "The manifest lists a path outside the pack.",
    "NBV102": "A listed file is missing.",
    "NBV103": "A file is not in the manifest.",
    "NBV104": "A file is a symbolic link.",
    "NBV105": "A file has another digest than in the manifest.",
    "NBV106": "The manifest cannot be read.",
    "NBV111": "The record has an unknown schema version.",
    "NBV112": "The record does not match its schema.",
    "NBV121": "The release id does not follow from environment, start and commit.",
    "NBV122": "The folder has another name than the release.",
    "NBV123": "A notebook has the result of another runbook.",
    "NBV124": "A notebook belongs to another release.",
    "NBV125": "A notebook was run in another environment.",
    # 2: what is derived again from the executed notebooks
    "NBV201": "An executed notebook cannot be read.",
    "NBV202": "No runbook was run.",
    "NBV203": "A runbook was interrupted.",
    "NBV204": "No cell of a runbook was executed.",
    "NBV205": "A cell was not executed.",
    "NBV206": "A cell of the results is missing in the notebook.",
    "NBV207": "A cell of the notebook is missing in the results.",
    "NBV208": "The verdict of a runbook does not follow from its cells.",
    "NBV209": "A published value differs from the cell that published it.",
    "NBV210": "The execution counts do not increase.",
    "NBV211": "The state of a cell does not follow from its outputs.",
    "NBV212": "The error of a cell differs from its outputs.",
    "NBV213": "A parameter differs from the injected cell.",
    "NBV221": "The record differs from the executed notebooks.",
    "NBV231": "A page cannot be read.",
    "NBV232": "A page differs from the record.",
    "NBV233": "A page belongs to no executed notebook.",
    "NBV234": "The model card lacks a text of the record.",
    "NBV241": "A test report is missing.",
    "NBV242": "A test report belongs to no executed notebook.",
    "NBV243": "A test report differs from the record.",
    # 3: measurements
    "NBV301": "The release has no tests.",
    "NBV302": "A test did not pass.",
    "NBV311": "The batch deployment returned another number of rows.",
    "NBV312": "No rows were sent to the batch deployment.",
    "NBV313": "The models were compared on another number of rows than held out.",
    "NBV314": "The data profile has another number of rows than the data.",
    "NBV315": "Rows are in both training and test data, and no criterion allows them.",
    "NBV321": "A confidence interval ends before its start.",
    "NBV322": "A metric has a champion's value without a difference, or the reverse.",
    "NBV323": "A metric has a champion's value, and there is no champion.",
    "NBV324": "A difference is not challenger minus champion.",
    "NBV325": "The accuracy does not follow from the confusion matrix.",
    "NBV326": "McNemar's test does not follow from the confusion matrices.",
    "NBV327": "A confusion matrix has another number of classes.",
    "NBV328": "A confusion matrix has another number of rows.",
    "NBV329": "A slice has more rows than were compared.",
    "NBV330": "A slice has no range.",
    "NBV331": "A criterion has another value than was measured.",
    "NBV332": "A criterion has the operator of the wrong direction.",
    "NBV341": "The endpoint was not compared with the training job.",
    "NBV342": "The endpoint's predictions differ from the training job's.",
    "NBV351": "A runbook was run with another value than was published.",
    "NBV352": "A runbook was run with another model than was registered.",
    "NBV353": "A deployment is its own previous deployment.",
    "NBV354": "The new deployment does not have all traffic.",
    # 4: order and decisions
    "NBV401": "A runbook started before the release.",
    "NBV402": "A runbook started before the end of the runbook whose values it has.",
    "NBV403": "A runbook ended before it started.",
    "NBV404": "The seconds of a runbook differ from its start and end.",
    "NBV405": "A stage ended before it started.",
    "NBV406": "A runbook ran outside its stage.",
    "NBV407": "A decision is older than the release.",
    "NBV408": "A runbook ran although its stage was rejected.",
    "NBV409": "A decision is later than the start of its stage.",
    "NBV410": "A decision is earlier than the end of an earlier stage.",
    "NBV411": "The steps of the rollout are not in chronological order.",
    "NBV412": "An event of the traffic is outside the time of its runbook.",
    "NBV413": "A cell started before the cell above ended.",
    "NBV414": "A cell ended before it started.",
    "NBV415": "A runbook ended before its last cell.",
    "NBV421": "The result of a criterion does not follow from its value.",
    "NBV422": "The gate passed, and a criterion is not met.",
    "NBV423": "The gate failed, and every criterion is met.",
    "NBV424": "The gate was waived without a waiver.",
    "NBV425": "The waiver had expired.",
    "NBV426": "The gate failed, and the model was registered.",
    "NBV431": "An approval is missing.",
    "NBV432": "Traffic moved without approval.",
    "NBV433": "A model was registered without any approval.",
    "NBV434": "A decision has no approver.",
    "NBV435": "An author approved their own release.",
    "NBV436": "A stage was rejected, and the release passed.",
    # 5: code
    "NBV501": "The notebooks in the pack cannot be exported again.",
    "NBV502": "An exported file is missing.",
    "NBV503": "An exported file differs from its notebook.",
    "NBV504": "A notebook in the pack cannot be exported.",
    "NBV505": "No notebook exports to a file.",
    "NBV511": "The source of a runbook is missing.",
    "NBV512": "A runbook was run from another source.",
    "NBV513": "A runbook has other cells than its source.",
    "NBV514": "A cell of a runbook differs from its source.",
    "NBV515": "A cell of a runbook has other tags in its source.",
    "NBV516": "The output of a checked cell was not checked.",
    "NBV517": "The result of an output check is wrong.",
    # 6: leaks
    "NBV601": "A file contains a secret.",
    "NBV602": "A file contains an absolute path of this machine.",
    # 7: signatures and later entries
    "NBV701": "A signature signs another manifest.",
    "NBV702": "A signature is invalid.",
    "NBV703": "A required signature is missing.",
    "NBV704": "A file is not a signature.",
    "NBV705": "A signature cannot be read.",
    "NBV711": "A later entry is missing.",
    "NBV712": "A file is not a later entry.",
    "NBV713": "A later entry has another number.",
    "NBV714": "A later entry belongs to another release.",
    "NBV715": "A later entry does not have the digest of the one before.",
    "NBV716": "A later entry is older than the one before.",
    "NBV717": "An attached file is missing.",
    "NBV718": "An attached file was changed.",
    "NBV719": "A later entry is not signed with a required key.",
    "NBV720": "The signature of a later entry cannot be read.",
    "NBV721": "The signature of a later entry signs another one.",
    "NBV722": "The head of the later entries is missing.",
    "NBV723": "The head of the later entries cannot be read.",
    "NBV724": "The head has another number of entries.",
    "NBV725": "The last entry was changed.",
    "NBV726": "A file is not part of a later entry.",
    "NBV727": "The page of the later entries is missing.",
    "NBV728": "The page of the later entries differs from them.",
    # 9: the check itself
    "NBV901": "The check stopped with an error.",
    "NBV902": "A file is malformed.",
}


@dataclass(frozen=True)
class Problem:
    """One problem of a pack.

    Attributes:
        code: a key of :data:`CODES`.
        message: what is wrong and where, in one line.
    """

    code: str
    message: str

    def __str__(self) -> str:
        return self.message

    def at(self, where: str) -> Problem:
        """The problem with a place in front of its message."""
        return replace(self, message=f"{where}: {self.message}")

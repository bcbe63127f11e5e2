"""A real pack, tampered with in every way that we could think of. Each one fails the right check.

Some tests only change a file. Others write a fitting manifest (*sealed*), or build record and pages
again from forged notebooks (*built*): then values contradict each other. A consistent forgery of
everything cannot be detected in the pack itself, only by the signature.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest

sys.path.insert(0, str(Path(__file__).parent))

import real_pack

from conftest import Project
from nbrelease.attestation import manifest, sign
from nbrelease.pack import build_pack, write_entries_page
from nbrelease.records import schema
from nbrelease.verification import verify

pytestmark = pytest.mark.functional

TRAIN, REGISTER, BATCH, ONLINE, RELEASE = (
    "02_train", "03_register", "05_test_batch", "07_test_online", "08_release_online",
)  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("real")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        real_pack.git(root, "init", "-q")
        return real_pack.make(Project(root))


@pytest.fixture
def pack(made, tmp_path) -> Path:
    for name in ("key", "other"):
        shutil.copy(made.parents[1] / name, tmp_path)
    return Path(shutil.copytree(made, tmp_path / made.name))


@pytest.fixture(scope="module")
def key(made) -> sign.PublicKey:
    return sign.public_key(str(made.parents[1] / "key.pub"))


# --- how it is done ---


def text(name: str, old: str, new: str) -> Callable[[Path], None]:
    """Replace a text in a file."""

    def do(pack: Path) -> None:
        path = pack / name
        content = path.read_text(encoding="utf-8")
        assert old in content, (name, old)
        path.write_text(content.replace(old, new, 1), encoding="utf-8")

    return do


def content(name: str, change: Callable[[Any], Any]) -> Callable[[Path], None]:
    """Change a JSON file; what ``change`` returns, if anything, is its new content."""

    def do(pack: Path) -> None:
        path = pack / name
        content = json.loads(path.read_text(encoding="utf-8"))
        changed = change(content)
        path.write_text(json.dumps(content if changed is None else changed, indent=1), "utf-8")

    return do


def record(**new: Any) -> Callable[[Path], None]:
    return content("record.json", lambda actual: actual.update(new))


def notebook(name: str, change: Callable[[Any], Any]) -> Callable[[Path], None]:
    return content(f"notebooks/{name}.ipynb", change)


def cell(name: str, id: str, **new: Any) -> Callable[[Path], None]:
    def change(content: Any) -> None:
        next(each for each in content["cells"] if each["id"] == id).update(new)

    return notebook(name, change)


def claim(name: str, **new: Any) -> Callable[[Path], None]:
    return notebook(name, lambda actual: actual["metadata"]["nbrelease"].update(new))


def claimed(name: str, id: str, **new: Any) -> Callable[[Path], None]:
    def change(content: Any) -> None:
        cells = content["metadata"]["nbrelease"]["cells"]
        next(each for each in cells if each["id"] == id).update(new)

    return notebook(name, change)


def value(name: str, key: str, new: Any) -> Callable[[Path], None]:
    """Forge a published value in all places of a notebook that have it."""

    def change(content: Any) -> None:
        content["metadata"]["nbrelease"]["values"][key] = new
        for each in content["cells"]:
            for output in each.get("outputs", []):
                scrap = output.get("data", {}).get("application/scrapbook.scrap.json+json")
                if scrap and scrap["name"] == key:
                    scrap["data"] = new

    return notebook(name, change)


def parameter(name: str, key: str, new: str) -> Callable[[Path], None]:
    """Forge a parameter in the claim and in the injected cell."""

    def change(content: Any) -> None:
        content["metadata"]["nbrelease"]["parameters"][key] = new
        for each in content["cells"]:
            if each["id"] == "injected-parameters":
                source = "".join(each["source"])
                each["source"] = re.sub(rf"(?m)^{key} = .*$", f'{key} = "{new}"', source)

    return notebook(name, change)


def remove(name: str) -> Callable[[Path], None]:
    return lambda pack: (pack / name).unlink()


def add(name: str, said: str = "x") -> Callable[[Path], None]:
    def do(pack: Path) -> None:
        (pack / name).parent.mkdir(exist_ok=True)
        (pack / name).write_text(said, encoding="utf-8")

    return do


def move(name: str, to: str) -> Callable[[Path], None]:
    def do(pack: Path) -> None:
        (pack / name).rename(pack / to)

    return do


def swap(name: str, other: str) -> Callable[[Path], None]:
    def do(pack: Path) -> None:
        first, second = (pack / name).read_bytes(), (pack / other).read_bytes()
        (pack / name).write_bytes(second)
        (pack / other).write_bytes(first)

    return do


def link(name: str) -> Callable[[Path], None]:
    def do(pack: Path) -> None:
        target = pack.parent / "elsewhere"
        shutil.move(pack / name, target)
        (pack / name).symlink_to(target)

    return do


def seal(pack: Path) -> None:
    manifest.write(pack)


def build(pack: Path) -> None:
    build_pack(pack)


def times(content: Any) -> None:
    """Start and end of a runbook, swapped."""
    result = content["metadata"]["nbrelease"]
    result["started"], result["ended"] = result["ended"], result["started"]


def cell_times(content: Any) -> None:
    """The times of two cells, swapped."""
    cells = [each for each in content["cells"] if each["cell_type"] == "code"]
    first, last = cells[0]["metadata"], cells[-1]["metadata"]
    first["papermill"], last["papermill"] = last["papermill"], first["papermill"]


def untested(pack: Path) -> None:
    """No cell of any notebook is a test any more."""
    for path in (pack / "notebooks").glob("*.ipynb"):
        content = json.loads(path.read_text())
        for each in content["metadata"]["nbrelease"]["cells"]:
            each["tags"], each["check"] = [], None
        path.write_text(json.dumps(content))


def other_times(name: str, other: str) -> Callable[[Path], None]:
    """Two runbooks change their times."""

    def do(pack: Path) -> None:
        paths = [pack / "notebooks" / f"{each}.ipynb" for each in (name, other)]
        contents = [json.loads(path.read_text()) for path in paths]
        results = [each["metadata"]["nbrelease"] for each in contents]
        for key in ("started", "ended", "seconds"):
            results[0][key], results[1][key] = results[1][key], results[0][key]
        for path, each in zip(paths, contents, strict=True):
            path.write_text(json.dumps(each))

    return do


def decision(index: int, **new: Any) -> Callable[[Path], None]:
    return content("decisions.json", lambda actual: actual[index].update(new))


def unsign(pack: Path) -> None:
    shutil.rmtree(pack / "signatures")


def sign_with_other(pack: Path) -> None:
    sign.pack(pack, sign.private_key(str(pack.parent / "other")))


def signature(change: Callable[[str], str]) -> Callable[[Path], None]:
    """Change the text of the one signature."""

    def do(pack: Path) -> None:
        [path] = (pack / "signatures").glob("*")
        content = path.read_text()
        path.write_text(change(content))
        assert path.read_text() != content

    return do


def forge(pack: Path) -> None:
    """A signature with another key that names the right one."""
    right = sign.private_key(str(pack.parent / "key")).public.id
    unsign(pack)
    sign_with_other(pack)
    signature(lambda said: re.sub('"keyid": "[0-9a-f]+"', f'"keyid": "{right}"', said))(pack)


GATE = {"verdict": "passed", "criteria": [
    {"metric": "roc_auc", "operator": "at least", "threshold": 0.8, "value": 0.7, "passed": True},
]}  # fmt: skip
WAIVED = {"verdict": "waived", "criteria": [
    {"metric": "roc_auc", "operator": "at least", "threshold": 0.8, "value": 0.7, "passed": False},
], "waiver": {"name": "Bob", "reason": "haste", "until": "2020-01-01"}}  # fmt: skip
MOVED = [
    {"time": "2020-01-01T00:00:00+00:00", "decision": "done", "traffic": {"model-2": 100}},
]  # fmt: skip
KEY = "AccountKey=" + "a1B2" * 12
RAISED = [{"output_type": "error", "ename": "E", "evalue": "x", "traceback": []}]


@dataclass(frozen=True)
class Case:
    """A way to tamper: what is done, which check finds it, and what its problem names."""

    name: str
    steps: tuple[Callable[[Path], Any], ...]
    check: str
    code: str
    names: str
    signed: bool = False


def case(
    name: str,
    check: str,
    code: str,
    names: str,
    *steps: Callable[[Path], Any],
    signed: bool = False,
):
    return Case(name, steps, check, code, names, signed)


CASES = [
    # a file is not what it was
    case("digit of the record", "manifest", "NBV105", "record.json", text("record.json", "0.8125", "0.8126")),
    case("output of a cell", "manifest", "NBV105", "notebooks/02_train.ipynb", text("notebooks/02_train.ipynb", "rows 40", "rows 41")),
    case("figure of the page", "manifest", "NBV105", "index.html", text("index.html", "0.8125", "0.9125")),
    case("page of a notebook", "manifest", "NBV105", "html/02_train.html", text("html/02_train.html", "rows 40", "rows 41")),
    case("model card", "manifest", "NBV105", "model-card.md", text("model-card.md", "0.9000", "0.9900")),
    case("page of the model card", "manifest", "NBV105", "model-card.html", text("model-card.html", "0.9000", "0.9900")),
    case("test report", "manifest", "NBV105", "junit/02_train.xml", text("junit/02_train.xml", 'failures="0"', 'failures="1"')),
    case("word of an approver", "manifest", "NBV105", "decisions.json", text("decisions.json", "better", "worse!")),
    case("end of a stage", "manifest", "NBV105", "outcome.json", text("outcome.json", "Succeeded", "Skipped")),
    case("main.py", "manifest", "NBV105", "code/exported/train/main.py", text("code/exported/train/main.py", "random_state", "random_stat3")),
    case("source of a runbook", "manifest", "NBV105", "code/runbooks/02_train.ipynb", text("code/runbooks/02_train.ipynb", "calm_pea_1", "calm_pea_2")),
    case("missing notebook", "manifest", "NBV102", "notebooks/02_train.ipynb", remove("notebooks/02_train.ipynb")),
    case("missing page", "manifest", "NBV102", "index.html", remove("index.html")),
    case("missing decisions", "manifest", "NBV102", "decisions.json", remove("decisions.json")),
    case("extra file", "manifest", "NBV103", "extra.txt", add("extra.txt")),
    case("extra hidden file", "manifest", "NBV103", "html/.hidden", add("html/.hidden")),
    case("extra notebook", "manifest", "NBV103", "notebooks/04_x.ipynb", add("notebooks/04_x.ipynb", "{}")),
    case("renamed file", "manifest", "NBV103", "html/2_train.html", move("html/02_train.html", "html/2_train.html")),
    case("swapped pages", "manifest", "NBV105", "html/02_train.html", swap("html/01_prepare.html", "html/02_train.html")),
    case("link", "manifest", "NBV104", "index.html", link("index.html")),
    case("digest in the manifest", "manifest", "NBV105", "record.json", content("manifest.json", lambda m: m["files"].update({"record.json": "0" * 64}))),
    case("line of the manifest", "manifest", "NBV103", "junit/02_train.xml", content("manifest.json", lambda m: {**m, "files": {k: v for k, v in m["files"].items() if k != "junit/02_train.xml"}})),
    case("weaker algorithm", "manifest", "NBV106", "manifest.json algorithm", content("manifest.json", lambda m: m.update(algorithm="md5"))),
    case("path out of the pack", "manifest", "NBV101", "../x", content("manifest.json", lambda m: m["files"].update({"../x": "0" * 64}))),
    case("no manifest", "manifest", "NBV106", "manifest.json", remove("manifest.json")),
    case("broken manifest", "manifest", "NBV106", "manifest.json", add("manifest.json", "{")),
    # sealed again: the record
    case("metric", "record", "NBV221", "metrics.accuracy 0.9125 0.8125", text("record.json", "0.8125", "0.9125"), seal),
    case("version", "record", "NBV221", "model.version 3 2", content("record.json", lambda r: r["model"].update(version="3")), seal),
    case("verdict", "record", "NBV221", "verdict failed", record(verdict="failed"), seal),
    case("tests", "record", "NBV221", "tests.total 99", content("record.json", lambda r: r["tests"].update(total=99, passed=99)), seal),
    case("commit of the criteria", "record", "NBV221", "gate.criteria_commit", content("record.json", lambda r: r["gate"].update(criteria_commit="abc")), seal),
    case("no decisions any more", "record", "NBV221", "decisions", remove("decisions.json"), seal),
    case("a runbook less", "record", "NBV221", "record.json runbooks", remove("notebooks/05_test_batch.ipynb"), remove("html/05_test_batch.html"), remove("junit/05_test_batch.xml"), seal),
    case("digest of the code", "record", "NBV221", "code.notebooks/train.ipynb", content("record.json", lambda r: r["code"].update({"notebooks/train.ipynb": "0" * 64})), seal),
    case("unknown field", "schema", "NBV112", "record.json surplus", record(surplus=1), seal),
    case("missing field", "schema", "NBV112", "record.json env", content("record.json", lambda r: {k: v for k, v in r.items() if k != "env"}), seal),
    case("text for a number", "schema", "NBV112", "record.json tests.total", content("record.json", lambda r: r["tests"].update(total="18")), seal),
    case("later schema", "schema", "NBV111", "7.0", record(schema_version="7.0"), seal),
    case("key that stands twice", "schema", "NBV112", "verdict", text("record.json", '"verdict": "passed"', '"verdict": "failed", "verdict": "passed"'), seal),
    case("no record any more", "schema", "NBV112", "record.json", add("record.json", "[]"), seal),
    case("another folder's name", "identity", "NBV122", "", lambda pack: pack.rename(pack.with_name("prod-20200101T000000Z-00000000"))),
    case("another id", "identity", "NBV121", "release_id", text("record.json", '"release_id": "prod-2', '"release_id": "prod-1'), seal),
    case("runbook of another release", "identity", "NBV124", "prod-20200101T000000Z-0", claim(TRAIN, release_id="prod-20200101T000000Z-0"), build),
    case("runbook of another environment", "identity", "NBV125", "dev prod", claim(TRAIN, env="dev"), build),
    case("swapped notebooks", "identity", "NBV123", "notebooks/05_test_batch.ipynb 07_test_online", swap("notebooks/05_test_batch.ipynb", "notebooks/07_test_online.ipynb"), seal),
    # sealed again: notebooks and pages
    case("failed cell that says passed", "cells", "NBV211", "test-something", cell(TRAIN, "test-something", outputs=RAISED), build),
    case("cell that was not run", "cells", "NBV211", "test-something", cell(TRAIN, "test-something", execution_count=None), build),
    case("claim of another state", "cells", "NBV211", "record", claimed(TRAIN, "record", state="skipped"), build),
    case("value in the claim alone", "cells", "NBV209", "metrics.accuracy 0.99 0.8125", notebook(TRAIN, lambda n: n["metadata"]["nbrelease"]["values"]["metrics"].update(accuracy=0.99)), build),
    case("injected parameter", "cells", "NBV213", "model_version 9 2", notebook(ONLINE, lambda n: n["metadata"]["nbrelease"]["parameters"].update(model_version="9")), build),
    case("cell taken out", "cells", "NBV206", "test-something", notebook(TRAIN, lambda n: {**n, "cells": [c for c in n["cells"] if c["id"] != "test-something"]}), build),
    case("cell put in", "cells", "NBV207", "new", notebook(TRAIN, lambda n: n["cells"].append({**n["cells"][-1], "id": "new"})), build),
    case("cell run twice", "cells", "NBV210", "notebooks/02_train.ipynb", cell(TRAIN, "record", execution_count=9), build),
    case("broken notebook", "cells", "NBV201", "notebooks/02_train.ipynb", add("notebooks/02_train.ipynb", "{}"), seal),
    case("figure of the page, sealed", "pages", "NBV232", "index.html", text("index.html", "0.8125", "0.9125"), seal),
    case("page of a notebook, sealed", "pages", "NBV232", "html/02_train.html", text("html/02_train.html", "rows 40", "rows 41"), seal),
    case("no first page", "pages", "NBV231", "index.html", remove("index.html"), seal),
    case("page of nothing", "pages", "NBV233", "html/99_more.html", add("html/99_more.html"), seal),
    case("summary of the run, sealed", "pages", "NBV232", "summary.md", text("summary.md", "0.9000", "0.9900"), seal),
    case("model card, sealed", "pages", "NBV234", "model-card.md 0.9000", text("model-card.md", "0.9000", "0.9900"), seal),
    case("test report, sealed", "reports", "NBV243", "junit/02_train.xml", text("junit/02_train.xml", 'tests="2"', 'tests="9"'), seal),
    case("missing test report, sealed", "reports", "NBV241", "junit/02_train.xml", remove("junit/02_train.xml"), seal),
    # built again: facts that do not fit
    case("no tests", "tests", "NBV301", "0", untested, build),
    case("start and end swapped", "order", "NBV403", "02_train", notebook(TRAIN, times), build),
    case("runbooks change times", "order", "NBV402", "03_register 02_train", other_times(TRAIN, REGISTER), build),
    case("times of cells swapped", "order", "NBV413", "02_train", notebook(TRAIN, cell_times), build),
    case("release that began late", "order", "NBV401", "01_prepare", record(started="2099-01-01T00:00:00Z"), build),
    case("yes after the fact", "order", "NBV409", "Ada prod 03_register", decision(0, time="2098-01-01T00:00:00Z"), build),
    case("yes before there was anything to see", "order", "NBV407", "Lin blue", decision(1, time="2020-01-01T00:00:00Z"), build),
    case("rollout at another time", "order", "NBV412", "08_release_online", value(RELEASE, "rollout", MOVED), build),
    case("lost rows", "rows", "NBV311", "batch 40 39", value(BATCH, "rows_out", 39), build),
    case("no rows", "rows", "NBV311", "batch 0", value(BATCH, "rows_in", 0), value(BATCH, "rows_out", 0), build),
    case("rows in both", "rows", "NBV315", "7", value("01_prepare", "data_profile", {"rows": 200, "overlap": 7}), build),
    case("other predictions", "parity", "NBV342", "0.25 0", value(ONLINE, "parity_max_abs_diff", 0.25), build),
    case("never compared", "parity", "NBV341", "model-2", value(ONLINE, "parity_max_abs_diff", None), build),
    case("tested another version", "versions", "NBV351", "07_test_online model_version 1 03_register 2", parameter(ONLINE, "model_version", "1"), build),
    case("released another deployment", "versions", "NBV351", "08_release_online online_deployment model-9", parameter(RELEASE, "online_deployment", "model-9"), build),
    case("registered another version", "versions", "NBV351", "3", value(REGISTER, "model_version", "3"), build),
    case("trained on other data", "versions", "NBV351", "02_train data_version 1 01_prepare 3", parameter(TRAIN, "data_version", "1"), build),
    case("not all of the traffic", "versions", "NBV354", "model-2 60", value(RELEASE, "traffic", {"model-1": 40, "model-2": 60}), build),
    case("criterion that was not met", "gate", "NBV421", "roc_auc", value(REGISTER, "gate", GATE), build),
    case("waiver that had ended", "gate", "NBV425", "Bob 2020-01-01", value(REGISTER, "gate", WAIVED), build),
    case("one yes is missing", "approvals", "NBV431", "blue", content("decisions.json", lambda d: d[:1]), build),
    case("yes of nobody", "approvals", "NBV434", "prod", decision(0, name=" "), build),
    case("yes of the author", "approvals", "NBV435", "Grace", decision(0, name="Grace"), content("record.json", lambda r: r["approval_rules"].update(approver_is_not_author=True)), build),
    # built again: code
    case("main.py, built", "export", "NBV503", "code/exported/train/main.py", text("code/exported/train/main.py", "random_state", "random_stat3"), build),
    case("notebook, built", "export", "NBV503", "code/notebooks/train.ipynb", text("code/notebooks/train.ipynb", "0.3", "0.4"), build),
    case("tests of main.py, built", "export", "NBV503", "code/tests/exported/test_train.py", text("code/tests/exported/test_train.py", "assert", "assert not"), build),
    case("no main.py, built", "export", "NBV502", "code/exported/train/main.py", remove("code/exported/train/main.py"), build),
    case("module of nothing, built", "export", "NBV505", "code/exported/train/more.py", add("code/exported/train/more.py"), build),
    case("source of a runbook, built", "runbooks", "NBV512", "notebooks/02_train.ipynb", text("code/runbooks/02_train.ipynb", "0.8125", "0.9125"), build),
    case("no source of a runbook, built", "runbooks", "NBV511", "code/runbooks/02_train.ipynb", remove("code/runbooks/02_train.ipynb"), build),
    case("code of a cell, built", "runbooks", "NBV514", "record", cell(TRAIN, "record", source="record()"), build),
    case("checked output, built", "runbooks", "NBV517", "shown", cell(TRAIN, "shown", outputs=[{"output_type": "stream", "name": "stdout", "text": "rows 41\n"}]), build),
    case("check that was dropped, built", "runbooks", "NBV516", "shown", claimed(TRAIN, "shown", check=None), build),
    # leaks
    case("secret in an output", "secrets", "NBV601", "notebooks/02_train.ipynb", cell(TRAIN, "shown", outputs=[{"output_type": "stream", "name": "stdout", "text": KEY}]), build),
    case("secret in a comment", "secrets", "NBV601", "decisions.json", decision(0, comment=f"used {KEY}"), seal),
    case("folder of a machine", "paths", "NBV602", "/home/grace/", cell(TRAIN, "shown", outputs=[{"output_type": "stream", "name": "stdout", "text": "in /home/grace/rows"}]), build),
    case("folder of a Windows machine", "paths", "NBV602", "decisions.json", decision(0, comment="see C:\\Users\\grace\\x.txt"), build),
    # signatures
    case("sealed again after signing", "signature", "NBV701", "signatures/", text("record.json", "0.8125", "0.9125"), seal),
    case("signature of another key", "signature", "NBV703", "", unsign, sign_with_other, signed=True),
    case("no signature", "signature", "NBV703", "", unsign, signed=True),
    case("payload of the signature", "signature", "NBV705", "signatures/", signature(lambda said: said.replace('"payload": "', '"payload": "AAAA')), signed=True),
    case("forged signature", "signature", "NBV702", "signatures/", forge, signed=True),
    case("signature in another form", "signature", "NBV705", "signatures/", signature(lambda said: said.replace("in-toto+json", "other+json"))),
    case("something else beside the signatures", "signature", "NBV704", "signatures/x.txt", add("signatures/x.txt")),
    # what came later
    case("old entry", "later", "NBV715", "later/0002.json 0001.json", text("later/0001.json", "Age drifts", "All well")),
    case("newest entry", "later", "NBV725", "later/0003.json", text("later/0003.json", "back to model-1", "all is well now")),
    case("old entry taken out", "later", "NBV711", "later/0002.json", remove("later/0002.json")),
    case("newest entry taken out", "later", "NBV724", "3 2", remove("later/0003.json")),
    case("entries moved", "later", "NBV713", "later/0001.json 2", swap("later/0001.json", "later/0002.json")),
    case("attached file", "later", "NBV718", "later/0001/drift.json", text("later/0001/drift.json", "0.31", "0.01")),
    case("attached file taken out", "later", "NBV717", "later/0001/drift.json", remove("later/0001/drift.json")),
    case("something between the entries", "later", "NBV726", "later/more.txt", add("later/more.txt")),
    case("page of the entries", "later", "NBV728", "later/index.html", text("later/index.html", "slow answers", "all is well")),
    case("page of the entries taken out", "later", "NBV727", "later/index.html", remove("later/index.html")),
    case("entry of another release", "later", "NBV714", "prod-1", content("later/0003.json", lambda e: e.update(release_id="prod-1"))),
    case("entry that is none", "later", "NBV712", "later/0002.json", add("later/0002.json", "{}")),
    case("unsigned entry", "later", "NBV719", "later/0002.json", remove("later/0002.dsse.json"), signed=True),
    case("signature of an old entry", "later", "NBV721", "later/0001.dsse.json", swap("later/0001.dsse.json", "later/0002.dsse.json")),
    case("head taken out", "later", "NBV722", "later/head.json", remove("later/head.json")),
]  # fmt: skip


def test_there_are_enough_of_them():
    assert len(CASES) >= 60
    assert len({each.name for each in CASES}) == len(CASES)


def test_the_untouched_pack_verifies_with_its_signature(pack, key):
    report = verify(pack, [key])
    assert not report.failed, report.text()
    assert {result.state for result in report.results.values()} == {"passed"}
    assert (report.level, list(report.signers)) == ("signed", [key.id])


@pytest.mark.parametrize("tampered", CASES, ids=lambda each: each.name)
def test_tampering_is_found_in_its_place(pack, key, tampered):
    folder = pack
    for step in tampered.steps:
        moved = step(pack)
        folder = moved if isinstance(moved, Path) else folder
    report = verify(folder, [key] if tampered.signed else [])
    result = report.results[tampered.check]
    assert result.state == "failed", report.text()
    names = tampered.names.split()
    matching = [each for each in result.problems if all(name in each.message for name in names)]
    assert tampered.code in [each.code for each in matching], result.problems
    assert report.level == "none"


def test_a_forgery_of_everything_is_what_the_signature_is_for(pack, key):
    """Notebook, record and pages have the same forged value; only the signature shows it."""
    value(TRAIN, "metrics", {"accuracy": 0.99, "roc_auc": 0.9, "test_rows": 80.0})(pack)
    build(pack)
    shutil.rmtree(pack / "signatures")
    shutil.rmtree(pack / "later")
    write_entries_page(pack)
    report = verify(pack)
    assert (report.failed, report.level) == (False, "consistent")
    assert verify(pack, [key]).results["signature"].state == "failed"


def test_the_real_record_keeps_the_published_schema(pack):
    record = json.loads((pack / "record.json").read_text(encoding="utf-8"))
    jsonschema.validate(record, json.loads(schema.read_schema()))


def test_the_page_leads_from_the_notebook_to_the_module(pack):
    page = (pack / "index.html").read_text(encoding="utf-8")
    for name in ("notebooks/train.ipynb", "exported/train/main.py"):
        assert f'href="code/{name}"' in page
        assert (pack / "code" / name).is_file()

"""No secret gets into a pack: secrets are planted everywhere and searched for in each file."""

from __future__ import annotations

import html
import json
import re
import sys
import time
import urllib.parse
from pathlib import Path

import nbformat
import planted
import pytest

import child_processes
from nbrelease.cli import main
from nbrelease.records import result_of
from nbrelease.secrets import find_in_file

pytestmark = pytest.mark.functional

PLACES = (
    "parameter", "stdout", "stderr", "repr", "html", "markdown", "source", "error", "value", "json",
    "table",
)  # fmt: skip
LIST = "from nbrelease import record\nimport json, os, sys\nsecrets = json.load(open(os.environ['PLANTED']))"


def release_of(project) -> Path:
    (folder,) = project.root.glob("evidence/*Z-*")
    return folder


def readings(path: Path) -> list[str]:
    """A file as stored, and without tags, escapes and the line endings of a notebook."""
    text = path.read_bytes().decode("utf-8")
    plain = html.unescape(re.sub(r"<[^>]+>", "", text))
    lines = re.sub(r'\\n",\s+"', "", text).replace("\\n", "\n")
    return [text, plain, lines, urllib.parse.unquote(text)]


@pytest.fixture
def secrets_everywhere(tmp_path, monkeypatch) -> dict[str, dict[str, planted.Planted]]:
    """Secrets by place and form; the kernel reads them from a file outside the project."""
    maker = planted.Maker(20261124)
    created = {place: {form: maker.plant(form) for form in maker.forms()} for place in PLACES}
    path = tmp_path.parent / "planted.json"
    path.write_text(
        json.dumps({place: [each.text for each in of.values()] for place, of in created.items()})
    )
    monkeypatch.setenv("PLANTED", str(path))
    # Only made-up passwords: no other secret has the column "value" or "password" alone.
    values = [created["table"][form].secret for form in planted.PHRASES if "address" not in form]
    values = values[: len(values) // 2 * 2]
    created["table"] = {value: planted.Planted(value, value, value) for value in values}
    path = tmp_path.parent / "planted-values.json"
    path.write_text(json.dumps(values))
    monkeypatch.setenv("PLANTED_VALUES", str(path))
    return created


def plant(project, made) -> None:
    """Write a runbook that leaks a secret of each form in each place."""
    source = "\n".join(
        f"literal_{number} = {each.text!r}" for number, each in enumerate(made["source"].values())
    )
    path = project.runbook(
        "01_a",
        ("p", ["parameters"], "notes: list = []\nplain: str = 'x'"),
        ("load", [], LIST),
        ("source", [], source),
        ("stdout", [], "for each in secrets['stdout']:\n    print('INFO', each, sep='\\n')"),
        ("strokes", [], "text = secrets['stdout'][0]\nprint(text[:70], end='', flush=True)\n"
         "import time; time.sleep(0.3)\nprint(text[70:])"),
        ("stderr", [], "for each in secrets['stderr']:\n    print(each, file=sys.stderr)"),
        ("repr", [], "dict(enumerate(secrets['repr']))"),
        ("html", [], "from IPython.display import HTML, JSON, display\nimport html\n"
         "HTML(''.join(f'<pre>{html.escape(each)}</pre>' for each in secrets['html']))"),
        ("json", [], "display(JSON({str(i): each for i, each in enumerate(secrets['json'])}))"),
        ("value", [], "record(seen=secrets['value'])"),
        ("table", [], "import pandas as pd\nvalues = json.load(open(os.environ['PLANTED_VALUES']))\n"
         "rows = pd.DataFrame({'name': ['DB_PASS', 'pw'] * (len(values) // 2), 'value': values})\n"
         "columns = pd.DataFrame({'user': 'ada', 'password': values, 'host': 'h'})\n"
         "display(rows, columns)\nprint(rows, columns, sep='\\n\\n')\n"
         "print(rows.to_csv(), columns.to_csv(index=False), sep='\\n')\n"
         "print(rows.to_csv(sep='\\t'))"),
        ("error", ["raises-exception"], "raise ValueError('\\n'.join(secrets['error'][:10]))"),
        ("no", ["test"], "assert not secrets, '\\n'.join(secrets['error'][10:])"),
    )  # fmt: skip
    notebook = nbformat.read(path, as_version=4)
    prose = "\n\n".join(each.text for each in made["markdown"].values())
    notebook.cells.insert(0, nbformat.v4.new_markdown_cell(prose, id="prose"))
    notebook.metadata["connection"] = {"storage_key": "a phrase that is one"}
    nbformat.write(notebook, path)


def test_no_planted_secret_is_in_any_file(project, secrets_everywhere, capfd):
    plant(project, secrets_everywhere)
    value = json.dumps([each.text for each in secrets_everywhere["parameter"].values()])
    assert main(["run", "01_a", "--env", "dev", "-p", f"notes={value}"]) == 1
    folder = release_of(project)
    comment = secrets_everywhere["stdout"]["GitHub"]
    decision = {
        "environment": "prod", "stage": "register", "decision": "rejected", "name": "Ada",
        "time": "2026-11-24T12:00:00Z", "comment": f"do not use {comment.text}",
    }  # fmt: skip
    (folder / "decisions.json").write_text(json.dumps([decision]))
    assert main(["evidence", "build", "--env", "dev", folder.name]) == 0
    assert main(["evidence", "site"]) == 0
    printed = "".join(capfd.readouterr())

    files = [path for path in folder.parent.rglob("*") if path.is_file()]
    assert {".ipynb", ".html", ".json", ".xml"} <= {path.suffix for path in files}
    assert len(planted.Maker(0).forms()) >= 90
    assert len([each for of in secrets_everywhere.values() for each in of.values()]) > 900
    leaked = [
        (place, each.form, path.name)
        for path in files
        for text in readings(path)
        for place, of in secrets_everywhere.items()
        for each in of.values()
        for part in each.secret.split("\n")
        if part in text
    ]
    assert not leaked
    assert not [
        each for of in secrets_everywhere.values() for each in of.values() if each.secret in printed
    ]
    assert "a phrase that is one" not in "".join(path.read_text() for path in files)
    assert not {path.name: actual for path in files if (actual := find_in_file(path))}

    record = json.loads((folder / "record.json").read_text())
    listed = {(each["cell"], each["part"]) for each in record["masked"]}
    assert {
        ("injected-parameters", "code"), ("source", "code"), ("prose", "code"),
        ("stdout", "output"), ("strokes", "output"), ("stderr", "output"), ("repr", "output"),
        ("html", "output"), ("json", "output"), ("value", "output"), ("error", "output"),
        ("table", "output"),
        ("no", "output"), ("", "file"), ("", "metadata"),
    } <= listed  # fmt: skip
    stdout = [each for each in record["masked"] if each["cell"] == "stdout"]
    assert sum(each["times"] for each in stdout) >= 90
    assert "html/01_a.html#stdout" in (folder / "index.html").read_text()


def test_a_killed_run_leaves_no_secret(project, secrets_everywhere):
    project.runbook(
        "01_a", ("load", [], LIST),
        ("out", [], "print('\\n'.join(secrets['stdout']), flush=True)"),
        ("wait", [], "import time; time.sleep(300)"),
    )  # fmt: skip
    process = child_processes.spawn(
        [sys.executable, "-m", "nbrelease", "run", "01_a", "--env", "dev"], stdout=-3, stderr=-3
    )
    deadline = time.monotonic() + 120
    text = ""
    while "DefaultEndpointsProtocol" not in text and time.monotonic() < deadline:
        time.sleep(0.1)
        for path in project.root.glob("evidence/*/notebooks/*.ipynb"):
            text = path.read_text()
    process.kill()
    process.wait()
    assert "AccountKey=***" in text
    assert not [each for each in secrets_everywhere["stdout"].values() if each.secret in text]
    (path,) = project.root.glob("evidence/*/notebooks/*.ipynb")
    assert {each.cell for each in result_of(path).masked} == {"out"}


ORDINARY = """\
sha256 d411236fc209cbbd6260f07974976fcd551bb7b575fbea484ad5e7fb139895a2
commit 00d0827a4d5e7fb139895a2d411236fc209cbbd6 on main, 00d0827
sha512-{sha512}
job 12345678-90ab-cdef-1234-567890abcdef, dev-20261124T220335Z-00d08279
azureml://jobs/calm_apple_x1y2z3/outputs/artifacts/paths/model/
https://example.org/article/S0031?casa_token=8Zk1aXb2Qw0AAAAA:abcDEFghiJKLmno12345
https://user@dev.azure.com/org/_git/p https://localhost:8443/a?api-version=2024-04-01&page=2
password: required; passwords are kept in Key Vault; secret: none
password = os.environ["DB_PASSWORD"]; connect(password=settings.password, key=key)
key: diabetes-classifier, primary_key = 'customer_id', cache_key = '{digest}'
max_tokens=256 next_token=None token: <pad> tokenizer.key_padding_mask
storage_key = 'env:STORAGE_KEY', $(System.AccessToken)
sk-toggleable__label-arrow sk-estimator-doc-link-fitted asia-pacific-south
PWD=/home/user1/project
0.123456789012345678901234567890123456789012345678901234567890
"""


def test_ordinary_text_and_images_are_not_changed(project):
    import base64
    import hashlib

    text = ORDINARY.format(
        sha512=base64.b64encode(hashlib.sha512(b"x").digest()).decode(),
        digest=hashlib.sha256(b"x").hexdigest(),
    )
    project.runbook(
        "01_a",
        ("text", [], f"text = {text!r}\nprint(text)"),
        ("table", [], "import pandas as pd\n"
         "pd.DataFrame({'key': ['a', 'b'], 'token': [1, 2], 'sha': ['ab' * 20] * 2})"),
        ("picture", [], "import random, struct, zlib\nfrom IPython.display import Image\n"
         "row = lambda: bytes([0]) + random.Random(1).randbytes(3 * 300)\n"
         "part = lambda kind, data: struct.pack('>I', len(data)) + kind + data"
         " + struct.pack('>I', zlib.crc32(kind + data))\n"
         "head = struct.pack('>IIBBBBB', 300, 300, 8, 2, 0, 0, 0)\n"
         "png = bytes([137]) + b'PNG\\r\\n' + bytes([26, 10]) + part(b'IHDR', head)"
         " + part(b'IDAT', zlib.compress(b''.join(row() for _ in range(300)), 0))"
         " + part(b'IEND', b'')\n"
         "Image(png)"),
        ("estimator", [], "from sklearn.linear_model import LogisticRegression\n"
         "LogisticRegression()"),
    )  # fmt: skip
    assert main(["run", "01_a", "--env", "dev"]) == 0
    (path,) = project.root.glob("evidence/*/notebooks/01_a.ipynb")
    cells = {cell.id: cell for cell in nbformat.read(path, as_version=4).cells}
    assert cells["text"].outputs[0].text.strip() == text.strip()
    picture = cells["picture"].outputs[0].data["image/png"]
    assert len(picture) > 300_000
    assert "***" not in picture
    assert "sk-" in cells["estimator"].outputs[0].data["text/html"]
    assert result_of(path).masked == []
    assert main(["evidence", "build", "--env", "dev", path.parents[1].name]) == 0
    assert not {p.name: actual for p in path.parents[1].rglob("*.*") if (actual := find_in_file(p))}
    record = json.loads((path.parents[1] / "record.json").read_text())
    assert record["masked"] == []


SECRET = ("p", ["parameters"], "storage_key: str = 'env:STORAGE_KEY'\nnote: str = ''")


def test_a_secret_parameter_is_passed_by_reference(project, monkeypatch, capfd):
    monkeypatch.setenv("OTHER_KEY", "correct horse battery")
    project.runbook(
        "01_a", SECRET,
        ("use", [], "from nbrelease import secret\nvalue = secret(storage_key)\nprint(value)\n"
         "print(value.upper(), len(value), f'?key={value.replace(chr(32), \"%20\")}')"),
    )  # fmt: skip
    assert main(["run", "01_a", "--env", "dev", "-p", "storage_key=env:OTHER_KEY"]) == 0
    (path,) = project.root.glob("evidence/*/notebooks/01_a.ipynb")
    result = result_of(path)
    assert result.parameters["storage_key"] == "env:OTHER_KEY"
    text = path.read_text()
    assert "correct horse battery" not in text
    assert "correct%20horse" not in text
    assert 'storage_key = \\"env:OTHER_KEY\\"' in text
    (masked,) = result.masked
    assert (masked.cell, masked.part, masked.what, masked.times) == (
        "use", "output", "the value of the variable OTHER_KEY", 2,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("argument", "variables", "named"),
    [
        ("hunter2-in-the-open", {}, "env:NAME"),
        ("env:NOT_SET", {}, "NOT_SET"),
        ("env:SHORT", {"SHORT": "abc"}, "SHORT"),
    ],
)
def test_a_secret_that_cannot_be_masked_is_one_line_and_nothing_runs(
    project, monkeypatch, capfd, argument, variables, named
):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    project.runbook("01_a", SECRET)
    assert main(["run", "01_a", "--env", "dev", "-p", f"storage_key={argument}"]) == 2
    err = capfd.readouterr().err
    assert "storage_key" in err
    assert named in err
    assert "hunter2" not in err
    assert err.count("\n") == 1
    assert not list(project.root.glob("evidence/*/notebooks/*"))


def test_values_of_variables_named_like_secrets_are_masked(project, monkeypatch):
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "plain-words-only-here")
    monkeypatch.setenv("MONKEY", "banana-banana-banana")
    project.runbook("01_a", ("c", [], "import os\nprint(*os.environ.values())"))
    assert main(["run", "01_a", "--env", "dev"]) == 0
    (path,) = project.root.glob("evidence/*/notebooks/01_a.ipynb")
    text = path.read_text()
    assert "plain-words-only-here" not in text
    assert "banana-banana-banana" in text


SERVICE = """
import http.server, json, threading
keys = {"primaryKey": " ".join(("plain", "words", "of", "azure")), "secondaryKey": "b" * 24, "keyType": "Primary"}
class Service(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.dumps(keys if self.path.lower().endswith("/listkeys") else {"key": "c" * 24}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Service)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/onlineEndpoints/e/"
import requests
keys = requests.post(url + "listKeys").json(); print(keys["primaryKey"])
print(keys["secondaryKey"], requests.post(url + "score").json()["key"])
"""


def test_a_value_that_the_service_returned_as_a_key_is_masked_whatever_its_form(project, capfd):
    project.runbook(
        "01_a", ("ask", [], SERVICE),
        ("use", [], "import base64\nprint('Z', keys['primaryKey'].replace(' ', '%20'))\n"
         "print(base64.b64encode(('key=' + keys['secondaryKey']).encode()).decode())\n"
         "raise ValueError(keys['secondaryKey'])"),
    )  # fmt: skip
    assert main(["run", "01_a", "--env", "dev"]) == 1
    (path,) = project.root.glob("evidence/*/notebooks/01_a.ipynb")
    assert main(["evidence", "build", "--env", "dev", path.parents[1].name]) == 0
    printed = "".join(capfd.readouterr())
    for text in (
        printed,
        *(each for file in path.parents[1].rglob("*.*") for each in readings(file)),
    ):
        for value in ("of azure", "of%20azure", "bbbbbbbb", "YmJiYmJi"):
            assert value not in text
    assert "c" * 24 in path.read_text()  # an answer of the model, which the team may show
    kinds = {each.what for each in result_of(path).masked}
    assert "a secret that Azure ML returned" in kinds

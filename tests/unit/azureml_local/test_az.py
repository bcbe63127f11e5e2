"""The command line of ``az``: accepted and rejected usage, and the output of results.

Sources of the cases: the reference of the Azure CLI (ml 2.15), the scripts of azureml-examples/cli,
mlops-templates, mlops-template and dstoolkit-mlops-v2, and the output rules of knack's own tests.
"""

from __future__ import annotations

import copy
import io
import json
import shlex
from collections import OrderedDict
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from azureml_local.az import core, preloaded, program, syntax
from azureml_local.az.errors import AzError
from azureml_local.az.ml.commands import COMMANDS
from azureml_local.az.ml.generic_update import update_properties
from azureml_local.az.profile import Profile

W = "-g g -w w"


class Call(NamedTuple):
    """The result of a command line."""

    code: int
    out: str
    err: str
    name: str | None
    values: dict[str, Any]


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Profile:
    for name in ("AZURE_DEFAULTS_GROUP", "AZURE_DEFAULTS_WORKSPACE", "AZURE_CONFIG_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return Profile(tmp_path / "data", tmp_path / "config")


@pytest.fixture
def az(profile, capfd):
    """Run a command line; commands of ``ml`` return ``result`` instead of calling the SDK."""

    def run(line: str | list[str], result: Any = None) -> Call:
        calls: list[tuple[str, dict[str, Any]]] = []

        def run_command(profile: Profile, name: str, arguments: program.Arguments) -> Any:
            calls.append((name, vars(arguments)))
            return result if name.startswith("ml ") else core.HANDLERS[name](profile, arguments)

        argv = shlex.split(line) if isinstance(line, str) else line
        cli = program.Program(profile, run_command, core.TABLE_TRANSFORMERS)
        code = program.run(cli, argv)
        out, err = capfd.readouterr()
        name, values = calls[0] if calls else (None, {})
        return Call(code, out, err, name, values)

    return run


ACCEPTED: list[tuple[str, dict[str, Any]]] = [
    # job
    (f"ml job create -f j.yml {W}", {"file": "j.yml", "set": None, "stream": False, "web": False}),
    (f"ml job create --file j.yml {W} --set a=1 b.c=2", {"set": ["a=1", "b.c=2"]}),
    (f"ml job create -f j.yml {W} --set a=1 --set b=2", {"set": ["a=1", "b=2"]}),
    (f"ml job create -f j.yml {W} --stream", {"stream": True}),
    (f"ml job create -f j.yml {W} -s -e", {"stream": True, "web": True}),
    (f"ml job create -f j.yml {W} --web --name n", {"web": True, "name": "n"}),
    (f"ml job create -f j.yml {W} --skip-validation", {"skip_validation": True}),
    (f"ml job create --f j.yml {W} --query name -o tsv", {"file": "j.yml"}),
    (f"ml job create -f=j.yml {W}", {"file": "j.yml"}),
    (f"ml job create --file=j.yml {W}", {"file": "j.yml"}),
    (f"ml job show -n j {W}", {"name": "j", "web": False}),
    (f"ml job show --name j {W} --web", {"web": True}),
    (f"ml job show -n j {W} --query status -o tsv", {"name": "j"}),
    (f"ml job show-services -n j {W}", {"node_index": 0}),
    (f"ml job show-services --name j --node-index 1 {W}", {"node_index": 1}),
    (f"ml job show-services -n j -i 2 {W}", {"node_index": 2}),
    (f"ml job create -f j.yml {W} --save-as x.yml", {"save_as": "x.yml"}),
    (f"ml job create -f j.yml {W} -a x.yml", {"save_as": "x.yml"}),
    ("ml job cancel --name j -g g -w w", {"name": "j", "resource_group": "g"}),
    (f"ml job stream -n j {W}", {"name": "j"}),
    (f"ml job list {W}", {"max_results": 50, "all_results": False}),
    (f"ml job list {W} --all-results", {"all_results": True}),
    (f"ml job list {W} --all-results true", {"all_results": True}),
    (f"ml job list {W} --max-results 3 --parent-job-name p", {"max_results": 3}),
    (f"ml job list {W} -r 3 -p p --query [].name", {"parent_job_name": "p"}),
    (f"ml job list {W} --include-archived", {"include_archived": True}),
    (f"ml job download -n j {W} --output-name score --download-path ./", {"output_name": "score"}),
    (f"ml job download -n j {W} --all -p out", {"all": True, "download_path": "out"}),
    (f"ml job update -n j {W} --set tags.a=b", {"set": ["tags.a=b"]}),
    (f"ml job update -n j {W} --add a.b 1 x --remove c --remove d 0", {"add": [["a.b", "1", "x"]], "remove": [["c"], ["d", "0"]]}),
    (f"ml job archive -n j {W}", {"name": "j"}),
    (f"ml job restore -n j {W}", {"name": "j"}),
    (f"ml job validate -f j.yml {W}", {"file": "j.yml"}),
    # assets
    (f"ml model create -f m.yml {W}", {"file": "m.yml"}),
    (f"ml model create --name m --path d --type mlflow_model --version 2 {W}", {"version": "2"}),
    (f"ml model create -n m -p d -t custom_model -v 1 {W} --tags a=1 b=2", {"tags": ["a=1", "b=2"]}),
    (f"ml model create -n m --path azureml://jobs/j/outputs/artifacts/paths/model/ {W}", {"name": "m"}),
    ("ml model create -n m --path d --registry-name r", {"registry_name": "r"}),
    (f"ml model list {W}", {"name": None, "max_results": None}),
    (f"ml model list -n m {W} --query [0].version -o tsv", {"name": "m"}),
    ("ml model list --name m --registry-name r", {"registry_name": "r"}),
    (f"ml model show -n m --label latest {W}", {"label": "latest"}),
    (f"ml model show --name m --version 1 {W}", {"version": "1"}),
    (f"ml model update -n m -v 1 {W} --set tags.k=v", {"set": ["tags.k=v"]}),
    (f"ml model update -n m -v 1 {W} --stage Production", {"stage": "Production"}),
    (f"ml model archive -n m --version 1 {W}", {"version": "1"}),
    (f"ml model restore -n m {W}", {"version": None}),
    (f"ml model download -n m -v 1 {W} --download-path d", {"download_path": "d"}),
    (
        f"ml model share -n m -v 1 {W} --registry-name r --share-with-name n --share-with-version 2",
        {"share_with_version": "2"},
    ),
    (f"ml data create -f d.yml {W}", {"file": "d.yml"}),
    (f"ml data create --file d.yml --name d --type uri_file {W}", {"type": "uri_file"}),
    (f"ml data create -n d --path data.csv -t uri_folder -v 3 {W}", {"path": "data.csv"}),
    (f"ml data show -n d -v 1 {W}", {"name": "d"}),
    (f"ml data list -n d {W} --archived-only", {"archived_only": True}),
    (f"ml environment create --file e.yml {W}", {"dockerfile_path": "/Dockerfile"}),
    (f"ml environment create -f e.yml --name e {W}", {"name": "e"}),
    (f"ml environment create -n e --image i --conda-file c.yml {W}", {"conda_file": "c.yml"}),
    (f"ml environment create -n e --build-context b {W}", {"build_context": "b"}),
    (f"ml environment show -n e --label latest {W}", {"label": "latest"}),
    (f"ml environment list {W} -o table", {"name": None}),
    (f"ml component create --file c.yml --version 1 {W}", {"version": "1"}),
    (f"ml component show --name c --label latest {W}", {"name": "c"}),
    # compute
    (f"ml compute show -n c {W} --query name -o tsv", {"name": "c"}),
    (
        f"ml compute create --name c --type amlcompute --size S --min-instances 0 --max-instances 4 {W}",
        {"type": "amlcompute", "min_instances": 0, "max_instances": 4},
    ),
    (f"ml compute create -n c --type AmlCompute --tier low_priority {W}", {"tier": "low_priority"}),
    (f"ml compute create -f c.yml {W}", {"file": "c.yml"}),
    (f"ml compute update -n c --max-instances 5 {W}", {"max_instances": 5}),
    (f"ml compute list {W} --type AmlCompute", {"type": "AmlCompute"}),
    (f"ml compute list-sizes {W}", {"location": None}),
    (f"ml compute delete -n c {W} --yes", {"name": "c"}),
    (f"ml compute start -n c {W} --no-wait", {"no_wait": True}),
    # endpoints
    (f"ml online-endpoint list {W} -o tsv --query \"[?name=='x'][name]\"", {"local": False}),
    (f"ml online-endpoint create -n e {W}", {"name": "e", "file": None}),
    (f"ml online-endpoint create --name e -f e.yml {W}", {"file": "e.yml"}),
    (f"ml online-endpoint create -n e --auth-mode aml_token {W}", {"auth_mode": "aml_token"}),
    (f"ml online-endpoint create -n e {W} --local false", {"local": False}),
    (f"ml online-endpoint show -n e {W}", {"name": "e"}),
    (f'ml online-endpoint update -n e --traffic "d=100" {W}', {"traffic": "d=100"}),
    (f'ml online-endpoint update -n e --traffic="a=90 b=10" {W}', {"traffic": "a=90 b=10"}),
    (f"ml online-endpoint update -n e -r a=100 {W}", {"traffic": "a=100"}),
    (f"ml online-endpoint update -n e --mirror-traffic b=10 {W}", {"mirror_traffic": "b=10"}),
    (f"ml online-endpoint delete -n e -y --no-wait {W}", {"no_wait": True}),
    (f"ml online-endpoint invoke -n e --deployment-name d --request-file r.json {W}", {"deployment_name": "d"}),
    (f"ml online-endpoint invoke -n e --deployment d -r r.json {W}", {"request_file": "r.json"}),
    (f"ml online-endpoint get-credentials -n e {W} -o tsv --query primaryKey", {"name": "e"}),
    (f"ml online-endpoint regenerate-keys -n e {W} --key-type secondary", {"key_type": "secondary"}),
    (f"ml online-endpoint regenerate-keys -n e {W}", {"key_type": "primary"}),
    (f"ml online-deployment create -n d -e e -f d.yml --all-traffic {W}", {"all_traffic": True}),
    (f"ml online-deployment create --name d --endpoint e -f d.yml {W}", {"endpoint_name": "e"}),
    (f"ml online-deployment create -f d.yml {W} --set model=azureml:m:1", {"set": ["model=azureml:m:1"]}),
    (f"ml online-deployment update -f d.yml -n d -e e {W} --set a=1", {"set": ["a=1"]}),
    (f"ml online-deployment list -e e {W}", {"endpoint_name": "e"}),
    (f"ml online-deployment get-logs -n d -e e {W}", {"lines": 5000, "container": None}),
    (f"ml online-deployment get-logs -n d --endpoint e -l 9 -c storage-initializer {W}", {"lines": 9}),
    (f"ml online-deployment delete -n d -e e --yes {W}", {"name": "d"}),
    (f"ml batch-endpoint create --file e.yml --name e {W}", {"name": "e"}),
    (f"ml batch-endpoint update -n e --defaults deployment_name=d {W}", {"defaults": "deployment_name=d"}),
    (f"ml batch-endpoint update -n e --set defaults.deployment_name=d {W}", {"name": "e"}),
    (f"ml batch-endpoint invoke -n e --input d --input-type uri_folder {W}", {"input_type": "uri_folder"}),
    (f"ml batch-endpoint invoke --name e --deployment-name d --input azureml:a@latest {W}", {"input": "azureml:a@latest"}),
    (f"ml batch-endpoint invoke -n e --f inputs.yml {W}", {"file": "inputs.yml", "input": None}),
    (f"ml batch-endpoint invoke -n e -d d --file inputs.yml {W}", {"deployment_name": "d"}),
    (f"ml batch-endpoint invoke --name e --input d --mini-batch-size 20 --instance-count 5 {W}", {"mini_batch_size": 20, "instance_count": 5}),
    (f"ml batch-endpoint invoke -n e --input d -m 20 -c 5 {W}", {"mini_batch_size": 20, "instance_count": 5}),
    (f"ml batch-endpoint invoke -n e --input d --output-path azureml://datastores/s/paths/p {W}", {"output_path": "azureml://datastores/s/paths/p"}),
    (f"ml batch-endpoint invoke -n e {W} --set output_file_name=o.csv --query name -o tsv", {"set": ["output_file_name=o.csv"]}),
    (f"ml batch-endpoint invoke -n e {W} --set inputs.d.type=uri_folder inputs.d.path=p", {"set": ["inputs.d.type=uri_folder", "inputs.d.path=p"]}),
    (f"ml batch-endpoint invoke -n e {W} --inputs '{{}}' --outputs '{{}}'", {"inputs": "{}", "outputs": "{}"}),
    (f"ml batch-endpoint invoke -n e {W} --job-name j --experiment-name x", {"job_name": "j", "experiment_name": "x"}),
    (f"ml batch-endpoint list-jobs -n e {W}", {"name": "e"}),
    (f"ml batch-deployment create -n d -e e -f d.yml --set-default {W}", {"set_default": True}),
    (f"ml batch-deployment list-jobs -n d --endpoint-name e {W}", {"name": "d"}),
    (f"ml batch-deployment show -n d -e e {W}", {"name": "d"}),
    # schedules, datastores, workspaces, registries
    (f"ml schedule create -f s.yml {W} --no-wait", {"no_wait": True}),
    (f"ml schedule disable -n s {W}", {"name": "s"}),
    (f"ml schedule list {W} --include-disabled", {"include_disabled": True}),
    (f"ml datastore create -f d.yml {W}", {"file": "d.yml"}),
    (f"ml datastore show -n d {W}", {"name": "d"}),
    ("ml workspace create -n w -g g -l westeurope", {"location": "westeurope"}),
    ("ml workspace show --name w --resource-group g --query location -o tsv", {"name": "w"}),
    ("ml workspace list", {"resource_group": None}),
    ("ml registry show -n r -g g", {"name": "r"}),
    # global options
    ("ML Job Show -n j -g g -w w", {"name": "j"}),
    (f"ml job show -n j {W} --subscription s", {"subscription": "s"}),
    (f"ml job show -n j {W} --only-show-errors", {"only_show_errors": True}),
    (f"ml job show -n j {W} --output TSV", {"name": "j"}),
    ("ml job show -n j --resource-group g --workspace-name w", {"workspace_name": "w"}),
    ("ml job show -n j --resource g --workspace w", {"resource_group": "g"}),
]  # fmt: skip

REJECTED: list[tuple[str, str]] = [
    # the Azure CLI rejects these, too: exit code 2, and the message names the argument
    ("ml job show -n j", "--resource-group/-g, --workspace-name/-w"),
    ("ml job show -g g -w w", "--name/-n"),
    (f"ml job create {W}", "--file/-f"),
    (f"ml job show -n j {W} --foo", "--foo"),
    (f"ml job show -n j {W} extra", "extra"),
    (f"ml job show -n j {W} -o xml", "xml"),
    (f"ml job show -n j {W} --query [", "--query"),
    (f"ml job show -n j {W} --set a=1", "--set"),
    (f"ml job show -n j {W} -f j.yml", "-f"),
    (f"ml job list {W} --max-results many", "--max-results"),
    (f"ml job list {W} --all-results perhaps", "--all-results"),
    (f"ml job create -f j.yml {W} --set", "--set"),
    (f"ml job stream -n j {W} --no-wait", "--no-wait"),
    (f"ml job cancel -n j {W} --yes", "--yes"),
    (f"ml model create -n m {W} --stream", "--stream"),
    ("ml model show --version 1 -g g -w w", "--name/-n"),
    (f"ml data create -n d --path p --type csv {W}", "--type"),
    (f"ml compute show {W}", "--name/-n"),
    (f"ml compute create -n c --type amlcompute --min-instances x {W}", "--min-instances"),
    (f"ml online-endpoint create -n e --auth-mode none {W}", "--auth-mode"),
    (f"ml online-endpoint invoke {W} --request-file r.json", "--name/-n"),
    (f"ml online-endpoint show -n e {W} --traffic a=1", "--traffic"),
    (f"ml online-deployment create {W}", "--file/-f"),
    (f"ml online-deployment list {W}", "--endpoint-name/-e"),
    (f"ml online-deployment create -f d.yml {W} --set-default", "--set-default"),
    (f"ml batch-deployment create -f d.yml {W} --all-traffic", "--all-traffic"),
    (f"ml batch-endpoint invoke -n e {W} --i data", "--i"),  # ambiguous
    (f"ml batch-endpoint invoke -n e {W} -m many", "--mini-batch-size/-m"),
    (f"ml batch-endpoint invoke -n e {W} -c 1.5", "--instance-count/-c"),
    (f"ml job show-services -n j {W} -i first", "--node-index/-i"),
    ("ml workspace show -g g", "--name/-n"),
    ("account set", "--subscription"),
    ("account show --foo", "--foo"),
    ("group create -n g", "--location/-l"),
    ("ml", "_subcommand"),
    # the local az does not support these: exit code 2, and the message names the command or option
    ("storage account list", "storage account list"),
    ("acr build", "acr build"),
    ("vm list", "vm list"),
    ("group delete -n g -y", "group delete"),
    ("rest --url u", "rest"),
    ("ml job connect-ssh -n j", "ml job connect-ssh"),
    ("ml job frobnicate", "ml job frobnicate"),
    ("ml feature-store create", "ml feature-store create"),
    ("ml model package -n m", "ml model package"),
    ("ml compute attach", "ml compute attach"),
    ("ml connection list", "ml connection list"),
    (f"ml online-endpoint show -n e {W} --local", "--local"),
    (f"ml online-deployment create -f d.yml {W} --vscode-debug", "--vscode-debug"),
    (f"ml online-deployment create -f d.yml {W} --package-model", "--package-model"),
    (f"ml compute create -n c --type t {W} --subnet s", "--subnet"),
    (f"ml compute create -n c --type t {W} --identity-type SystemAssigned", "--identity-type"),
    (f"ml compute update -n c {W} --user-assigned-identities i", "--user-assigned-identities"),
    ("ml workspace create -n w -g g --kind hub", "--kind"),
    ("extension add --source x.whl", "--source"),
    ("extension add -n azure-cli-ml", "azure-cli-ml"),
    ("login", "login"),
    ("login --use-device-code", "login"),
    ("configure", "configure"),
]


@pytest.mark.parametrize(("line", "values"), ACCEPTED, ids=[line for line, _ in ACCEPTED])
def test_accepted(az, line, values):
    call = az(line)
    assert call.code == 0, call.err
    assert call.name == " ".join(word.lower() for word in shlex.split(line)[:3])
    assert {key: call.values[key] for key in values} == values


@pytest.mark.parametrize(("line", "named"), REJECTED, ids=[line for line, _ in REJECTED])
def test_rejected(az, line, named):
    call = az(line)
    assert (call.code, call.name if line.startswith("ml") else None, call.out) == (2, None, "")
    assert named in call.err


def test_each_command_has_a_handler():
    names = [name for name in syntax.find_commands([]) if syntax.get_command(name).supported]
    handled = {*core.HANDLERS, *(f"ml {name}" for name in COMMANDS)}
    assert set(names) == handled
    assert set(core.TABLE_TRANSFORMERS) <= handled


JOB = {
    "name": "j",
    "status": "Completed",
    "tags": {"a": "1"},
    "id": "/x",
    "type": "command",
    "n": None,
}
JOBS = [JOB, {**JOB, "name": "k", "status": None}]
OUTPUTS: list[tuple[Any, str, str]] = [
    # result, options, output: the rules of knack's test_output.py and test_query.py
    ({"b": 1, "a": "é"}, "", '{\n  "a": "é",\n  "b": 1\n}\n'),
    ({"b": 1, "a": True}, "-o json", '{\n  "a": true,\n  "b": 1\n}\n'),
    ({"b": 1, "a": True}, "-o jsonc", '{\n  "a": true,\n  "b": 1\n}\n'),
    ({"b": 1, "a": [1, None]}, "-o yaml", "a:\n- 1\n- null\nb: 1\n"),
    ({"b": 1}, "-o yamlc", "b: 1\n"),
    ({"b": 1}, "-o none", ""),
    ([], "", "[]\n"),
    ([], "-o tsv", ""),
    ([], "-o table", "\n"),
    ({}, "", "{}\n"),
    (None, "", ""),
    ("text", "", '"text"\n'),
    ("text", "-o tsv", "text\n"),
    (True, "-o tsv", "true\n"),
    (True, "", "true\n"),
    ({"a": True, "b": 2}, "-o tsv", "True\t2\n"),
    ({"b": "2", "a": "1"}, "-o tsv", "1\t2\n"),
    ({"a": None, "b": {"c": 1}, "d": [1, 2]}, "-o tsv", "None\t\t2\n"),
    ([["a", "b"], ["c"]], "-o tsv", "a\tb\nc\n"),
    (JOB, "--query name -o tsv", "j\n"),
    (JOB, "--query name", '"j"\n'),
    (JOB, "--query missing", ""),
    (JOB, "--query missing -o tsv", ""),
    (JOB, "--query '[status, name]' -o tsv", "Completed\nj\n"),
    (JOB, "--query '{s: status, n: name}' -o tsv", "Completed\tj\n"),
    (JOB, "--query tags.a -o tsv", "1\n"),
    (JOB, "-o table", "Name    Status\n------  ---------\nj       Completed\n"),
    (JOBS, "--query [].name -o tsv", "j\nk\n"),
    (JOBS, "--query \"[?name=='k'][name]\" -o tsv", "k\n"),
    (JOBS, "--query \"[?name=='x'][name]\" -o tsv", ""),
    (JOBS, "--query \"[?name=='x']\"", "[]\n"),
    (JOBS, "--query [0].name -o tsv", "j\n"),
    (JOBS, "--query '[].[name, status]' -o tsv", "j\tCompleted\nk\tNone\n"),
    (JOBS, "--query '[].{s: status, n: name}' -o table", "S          N\n---------  ---\nCompleted  j\n           k\n"),
    (JOBS, "--query 'length(@)' -o tsv", "2\n"),
    (JOBS, "-o table", "Name    Status\n------  ---------\nj       Completed\nk\n"),
    (OrderedDict(b=1, a=2), "-o tsv", "2\t1\n"),
]  # fmt: skip


@pytest.mark.parametrize(("result", "options", "output"), OUTPUTS)
def test_outputs(az, result, options, output):
    call = az(f"ml job show -n j {W} {options}", result)
    assert (call.code, call.out) == (0, output)


PROPERTIES = {"tags": {"a": "1"}, "items": [{"name": "x"}, "y"], "none": None}
UPDATES: list[tuple[str, dict[str, Any]]] = [
    # the options of an update, and the properties that they change
    ("--set tags.a=2 tags.b=x=y", {"tags": {"a": 2, "b": "x=y"}}),
    ("--set tags.a=2 --force-string", {"tags": {"a": "2"}}),
    ("--set items[name=x].name=z items[1]=null", {"items": [{"name": "z"}, None]}),
    ("--add items z", {"items": [{"name": "x"}, "y", "z"]}),
    ("--add none 1 a=1 b=2 text", {"none": [1, {"a": "1", "b": "2"}, "text"]}),
    (
        "--add none 1 --add items z --force-string",
        {"none": ["1"], "items": [{"name": "x"}, "y", "z"]},
    ),
    ("--remove items 0", {"items": ["y"]}),
    ("--remove items[0] --remove tags.a", {"items": ["y"], "tags": {}}),
]


@pytest.mark.parametrize(("options", "changes"), UPDATES)
def test_generic_update(az, options, changes):
    arguments = program.Arguments(**az(f"ml job update -n j {W} {options}").values)
    changed = update_properties(copy.deepcopy(PROPERTIES), arguments)
    assert changed == {**PROPERTIES, **changes}


@pytest.mark.parametrize(
    "options",
    [
        "--set a",
        "--set x.y.z=1",
        "--set items[7]=1",
        "--add tags 1",
        "--add items",
        "--remove x",
        "--remove items 7",
    ],
)
def test_generic_update_rejects(az, options):
    arguments = program.Arguments(**az(f"ml job update -n j {W} {options}").values)
    with pytest.raises(AzError):
        update_properties(copy.deepcopy(PROPERTIES), arguments)


def test_defaults_of_configure_and_environment(az, monkeypatch):
    assert az("configure --defaults group=g1 workspace=w1").out == ""
    assert az("ml job show -n j").values["resource_group"] == "g1"
    assert az("ml job show -n j -w w2").values["workspace_name"] == "w2"
    monkeypatch.setenv("AZURE_DEFAULTS_WORKSPACE", "w3")
    assert az("ml job show -n j").values["workspace_name"] == "w3"
    rows = json.loads(az("configure -l").out)
    assert {row["name"]: row["value"] for row in rows} == {"group": "g1", "workspace": "w3"}
    assert az("configure --list-defaults --output table").out.splitlines()[0].split() == [
        "Name", "Source", "Value",
    ]  # fmt: skip
    az("configure -d group=")
    assert az("ml job show -n j").code == 2


def test_a_fork_has_the_variables_of_its_caller(monkeypatch):
    caller = {"AZURE_DEFAULTS_GROUP": "caller", "LANG": "C"}
    environ = {
        "AZURE_DEFAULTS_GROUP": "server",
        "AZURE_DEFAULTS_WORKSPACE": "server",
        "ARM_CLOUD_METADATA_URL": "https://localhost",
        "OTHER": "1",
        preloaded.CALLER: json.dumps(caller),
    }
    monkeypatch.setattr("os.environ", environ)
    assert preloaded.restore_environment()
    assert environ == {**caller, "ARM_CLOUD_METADATA_URL": "https://localhost", "OTHER": "1"}
    assert not preloaded.restore_environment()


def test_defaults_need_a_value(az):
    assert az("configure --defaults group").code == 1


def test_defaults_of_the_folder(az, tmp_path, monkeypatch):
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    az("configure --defaults group=g1 workspace=w1 --scope local")
    assert (folder / "config" / "config").is_file()
    assert az("ml job show -n j").values["resource_group"] == "g1"
    assert az("config get defaults.group --local --query value -o tsv").out == "g1\n"
    assert az("config get defaults.group").code == 1
    assert az("configure --list-defaults").out == "[]\n"
    assert az("configure --list-defaults --scope local --query [].value -o tsv").out == "g1\nw1\n"
    monkeypatch.chdir(tmp_path)
    assert az("ml job show -n j").code == 2


def test_config(az):
    assert az("config set defaults.group=g core.output=tsv").out == ""
    assert az("config get defaults.group -o json --query value").out == '"g"\n'
    assert az("account show --query name").out == "azureml-local\n"
    assert az("config unset defaults.group").code == 0
    assert az("config get defaults.group").code == 1
    assert az("config set nonsense").code == 1
    assert az("config set nonsense=1").code == 1
    assert az("config unset defaults").code == 1


def test_account(az):
    account = json.loads(az("account show").out)
    assert account["id"] == "00000000-0000-0000-0000-000000000"
    assert account["isDefault"] is True
    other = "12345678-0000-0000-0000-123456789012"
    assert az(f"account set --subscription {other}").out == ""
    assert az("account show --query id -o tsv").out == f"{other}\n"
    assert az("account list --query [].isDefault -o tsv").out == "false\ntrue\n"
    assert az("account show -s azureml-local --query isDefault -o tsv").out == "false\n"


def test_unknown_subscription_name(az):
    call = az("account set -s production")
    assert call.code == 1
    assert "production" in call.err
    assert az("account show --query id -o tsv").out == "00000000-0000-0000-0000-000000000\n"


def test_version_names_the_local_az(az):
    version = json.loads(az("version").out)
    assert version["extensions"] == {"ml": core.ML_VERSION}
    assert "azureml-local" in version
    assert "azureml-local" in az("--version").out


def test_extensions(az):
    call = az("extension add -n ml -y")
    assert (call.code, call.out) == (0, "")
    assert az("extension add -n ml --only-show-errors").err == ""
    assert az("extension list --query [].name -o tsv").out == "ml\n"
    assert az("extension update -n ml").code == 0
    assert az("extension remove -n azure-cli-ml").code == 1
    assert az("extension add").code == 1


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("login --service-principal -u u -p p --tenant t", 0),
        ("login --identity", 0),
        ("login --service-principal -u u -p p", 1),
        ("login --service-principal -u u -t t", 1),
        ("login --identity -u u", 1),
        ("logout", 0),
    ],
)
def test_login(az, line, code):
    assert az(line).code == code


def test_deletion_needs_yes_without_a_terminal(az, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO())
    call = az(f"ml online-endpoint delete -n e {W}")
    assert (call.code, call.name) == (1, None)


@pytest.mark.parametrize("line", ["--help", "ml --help", "ml job -h", "ml job create --help"])
def test_help(az, line):
    call = az(line)
    assert (call.code, call.name) == (0, None)
    assert call.out

"""Submits pipelines with control flow and prints their names as JSON.

The last argument is an empty folder for the code of a step.

A process of its own: the SDK reads the variable for its private features when it is imported.
"""

import json
import sys
from io import StringIO
from pathlib import Path

from azure.ai.ml import Input, MLClient, Output, command, dsl, load_component
from azure.ai.ml.dsl._condition import condition
from azure.ai.ml.dsl._do_while import do_while
from azure.ai.ml.dsl._parallel_for import parallel_for
from azure.ai.ml.entities import AmlCompute, Environment
from azure.core.exceptions import HttpResponseError
from azure.identity import DefaultAzureCredential

SUBSCRIPTION, GROUP, WORKSPACE, CODE = sys.argv[1:]
FLAG = "flag: {type: boolean, is_control: true}"


def step(line, outputs=None, **inputs):
    """A step that runs a command."""
    return command(
        command=line,
        inputs=inputs,
        outputs=outputs or {},
        environment="azureml:flow-env:1",
        compute="c-1",
    )


def component(name, line, inputs="x: {type: integer, default: 0}", outputs=FLAG, code=""):
    """A component; only a component can have outputs of type boolean or integer."""
    text = f"""
name: {name}
version: "1"
type: command
inputs: {{{inputs}}}
outputs: {{{outputs}}}
environment: azureml:flow-env:1
command: {json.dumps(line)}
"""
    if code:
        text += f"code: {json.dumps(code)}\n"
    return load_component(StringIO(text))


decide = component(
    "decide", "test ${{inputs.x}} -gt 1 && W=True || W=False; echo $W > ${{outputs.flag}}"
)
forget = component("forget", "echo nothing")
# As ExecutorBase of mldesigner does. With the import of sklearn it starts with its imports done.
REPORT = """
import json, mlflow, sklearn
from mlflow.utils.rest_utils import http_request
run = mlflow.start_run().info
creds = mlflow.MlflowClient()._tracking_client.store.get_host_creds()
creds.host = creds.host.replace('mlflow/v2.0', 'history/v1.0')
path = f'/experimentids/{run.experiment_id}/runs/{run.run_id}'
values = {'azureml.pipeline.control': json.dumps({'flag': True})}
body = {'runId': run.run_id, 'properties': values}
http_request(creds, path, 'PATCH', json=body).raise_for_status()
"""
(Path(CODE) / "report.py").write_text(REPORT)
report = component("report", "python report.py", code=CODE)
write = step("echo 1 > ${{outputs.o}}/f", {"o": Output(type="uri_folder")})
read = step("cat ${{inputs.d}}/f", d=Input(type="uri_folder"))
act = step("true")


@dsl.pipeline(default_compute="c-1")
def branches(x: int):
    """Equal steps in both branches, each with a step that uses its output."""
    decision = decide(x=x)
    yes, no = write(), write()
    read(d=yes.outputs.o).name = "after_yes"
    read(d=no.outputs.o).name = "after_no"
    condition(condition=decision.outputs.flag, true_block=yes, false_block=no)


@dsl.pipeline(default_compute="c-1")
def literals(chosen: bool):
    """Conditions that are known before the pipeline runs."""
    one, two, three, four = act(), act(), act(), act()
    condition(condition=False, true_block=one, false_block=[two, three])
    condition(condition=chosen, false_block=four)


@dsl.pipeline(default_compute="c-1")
def without_value():
    """A condition that its step does not write."""
    decision = forget()
    act_on_it = act()
    condition(condition=decision.outputs.flag, true_block=act_on_it)


@dsl.pipeline(default_compute="c-1")
def reported_value():
    """A condition that its step writes to the properties of its run."""
    decision = report()
    act_on_it = act()
    condition(condition=decision.outputs.flag, true_block=act_on_it)


square = component(
    "square",
    'test ${{inputs.n}} -ge 0 && echo "$((${{inputs.n}} * ${{inputs.n}})) ${{inputs.word}}" '
    "> ${{outputs.o}}/f && echo 1 > ${{outputs.count}}",
    inputs="n: {type: integer}, word: {type: string, default: none}",
    outputs="o: {type: uri_folder}, count: {type: integer}",
)
# Each iteration counts and adds a line to the file of the one before.
add_line = component(
    "add_line",
    "$[[cp ${{inputs.before}}/f ${{outputs.after}}/f;]] echo ${{inputs.n}} >> ${{outputs.after}}/f "
    "&& echo $((${{inputs.n}} + 1)) > ${{outputs.next}} "
    "&& { test ${{inputs.n}} -lt 3 && W=True || W=False; } && echo $W > ${{outputs.flag}}",
    inputs="n: {type: integer}, before: {type: uri_folder, optional: true}",
    outputs="after: {type: uri_folder}, next: {type: integer}, " + FLAG,
)
list_items = component(
    "list_items",
    """echo '[{"n": 4}, {"n": 5}]' > ${{outputs.found}}""",
    outputs="found: {type: string}",
)
show_table = step("cat ${{inputs.table}}/MLTable", table=Input(type="mltable"))
show_lines = step(
    "cat ${{inputs.lines}}/f; echo next ${{inputs.n}}", lines=Input(type="uri_folder"), n=0
)
forget_condition = component(
    "forget_condition",
    "echo nothing",
    inputs="d: {type: uri_folder, optional: true}",
    outputs="o: {type: uri_folder}, " + FLAG,
)
wait = component("wait", "sleep ${{inputs.x}}", outputs="o: {type: uri_folder}")


@dsl.pipeline(default_compute="c-1")
def squares(word: str):
    """Items in the pipeline, with an input of the pipeline."""
    body = square()
    loop = parallel_for(
        body=body, items={"two": {"n": 2, "word": word}, "three": {"n": 3, "word": "b"}}
    )
    show_table(table=loop.outputs.o).name = "after"
    return {"table": loop.outputs.o}


@dsl.pipeline(default_compute="c-1")
def squares_of(items: str):
    """Items in an input of the pipeline; a pipeline as body."""

    @dsl.pipeline
    def squared(n: int):
        node = square(n=n)
        return {"o": node.outputs.o}

    body = squared()
    parallel_for(body=body, items=items, max_concurrency=1)


@dsl.pipeline(default_compute="c-1")
def squares_of_listed():
    """Items that a step writes."""
    listed = list_items()
    body = square()
    parallel_for(body=body, items=listed.outputs.found)


def lines(most: int):
    """A loop that ends by its condition or its limit."""

    @dsl.pipeline(default_compute="c-1")
    def add_lines(n: int):
        body = add_line(n=n)
        do_while(
            body=body,
            condition=body.outputs.flag,
            mapping={body.outputs.next: body.inputs.n, "after": body.inputs.before},
            max_iteration_count=most,
        )
        show_lines(lines=body.outputs.after, n=body.outputs.next).name = "after"
        return {"lines": body.outputs.after}

    return add_lines(n=1)


@dsl.pipeline(default_compute="c-1")
def without_condition():
    """A loop whose condition is not written."""
    body = forget_condition()
    do_while(
        body=body,
        condition=body.outputs.flag,
        mapping={"o": body.inputs.d},
        max_iteration_count=3,
    )


@dsl.pipeline(default_compute="c-1")
def waits():
    """A loop that does not end by itself."""
    body = wait()
    parallel_for(body=body, items=[{"x": 600}, {"x": 601}], max_concurrency=1)


@dsl.pipeline(default_compute="c-1")
def named_output():
    """All iterations would register the same asset."""
    body = square(word="a")
    body.outputs.o.name = "squares"
    parallel_for(body=body, items=[{"n": 1}])


@dsl.pipeline(default_compute="c-1")
def output_of_body():
    """The body of a parallel-for loop has no outputs of its own."""
    body = square()
    parallel_for(body=body, items=[{"n": 1}])
    show_lines(lines=body.outputs.o).name = "after"


@dsl.pipeline(default_compute="c-1")
def aggregated_string():
    """How Azure writes the values of all iterations is not known."""
    body = square()
    loop = parallel_for(body=body, items=[{"n": 1}])
    square(n=1, word=loop.outputs.count).name = "show"


client = MLClient(DefaultAzureCredential(), SUBSCRIPTION, GROUP, WORKSPACE)
client.compute.begin_create_or_update(AmlCompute(name="c-1", size="s", max_instances=4)).result()
client.environments.create_or_update(Environment(name="flow-env", version="1", image="a:1"))
jobs = {
    "true": branches(x=2),
    "false": branches(x=1),
    "literals": literals(chosen=True),
    "without_value": without_value(),
    "reported_value": reported_value(),
    "squares": squares(word="a"),
    "squares_of": squares_of(items='[{"n": 4}, {"n": 5}]'),
    "squares_of_listed": squares_of_listed(),
    "failed": squares_of(items='[{"n": 1}, {"n": -1}, {"n": 2}]'),
    "bad_items": squares_of(items='[{"n": 1}, {"word": "a"}]'),
    "lines": lines(most=5),
    "two_lines": lines(most=2),
    "without_condition": without_condition(),
    "waits": waits(),
    "named_output": named_output(),
    "output_of_body": output_of_body(),
    "aggregated_string": aggregated_string(),
}
names, refused = {}, {}
for key, job in jobs.items():
    try:
        names[key] = client.jobs.create_or_update(job).name
    except HttpResponseError as error:
        refused[key] = [error.status_code, error.error.code, error.error.target]
sys.stdout.write("\n" + json.dumps({"names": names, "refused": refused}))

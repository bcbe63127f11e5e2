"""Submits pipelines with control flow and prints their names as JSON.

A process of its own: the SDK reads the variable for its private features when it is imported.
"""

import json
import sys
from io import StringIO

from azure.ai.ml import Input, MLClient, Output, command, dsl, load_component
from azure.ai.ml.dsl._condition import condition
from azure.ai.ml.entities import AmlCompute, Environment
from azure.identity import DefaultAzureCredential

SUBSCRIPTION, GROUP, WORKSPACE = sys.argv[1:]


def step(line, outputs=None, **inputs):
    """A step that runs a command."""
    return command(
        command=line,
        inputs=inputs,
        outputs=outputs or {},
        environment="azureml:flow-env:1",
        compute="c-1",
    )


def decision_of(name, line):
    """A component with the output `flag`; only a component can have outputs of type boolean."""
    text = f"""
name: {name}
version: "1"
type: command
inputs: {{x: {{type: integer, default: 0}}}}
outputs: {{flag: {{type: boolean, is_control: true}}}}
environment: azureml:flow-env:1
command: {line}
"""
    return load_component(StringIO(text))


decide = decision_of(
    "decide", "test ${{inputs.x}} -gt 1 && W=True || W=False; echo $W > ${{outputs.flag}}"
)
forget = decision_of("forget", "echo nothing")
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


client = MLClient(DefaultAzureCredential(), SUBSCRIPTION, GROUP, WORKSPACE)
client.compute.begin_create_or_update(AmlCompute(name="c-1", size="s", max_instances=4)).result()
client.environments.create_or_update(Environment(name="flow-env", version="1", image="a:1"))
jobs = {
    "true": branches(x=2),
    "false": branches(x=1),
    "literals": literals(chosen=True),
    "without_value": without_value(),
}
names = {key: client.jobs.create_or_update(job).name for key, job in jobs.items()}
sys.stdout.write("\n" + json.dumps(names))

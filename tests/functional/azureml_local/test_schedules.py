"""Schedules through the SDK, with triggers that fire."""

from __future__ import annotations

import re
import time

import pytest

pytestmark = pytest.mark.functional


@pytest.fixture(scope="module")
def ml(client):
    return client("scheduled")


@pytest.fixture
def pipeline(ml):
    """A pipeline job of one step."""
    from azure.ai.ml import command, dsl
    from azure.ai.ml.entities import Environment

    step = command(
        name="say",
        command="echo ${{inputs.word}}",
        inputs={"word": "hello"},
        environment=Environment(name="plain", version="1", image="none:1"),
    )

    @dsl.pipeline(description="says a word", default_compute="cluster")
    def says():
        step(word="hello")

    return says()


def wait_for(look, what: str, seconds: float = 180):
    deadline = time.monotonic() + seconds
    while not (actual := look()):
        assert time.monotonic() < deadline, what
        time.sleep(0.2)
    return actual


def names(ml, **kind) -> list[str]:
    return [each.name for each in ml.schedules.list(**kind)]


def test_a_recurrence_fires_until_it_is_disabled(ml, pipeline):
    from azure.ai.ml.constants import TimeZone
    from azure.ai.ml.entities import JobSchedule, RecurrenceTrigger
    from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

    trigger = RecurrenceTrigger(frequency="day", interval=1, time_zone=TimeZone.UTC)
    schedule = JobSchedule(name="daily", trigger=trigger, create_job=pipeline)
    created = ml.schedules.begin_create_or_update(schedule).result()
    assert (created.name, created.is_enabled) == ("daily", True)
    assert created.trigger.frequency == "day"

    def ended():
        actual = list(ml.jobs.list(scheduled_job_name="daily"))
        return actual if actual and actual[0].status == "Completed" else None

    (job,) = wait_for(ended, "the schedule did not submit a job")
    assert re.fullmatch(r"daily-\d{8}T\d{6}Z", job.name)
    assert names(ml) == ["daily"]
    with pytest.raises(HttpResponseError) as caught:
        ml.schedules.begin_delete("daily").result()
    assert caught.value.error.code == "ScheduleEnabled"
    assert ml.schedules.begin_disable("daily").result().is_enabled is False
    assert names(ml) == []
    assert names(ml, list_view_type="DisabledOnly") == ["daily"]
    ml.schedules.begin_delete("daily").result()
    with pytest.raises(ResourceNotFoundError, match="daily"):
        ml.schedules.get("daily")


def test_a_cron_schedule_of_a_job_that_ran_is_triggered_once(ml, pipeline):
    from azure.ai.ml.entities import CronTrigger, JobSchedule

    ran = ml.jobs.create_or_update(pipeline)
    trigger = CronTrigger(expression="15 4 * * *", time_zone="W. Europe Standard Time")
    schedule = JobSchedule(name="nightly", trigger=trigger, create_job=ran.id)
    ml.schedules.begin_create_or_update(schedule).result()
    schedule = ml.schedules.get("nightly")
    assert (schedule.trigger.expression, schedule.trigger.type) == ("15 4 * * *", "Cron")
    started = ml.schedules.trigger("nightly")
    assert started.job_name.startswith("nightly-")
    wait_for(
        lambda: ml.jobs.get(started.job_name).status == "Completed", "the job did not complete"
    )
    assert [each.name for each in ml.jobs.list(scheduled_job_name="nightly")] == [started.job_name]
    ml.schedules.begin_disable("nightly").result()
    assert ml.schedules.begin_enable("nightly").result().is_enabled is True
    ml.schedules.begin_disable("nightly").result()


def test_an_invalid_trigger_is_refused(ml, pipeline):
    from azure.ai.ml.entities import CronTrigger, JobSchedule
    from azure.core.exceptions import HttpResponseError

    trigger = CronTrigger(expression="61 4 * * *")
    schedule = JobSchedule(name="bad", trigger=trigger, create_job=pipeline)
    with pytest.raises(HttpResponseError) as caught:
        ml.schedules.begin_create_or_update(schedule).result()
    assert (caught.value.status_code, caught.value.error.target) == (400, "expression")


def test_invalid_json_is_refused(local, ml):
    import requests

    env = local.state()["env"]
    answer = requests.put(
        f"{local.state()['url']}{ml.workspaces.get('scheduled').id}/schedules/odd",
        data='{"properties": {"trigger": {"interval": 1e999}}}',
        headers={"Authorization": f"Bearer {env['MLFLOW_TRACKING_TOKEN']}"},
        verify=env["REQUESTS_CA_BUNDLE"],
        timeout=120,
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "BadRequest"

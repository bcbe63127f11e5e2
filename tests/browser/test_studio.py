"""The studio pages in a browser: content, access, layout and keyboard use."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests
from playwright.sync_api import expect
from visit import axe_of, check_views, size

import child_processes

pytestmark = pytest.mark.browser

PAGES = {
    "jobs": "jobs",
    "job": "jobs/{name}",
    "sweep": "jobs/{sweep}",
    "endpoints": "endpoints",
    "endpoint": "endpoints/online/online-1",
    "batch": "endpoints/batch/batch-1",
    "models": "assets/models",
    "model": "assets/models/sum/1",
    "data": "assets/data/rows/1",
    "environment": "assets/environments/sk/1",
    "components": "assets/components",
    "compute": "compute",
    "schedules": "schedules",
    "error": "jobs/missing",
}


@pytest.fixture(scope="module")
def studio(tmp_path_factory, program) -> Iterator[SimpleNamespace]:
    """A server with a workspace that has objects of all kinds."""
    folder = tmp_path_factory.mktemp("studio")
    data, go = folder / "data", folder / "go"
    command = [sys.executable, "-m", "azureml_local", "serve", "--data", str(data)]
    with (folder / "log").open("wb") as log:
        server = child_processes.spawn(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    deadline = time.monotonic() + 90
    while not (data / "server.json").is_file():
        assert server.poll() is None, (folder / "log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    known = json.loads((data / "server.json").read_text())
    seed = [sys.executable, str(Path(__file__).with_name("seed.py")), str(go)]
    result = subprocess.run(
        seed, env={**os.environ, **known["env"]}, capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stdout + result.stderr
    seeded = json.loads(result.stdout.splitlines()[-1])
    base, _, key = seeded["done"].partition("/jobs/")
    yield SimpleNamespace(
        **seeded,
        base=base,
        key=re.search(r"key=([^&]+)", key)[1],
        home=known["studio"],
        go=go,
        bundle=known["env"]["REQUESTS_CA_BUNDLE"],
        url=known["url"],
    )
    child_processes.end_group(server, grace=10)


class Tab:
    """A page with its requests and its console messages."""

    def __init__(self, context) -> None:
        self.page = context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))


@pytest.fixture
def tab(browser, studio) -> Iterator[Tab]:
    """A browser that has opened the link of a job."""
    context = browser.new_context(ignore_https_errors=True, viewport=size(1280))
    tab = Tab(context)
    tab.page.goto(studio.done)
    yield tab
    context.close()


def test_the_studio_url_of_a_job_opens_its_page(tab, studio):
    page = tab.page
    assert page.url == f"{studio.base}/jobs/{studio.name}"  # without the key
    main = page.locator("main")
    expect(main.locator("h1")).to_contain_text("a job with a rather long name")
    expect(main.locator("h1 .status")).to_have_text("Completed")
    expect(page.locator("#log")).to_contain_text("Ünïcode and <script>alert(2)</script> in a log")
    expect(main.get_by_role("row", name="rmse 0.25 0")).to_be_visible()
    expect(main.get_by_role("row", name="alpha 0.5")).to_be_visible()
    page.get_by_role("link", name="copy.csv").click()
    expect(page.locator("body")).to_contain_text("a,b")


def test_the_page_follows_the_log_of_a_running_job(tab, studio):
    page = tab.page
    page.goto(studio.waits)
    expect(page.locator("#log")).to_contain_text("first line", timeout=30_000)
    expect(page.locator("#log")).not_to_contain_text("last line")
    studio.go.touch()
    expect(page.locator("#log")).to_contain_text("last line", timeout=30_000)
    expect(page.locator("h1 .status")).to_have_text("Completed", timeout=30_000)
    assert tab.complaints == []


def test_the_page_of_a_sweep_lists_its_trials_and_marks_the_best(tab, studio):
    tab.page.goto(f"{studio.base}/jobs/{studio.sweep}")
    rows = tab.page.get_by_role("region", name="Trials").get_by_role("row")
    expect(rows).to_have_count(3)
    for number, (mark, score) in enumerate((("", "1.0"), (" best", "2.0")), start=1):
        expect(rows.nth(number).get_by_role("rowheader")).to_have_text(
            f"{studio.sweep}_{number - 1}{mark}"
        )
        expect(rows.nth(number).get_by_role("cell").nth(1)).to_have_text(score)


def test_the_compute_page_lists_the_jobs_of_a_cluster(tab, studio):
    tab.page.goto(f"{studio.base}/compute")
    row = tab.page.get_by_role("row", name="narrow")
    expect(row.get_by_role("cell").nth(1)).to_have_text("max 1 jobs")
    expect(row.get_by_role("link", name=studio.busy)).to_be_visible()
    expect(row.get_by_role("cell").last).to_have_text("1")


def test_the_request_form_of_an_endpoint(tab, studio):
    page = tab.page
    page.goto(f"{studio.base}/endpoints/online/online-1")
    expect(page.get_by_role("row", name="blue")).to_contain_text("100 %")
    page.get_by_label("Body (JSON)").fill('{"input_data": [[1, 2], [10, 20]]}')
    page.get_by_role("button", name="Send").click()
    answer = page.locator("main > pre")
    assert [round(each) for each in json.loads(answer.inner_text())] == [3, 30]
    expect(page.locator("main")).to_contain_text("200, from blue")
    page.get_by_label("Body (JSON)").fill("no JSON")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("main .status.bad")).to_be_visible()


def test_lineage_links_a_model_to_its_job_data_and_deployment(tab, studio):
    page = tab.page
    page.goto(f"{studio.base}/assets/models/sum/1")
    expect(page.locator("main")).to_contain_text("online/online-1/blue")
    page.get_by_role("link", name="rows:1").click()
    expect(page.locator("h1")).to_have_text("rows:1")
    page.get_by_role("link", name=studio.name).click()
    assert page.url.endswith(f"/jobs/{studio.name}")


def test_the_job_page_links_to_mlflow(tab):
    page = tab.page
    page.get_by_role("link", name="Open in MLflow").click()
    expect(page.get_by_text("rmse").first).to_be_visible(timeout=60_000)
    foreign = [url for url in tab.requests if not url.startswith(("https://localhost", "data:"))]
    assert foreign == []


@pytest.mark.parametrize("name", PAGES)
def test_layout_and_accessibility(browser, studio, screenshots, name):
    context = browser.new_context(ignore_https_errors=True, viewport=size(1280))
    tab = Tab(context)
    tab.page.goto(studio.done)
    tab.requests.clear()
    address = f"{studio.base}/{PAGES[name].format(name=studio.name, sweep=studio.sweep)}"
    tab.page.goto(address)
    check_views(tab.page, lambda: axe_of(context, tab.page), screenshots, f"studio-{name}")
    content = tab.page.content()
    assert not [secret for secret in (*studio.secrets, studio.key) if secret in content]
    assert "sig=" not in content
    assert [url for url in tab.requests if url != address and not url.startswith("data:")] == []
    if name != "error":
        assert tab.complaints == []
    context.close()


def test_all_controls_are_reachable_by_keyboard(tab):
    page = tab.page
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    expected = page.evaluate(
        "[...document.querySelectorAll('a[href], button, select, textarea, [tabindex=\"0\"]')]"
        ".filter(e => e.checkVisibility()).length"
    )
    reached = {page.evaluate("[...document.querySelectorAll('*')].indexOf(document.activeElement)")}
    for _ in range(expected + 5):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement !== document.body"):
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
            reached.add(
                page.evaluate("[...document.querySelectorAll('*')].indexOf(document.activeElement)")
            )
    assert len(reached) == expected


def test_the_page_of_all_workspaces(browser, studio):
    context = browser.new_context(ignore_https_errors=True)
    page = context.new_page()
    page.goto(studio.home)
    page.get_by_role("link", name="shown").click()
    expect(page.locator("h1")).to_have_text("Jobs")
    context.close()


def test_access_control(studio):
    """Without a browser: no key, a wrong key, another host, a form of another page."""

    def ask(path: str, method: str = "GET", **more):
        return requests.request(
            method, path, verify=studio.bundle, timeout=30, allow_redirects=False, **more
        )

    page = f"{studio.base}/endpoints/online/online-1"
    for path in (page, f"{page}?key=x", f"{studio.base}/mlflow/", f"{studio.url}/studio/"):
        refused = ask(path)
        assert refused.status_code == 403, path
        assert "online-1" not in refused.text
    redirect = ask(f"{page}?key={studio.key}&a=b")
    assert redirect.status_code == 303
    assert redirect.headers["location"] == f"{page.removeprefix(studio.url)}?a=b"
    cookie = redirect.headers["set-cookie"]
    for word in (
        "HttpOnly",
        "Secure",
        "SameSite=lax",
        f"Path={studio.base.removeprefix(studio.url)}",
    ):
        assert word in cookie
    cookies = {"Cookie": cookie.partition(";")[0]}
    assert ask(page, headers=cookies).status_code == 200
    assert ask(f"{studio.url}/studio/", headers=cookies).status_code == 403
    other = re.sub(r"/studio/\w+", "/studio/0123456789ab", page)
    assert ask(other, headers=cookies).status_code == 403
    assert ask(page, headers={**cookies, "Host": "evil.example"}).status_code == 403
    form = {"body": "{}"}
    for origin in ({}, {"Origin": "https://evil.example"}, {"Origin": "https://localhost:1"}):
        assert ask(page, "POST", data=form, headers=cookies | origin).status_code == 403
    assert ask(page, "POST", data=form, headers=cookies | {"Origin": studio.url}).status_code == 200
    odd = {"body": "{}", "deployment": "é\r\nX: y"}
    assert ask(page, "POST", data=odd, headers=cookies | {"Origin": studio.url}).status_code == 400
    workspace = "/subscriptions/00000000-0000-0000-0000-000000000/resourceGroups/group/providers/Microsoft.MachineLearningServices/workspaces/shown"
    printed = f"{studio.url}/mlflow/v2.0{workspace}/"  # printed by MLflow after a run
    assert ask(printed).headers["location"] == f"{studio.base.removeprefix(studio.url)}/mlflow/"
    for path in (f"{printed}api/", f"{printed}api/2.0/mlflow/runs/get/", printed.rstrip("/")):
        assert ask(path).status_code == 401
    assert ask(printed, "POST", data=form).status_code == 401
    token = {"Authorization": f"Bearer {studio.key}"}
    assert ask(f"{studio.url}/subscriptions/s/resourceGroups/g", headers=token).status_code == 401
    for traversal in (
        "../../../server.json",
        "..%2f..%2f..%2fserver.json",
        "%2e%2e/%2e%2e/store.sqlite3",
    ):
        address = f"{studio.base}/jobs/{studio.name}/artifacts/{traversal}"
        answer = requests.Session().send(
            _as_written(address, cookies), verify=studio.bundle, timeout=30
        )
        assert answer.status_code in (400, 403, 404, 501), traversal


def _as_written(address: str, headers: dict[str, str]):
    """A request whose path is not normalized."""
    prepared = requests.Request("GET", address, headers=headers).prepare()
    prepared.url = address
    return prepared

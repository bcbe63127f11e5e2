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
from playwright.sync_api import BrowserContext, expect
from visit import FOCUSED, check_views, size

import child_processes

pytestmark = pytest.mark.browser

PAGES = {
    "jobs": "jobs",
    "job": "jobs/{name}",
    "sweep": "jobs/{sweep}",
    "pipeline": "jobs/{pipeline}",
    "filtered": "jobs?q=job&status=Completed&sort=name",
    "no-match": "jobs?q=missing",
    "endpoints": "endpoints",
    "endpoint": "endpoints/online/online-1",
    "endpoint-script": "endpoints/online/online-1?deployment=green",
    "batch": "endpoints/batch/batch-1",
    "models": "assets/models",
    "model": "assets/models/sum/1",
    "data": "assets/data/rows/1",
    "data-list": "assets/data",
    "data-table": "assets/data/customers/1",
    "data-parquet": "assets/data/measures/1",
    "data-folder": "assets/data/images/1",
    "data-mltable": "assets/data/table/1",
    "data-image": "assets/data/chart/1",
    "data-broken": "assets/data/broken/1",
    "environment": "assets/environments/sk/1",
    "components": "assets/components",
    "component": "assets/components/prepare/1",
    "pipeline-component": "assets/components/evaluate/1",
    "compute": "compute",
    "schedules": "schedules",
    "error": "jobs/missing",
}
# Their parts are on other pages too.
SIMILAR = (
    "filtered", "no-match", "batch", "data", "data-list", "data-folder", "data-mltable",
    "data-broken", "components", "pipeline-component", "schedules",
)  # fmt: skip
# These have all styles of the pages.
WITH_CONTRAST = ("jobs", "job", "pipeline", "endpoint-script", "data-table", "compute", "error")


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
    private = {"AZURE_ML_CLI_PRIVATE_FEATURES_ENABLED": "true"}  # for control flow in pipelines
    environment = {**os.environ, **known["env"], **private}
    result = subprocess.run(seed, env=environment, capture_output=True, text=True, timeout=300)
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


@pytest.fixture(scope="module")
def window(browser) -> Iterator[BrowserContext]:
    context = browser.new_context(ignore_https_errors=True, viewport=size(1280))
    yield context
    context.close()


@pytest.fixture(scope="module")
def logged_in(window, studio) -> BrowserContext:
    """The window, with the cookie that the link of a job sets."""
    page = window.new_page()
    page.goto(studio.done)
    page.close()
    return window


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
def tab(window, studio) -> Iterator[Tab]:
    """A page of a browser that has opened the link of a job."""
    tab = Tab(window)
    tab.page.goto(studio.done)
    yield tab
    tab.page.close()


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


def test_the_graph_of_a_pipeline(tab, studio):
    page = tab.page
    page.goto(f"{studio.base}/jobs/{studio.pipeline}")
    graph = page.get_by_role("region", name="Graph")
    links = graph.get_by_role("link")
    expect(links).to_have_count(8)  # seven steps and a data asset
    expect(
        graph.get_by_role("img", name=re.compile("^Graph of 7 steps, 1 data input"))
    ).to_have_count(1)
    expect(graph.get_by_role("img", name="if, if/else, checked.good, uses checked")).to_be_visible()
    expect(graph.get_by_role("link", name=re.compile("parallel_for, Completed"))).to_be_visible()
    skipped = graph.get_by_role("link", name="small_model, Canceled, uses prepared, if")
    expect(skipped).to_be_visible()
    assert (
        page.evaluate(
            "[...document.querySelectorAll('.edge title')].map(e => e.textContent)"
        ).count("if checked.good is true")
        == 1
    )
    nested = graph.get_by_role("link", name=re.compile("evaluation, pipeline"))
    graph.focus()
    for _ in range(9):
        page.keyboard.press("Tab")
        if nested.evaluate("each => each === document.activeElement"):
            break
    expect(nested).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("evaluation")
    expect(graph.get_by_role("link")).to_have_count(2)
    assert page.url.endswith("#graph")


def test_the_graph_of_a_running_pipeline_follows_its_steps(tab, studio):
    page = tab.page
    page.goto(f"{studio.base}/jobs/{studio.running}")
    graph = page.get_by_role("region", name="Graph")
    expect(graph.get_by_role("link", name="first, Running")).to_be_visible()
    studio.go.with_name(f"{studio.go.name}.pipeline").touch()
    expect(graph.get_by_role("link", name="first, Completed")).to_be_visible()
    expect(page.locator("h1 .status")).to_have_text("Running")


def test_a_wide_graph_scrolls_in_its_box(tab, studio):
    page = tab.page
    page.set_viewport_size(size(360))
    page.goto(f"{studio.base}/jobs/{studio.pipeline}")
    box = page.get_by_role("region", name="Graph")
    assert box.evaluate("each => each.scrollWidth > each.clientWidth")
    link = box.get_by_role("link", name=re.compile("^small_model"))
    link.focus()
    expect(link).to_be_in_viewport()


@pytest.mark.parametrize("javascript", [True, False])
def test_lists_are_searched_filtered_and_sorted(browser, studio, javascript):
    context = browser.new_context(ignore_https_errors=True, java_script_enabled=javascript)
    page = context.new_page()
    page.goto(studio.done)
    page.get_by_role("link", name="Data", exact=True).click()
    page.get_by_label("Search by name").fill("a")
    page.get_by_label("Type").select_option("uri_file")
    page.get_by_label("Newest version only").check()
    page.get_by_role("button", name="Apply").click()
    rows = page.get_by_role("rowheader")
    expect(rows).to_have_text(["chart", "measures"])
    page.get_by_role("columnheader", name="Name").get_by_role("link").click()
    page.get_by_role("columnheader", name="Name").get_by_role("link").click()
    expect(page.get_by_role("columnheader", name="Name")).to_have_attribute(
        "aria-sort", "descending"
    )
    expect(rows).to_have_text(["measures", "chart"])
    shared = context.new_page()
    shared.goto(page.url)
    expect(shared.get_by_role("rowheader")).to_have_text(["measures", "chart"])
    page.get_by_label("Search by name").fill("nothing")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("main")).to_contain_text("No versions match.")
    page.get_by_role("link", name="Clear the search and the filters").click()
    expect(rows).to_have_count(8)
    context.close()


def test_the_sample_fits_the_chosen_deployment(tab, studio):
    page = tab.page
    page.goto(f"{studio.base}/endpoints/online/online-1")
    page.get_by_role("link", name="green", exact=True).click()
    body = page.get_by_label("Body (JSON)")
    assert json.loads(body.input_value()) == {"rows": [{"age": 42, "income": 1500.0}]}
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#answer")).to_have_text(re.compile(r"\[\s*true\s*\]"))
    expect(page.locator("main")).to_contain_text("200, from green")


def test_the_image_of_a_data_asset_is_shown(tab, studio):
    tab.page.goto(f"{studio.base}/assets/data/chart/1")
    width = tab.page.get_by_role("img", name="The image chart").evaluate(
        "each => each.naturalWidth"
    )
    assert width == 240


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
    answer = page.locator("#answer")
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


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.drill] * (name in SIMILAR)) for name in PAGES],
)
def test_layout_and_accessibility(logged_in, studio, screenshots, name):
    tab = Tab(logged_in)
    address = f"{studio.base}/{PAGES[name].format(**vars(studio))}"
    tab.page.goto(address)
    check_views(tab.page, screenshots, f"studio-{name}", contrast=name in WITH_CONTRAST)
    content = tab.page.content()
    assert not [secret for secret in (*studio.secrets, studio.key) if secret in content]
    assert "sig=" not in content
    own = (address, "data:", f"{studio.base}/assets/data/chart/1/files/")
    assert [url for url in tab.requests if not url.startswith(own)] == []
    if name != "error":
        assert tab.complaints == []
    tab.page.close()


@pytest.mark.parametrize(
    ("name", "address"),
    [("pipeline", "jobs/{pipeline}"), ("endpoint", "endpoints/online/online-1?deployment=green")],
)
def test_pictures_of_the_docs(logged_in, studio, screenshots, name, address):
    folder = Path(os.environ.get("NBRELEASE_STUDIO_PICTURES", screenshots / "studio"))
    folder.mkdir(parents=True, exist_ok=True)
    page = logged_in.new_page()
    page.set_viewport_size({"width": 1100, "height": 1250})
    page.goto(f"{studio.base}/{address.format(**vars(studio))}")
    page.screenshot(path=folder / f"{name}.png")
    assert (folder / f"{name}.png").stat().st_size > 10_000
    page.close()


def test_all_controls_are_reachable_by_keyboard(tab):
    page = tab.page
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    expected = page.evaluate(
        "[...document.querySelectorAll('a[href], button, select, textarea, [tabindex=\"0\"]')]"
        ".filter(e => e.checkVisibility()).length"
    )
    reached = {page.evaluate(FOCUSED)["number"]}
    for _ in range(expected + 5):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        if focused is not None:
            assert focused["outlined"], focused
            reached.add(focused["number"])
    assert len(reached) == expected


def test_the_page_of_all_workspaces(window, studio):
    page = window.new_page()
    page.goto(studio.home)
    page.get_by_role("link", name="shown").click()
    expect(page.locator("h1")).to_have_text("Jobs")
    page.close()


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

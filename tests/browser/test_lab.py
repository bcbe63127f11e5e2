"""The JupyterLab extension, used as a data scientist would, with the example of this repository."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from lab_server import TOKEN, LabServer, open_server
from playwright.sync_api import ConsoleMessage, Error, Locator, Page, Route, expect
from rehearsal_project import NO_WORKSPACE, write_pipelines
from visit import axe_violations, size

from nbrelease.rehearsal import lock_checkout

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
FOLDERS = ("notebooks", "exported", "tests/exported", "runbooks", "conda", "data")
FILES = ("settings.ini", "pyproject.toml", "requirements.txt", ".gitignore")
NOTEBOOK = "notebooks/train.ipynb"
RUNBOOK = "runbooks/20_count.ipynb"
# No local workspace is started for a runbook that uses none.
PARAMETERS = """\
from typing import Literal

# Size
rows: int = 3  # number of rows
kind: Literal["small", "large"] = "small"
model: str = ""  # section of settings.ini
"""
COUNT = """\
import os, time
from pathlib import Path

print("counting")
ready = Path(os.environ["READY_FILE"])
deadline = time.monotonic() + 300
while not ready.exists() and time.monotonic() < deadline:
    time.sleep(0.1)
print(rows, kind)
"""
REOPEN = """
async path => {
  const app = window.jupyterapp;
  for (const widget of [...app.shell.widgets("main")]) {
    widget.dispose();
  }
  app.shell.collapseRight();
  const folder = path.split("/").slice(0, -1).join("/");
  await app.commands.execute("filebrowser:go-to-path", { path: folder, dontShowBrowser: true });
  await app.commands.execute("docmanager:open", { path });
}
"""
"""Closes all documents without saving them, and opens one."""
DISPOSED = "Disposed"
"""JupyterLab's error of a session that is still starting when its notebook is closed."""
CLOSED = "Canceled future for"
"""JupyterLab's error when a notebook is closed while its kernel starts."""
LONG = 90_000
"""Milliseconds for what starts kernels or processes, on a busy machine."""


def _runbook() -> nbformat.NotebookNode:
    """A runbook that waits for a file."""
    cells = [
        nbformat.v4.new_code_cell(source, id=name, metadata={"tags": tags})
        for name, tags, source in (
            ("parameters", ["parameters"], PARAMETERS),
            ("count", [], COUNT),
            ("check", ["test"], "assert rows < 10, rows"),
        )
    ]
    kernel = {"name": "python3", "display_name": "python3", "language": "python"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})


@pytest.fixture(scope="module")
def lab(tmp_path_factory, english) -> Iterator[LabServer]:
    """A JupyterLab in a copy of the example, with a short runbook and some releases."""
    folder = tmp_path_factory.mktemp("lab")
    root = folder / "project"
    for name in FOLDERS:
        ignored = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "diabetes.csv")
        shutil.copytree(ROOT / name, root / name, ignore=ignored)
    for name in FILES:
        shutil.copy(ROOT / name, root)
    settings = (root / "settings.ini").read_text("utf-8").replace("isolation = auto\n", "")
    settings += "\n[model:second]\n"
    (root / "settings.ini").write_text(settings, "utf-8")
    nbformat.write(_runbook(), root / RUNBOOK)
    shutil.copytree(english, root / "evidence")
    write_pipelines(root)
    git = ["git", "-C", root, "-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "first"]):
        subprocess.run([*git, *arguments], check=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("READY_FILE", str(folder / "ready"))
        patch.setenv(*NO_WORKSPACE)
        with open_server(root, folder / "state", "lab") as server:
            yield server


@pytest.fixture(scope="session")
def pictures(screenshots) -> Path:
    """Where the pictures of the docs are written."""
    folder = Path(os.environ.get("NBRELEASE_LAB_PICTURES", screenshots / "lab"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class Window:
    """A JupyterLab window with an open notebook."""

    def __init__(self, page: Page, lab: LabServer) -> None:
        self.page, self.lab = page, lab
        self.errors: list[str] = []
        self._listeners = {"console": self._add_message, "pageerror": self._add_error}
        for event, listener in self._listeners.items():
            page.on(event, listener)

    def _add_message(self, message: ConsoleMessage) -> None:
        if message.type == "error" and CLOSED not in message.text:
            self.errors.append(message.text)

    def _add_error(self, error: Error) -> None:
        if CLOSED not in str(error) and str(error) != DISPOSED:
            self.errors.append(str(error))

    def close(self) -> None:
        """Leave the page to the next test."""
        self.page.unroute_all()
        for event, listener in self._listeners.items():
            self.page.remove_listener(event, listener)

    def reopen(self, notebook: str) -> None:
        """Open a notebook alone, without loading the page again: that takes seconds."""
        self.page.set_viewport_size(size(1280))
        if self.page.url == "about:blank" or self.page.get_by_role("dialog").count():
            self.open(notebook)
            return
        self.page.evaluate(REOPEN, notebook)
        expect(self.badges.first).to_be_visible(timeout=90_000)

    def open(self, notebook: str) -> None:
        # The export menu has its formats after this answer.
        with self.page.expect_response(re.compile("api/nbconvert"), timeout=90_000):
            address = f"{self.lab.url}lab/tree/{notebook}?token={TOKEN}&reset"
            self.page.goto(address, timeout=90_000)
        expect(self.badges.first).to_be_visible(timeout=90_000)

    def open_panel(self) -> None:
        if not self.panel.is_visible():
            self.show_side_bar("export")

    def show_side_bar(self, name: str) -> None:
        """Show a panel of the right side bar."""
        self.page.locator(f'.lm-TabBar-tab[data-id="nbrelease-{name}"]').click()

    @property
    def ready(self) -> Path:
        """The file that the runbook waits for."""
        return self.lab.root.parent / "ready"

    @property
    def badges(self) -> Locator:
        return self.page.locator(".nbr-badge:visible")

    @property
    def panel(self) -> Locator:
        return self.page.get_by_role("region", name="nbrelease")

    def cell(self, number: int) -> Locator:
        """A code cell by its number."""
        return self.page.locator(".jp-CodeCell").nth(number)

    def type_at_start(self, number: int, text: str) -> None:
        self.cell(number).locator(".cm-content").click()
        self.page.keyboard.press("Control+Home")
        self.page.keyboard.type(text)


@pytest.fixture(scope="module")
def page(browser) -> Iterator[Page]:
    """One page for all tests: JupyterLab's scripts take seconds to start."""
    context = browser.new_context(viewport=size(1280))
    yield context.new_page()
    context.close()


@pytest.fixture
def window(page, lab) -> Iterator[Window]:
    """A window on a notebook that the test may change."""
    original = (lab.root / NOTEBOOK).read_bytes()
    exported = {
        path: path.read_bytes() for path in (lab.root / "exported").rglob("*") if path.is_file()
    }
    window = Window(page, lab)
    window.reopen(NOTEBOOK)
    yield window
    window.close()
    (lab.root / NOTEBOOK).write_bytes(original)
    for path, content in exported.items():
        path.write_bytes(content)


def test_the_badge_shows_and_sets_the_role_of_a_cell(window, pictures):
    badge = window.badges.nth(1)
    expect(badge).to_have_text("export")
    badge.focus()
    window.page.keyboard.press("Enter")
    window.page.screenshot(path=pictures / "roles.png")
    window.page.get_by_role("menuitem", name="test", exact=True).click()
    expect(badge).to_have_text("test")
    expect(window.page.locator(".jp-mod-dirty").first).to_be_attached()
    window.page.keyboard.press("Control+s")
    saved = window.lab.root / NOTEBOOK
    window.page.wait_for_function("document.querySelector('.jp-mod-dirty') === null")
    tags = [cell["metadata"].get("tags") for cell in json.loads(saved.read_bytes())["cells"]]
    assert tags[2] == ["test"]
    assert window.errors == []


def test_a_typing_error_gets_a_marker_with_code_fix_and_link(window, pictures):
    window.type_at_start(2, "missing_name\n")
    marker = window.page.locator(".cm-lintRange-error")
    expect(marker).to_have_text("missing_name")
    marker.hover()
    tooltip = window.page.locator(".cm-tooltip-lint")
    expect(tooltip.get_by_role("link", name="NBR302")).to_have_attribute(
        "href", re.compile(r"diagnostics\.md#nbr302$")
    )
    expect(tooltip).to_contain_text("Fix:")
    window.page.screenshot(path=pictures / "diagnostics.png")
    window.page.keyboard.press("Control+Home")
    window.page.keyboard.press("Control+Delete")
    expect(marker).to_have_count(0)
    assert window.errors == []


def test_a_quick_fix_changes_the_cell(window):
    window.type_at_start(2, "#| exprot\n")
    marker = window.page.locator(".cm-lintRange-warning")
    marker.first.hover()
    window.page.locator(".cm-tooltip-lint").get_by_role("button", name="#| export").click()
    expect(window.cell(2).locator(".cm-line").first).to_have_text("#| export")
    expect(marker).to_have_count(0)


def test_the_panel_shows_the_state_and_follows_the_cursor(window, pictures):
    window.open_panel()
    expect(window.panel.get_by_role("heading", level=2)).to_have_text("exported/train/main.py")
    expect(window.panel.locator("strong")).to_have_text("fresh")
    window.type_at_start(2, "EXTRA = 1\n")
    expect(window.panel.locator("strong")).to_have_text("stale")
    window.page.keyboard.press("ArrowUp")
    expect(window.panel.locator(".cm-activeLine, .cm-line", has_text="EXTRA = 1")).to_be_visible()
    window.page.screenshot(path=pictures / "export.png")
    window.panel.get_by_role("button", name="Export").click()
    expect(window.panel.get_by_role("status")).to_contain_text("exported/train/main.py")
    expect(window.panel.locator("strong")).to_have_text("fresh")
    module = window.lab.root / "exported" / "train" / "main.py"
    assert "\nEXTRA = 1\n" in module.read_text("utf-8")

    module.write_text(module.read_text("utf-8").replace("EXTRA = 1", "EXTRA = 2"), "utf-8")
    window.page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(window.panel.locator("strong")).to_have_text("edited by hand")
    expect(window.panel.locator("pre")).to_contain_text("+EXTRA = 2")
    window.panel.get_by_role("button", name="Sync").click()
    expect(window.panel.get_by_role("status")).to_contain_text(NOTEBOOK)
    expect(window.cell(2)).to_contain_text("EXTRA = 2")
    expect(window.panel.locator("strong")).to_have_text("fresh")
    assert window.errors == []


def test_a_finding_of_the_panel_leads_to_its_line(window):
    window.open_panel()
    window.type_at_start(2, "missing_name\n")
    window.cell(0).locator(".cm-content").click()
    window.panel.get_by_role("button", name="missing_name").click()
    expect(window.cell(2)).to_have_class(re.compile("jp-mod-active"))
    window.page.keyboard.type("x")
    expect(window.cell(2).locator(".cm-line").first).to_have_text("xmissing_name")


def test_the_export_menu_downloads_the_module_or_shows_the_findings(window):
    export = ("File", "Save and Export Notebook As", "Nbrelease")
    with window.page.expect_download() as download:
        _choose(window.page, *export)
    assert download.value.suggested_filename == "train.py"
    text = Path(download.value.path()).read_text("utf-8")
    assert text == (window.lab.root / "exported" / "train" / "main.py").read_text("utf-8")
    window.type_at_start(2, "missing_name\n")
    _choose(window.page, *export)
    dialog = window.page.get_by_role("dialog")
    expect(dialog.get_by_role("link", name="NBR302")).to_be_visible()
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_have_count(0)


def _run(window: Window, rows: str, kind: str) -> Locator:
    """Run the runbook from its form until its second cell waits; return the form."""
    window.ready.unlink(missing_ok=True)
    form = window.page.get_by_role("region", name="Runbook")
    expect(form.get_by_role("heading", name="20_count")).to_be_visible()
    form.get_by_label("rows").fill(rows)
    form.get_by_label("kind").select_option(kind)
    form.get_by_role("button", name="Run").click()
    expect(form.get_by_text(re.compile(r"count: running, \d"))).to_be_visible(timeout=LONG)
    return form


def test_a_runbook_runs_from_its_form_and_opens_with_its_verdict(window, pictures, screenshots):
    window.reopen(RUNBOOK)
    window.show_side_bar("runbook")
    form = window.page.get_by_role("region", name="Runbook")
    form.get_by_label("Model", exact=True).select_option("second")
    expect(form.get_by_label("model", exact=True)).to_have_value("second")
    _run(window, "5", "large")
    expect(form.get_by_text("counting")).to_be_visible()
    expect(form.get_by_role("button", name="Run")).to_be_disabled()
    for where in _each_view(window.page):
        window.page.screenshot(path=screenshots / f"lab-runbook-running-{where}.png")
        assert axe_violations(window.page, ["#nbrelease-runbook"]) == [], where
    # Another tab, another panel, and a page that is loaded again do not lose the run.
    window.show_side_bar("releases")
    window.page.locator(".jp-DirListing-item", has_text="01_prepare.ipynb").dblclick()
    window.show_side_bar("runbook")
    expect(form.get_by_role("heading", name="01_prepare")).to_be_visible(timeout=LONG)
    window.page.get_by_role("tab", name="20_count.ipynb").click()
    expect(form.get_by_text("counting")).to_be_visible()
    expect(form.get_by_label("rows")).to_have_value("5")
    window.open(RUNBOOK)
    window.show_side_bar("runbook")
    expect(form.get_by_text("counting")).to_be_visible()
    window.ready.touch()
    verdict = window.page.locator(".nbr-verdict:visible")
    expect(verdict).to_be_visible(timeout=LONG)
    expect(verdict.locator("strong")).to_have_text("passed")
    expect(verdict).to_contain_text("3 passed")
    expect(window.page.get_by_text("5 large")).to_be_visible()
    expect(window.page.get_by_role("dialog")).to_have_count(0)
    window.page.screenshot(path=pictures / "runbook.png")
    assert axe_violations(window.page, [".nbr-panel:not(.lm-mod-hidden)", ".nbr-verdict"]) == []
    window.reopen(RUNBOOK)
    window.show_side_bar("runbook")
    _run(window, "50", "small")
    window.ready.touch()
    expect(verdict).to_be_visible(timeout=LONG)
    expect(verdict.locator("strong")).to_have_text("failed")
    assert window.errors == []


def test_the_form_of_a_runbook_returns_after_a_failed_request(window):
    failing = True

    def answer(route: Route) -> None:
        if failing and "env=prod" in route.request.url:
            route.fulfill(status=422, json={"message": "settings.ini [prod]: wrong"})
        else:
            route.continue_()

    window.page.route(re.compile("nbrelease/runbook[?]"), answer)
    window.reopen(RUNBOOK)
    window.show_side_bar("runbook")
    form = window.page.get_by_role("region", name="Runbook")
    form.get_by_label("rows").fill("5")
    form.get_by_label("Environment").select_option("prod")
    expect(form.get_by_text("settings.ini [prod]: wrong")).to_be_visible()
    failing = False
    window.page.locator(".jp-DirListing-item", has_text="01_prepare.ipynb").dblclick()
    expect(form.get_by_role("heading", name="01_prepare")).to_be_visible(timeout=LONG)
    window.page.get_by_role("tab", name="20_count.ipynb").click()
    expect(form.get_by_label("rows")).to_have_value("3")
    expect(form.get_by_label("Environment")).to_have_value("dev")


def test_a_failed_request_does_not_end_the_state_of_the_rehearsal(window):
    failing = True

    def answer(route: Route) -> None:
        route.abort() if failing else route.continue_()

    window.page.route(re.compile("nbrelease/rehearsals[?]"), answer)
    window.show_side_bar("releases")
    panel = window.page.get_by_role("region", name="Releases")
    expect(panel.get_by_role("alert")).to_be_visible()
    failing = False
    expect(panel.get_by_role("alert")).to_be_hidden()
    expect(panel.get_by_role("status")).not_to_be_empty()
    with window.page.expect_response(re.compile("nbrelease/rehearsals[?]")):
        pass
    # Sooner than the view asks again by itself.
    with window.page.expect_request(re.compile("nbrelease/rehearsals[?]"), timeout=4000):
        panel.get_by_role("button", name="Refresh").click()


def test_a_rehearsal_with_an_approval(window, pictures, screenshots):
    window.ready.unlink(missing_ok=True)
    window.show_side_bar("releases")
    panel = window.page.get_by_role("region", name="Releases")
    status = panel.get_by_role("status")
    rehearse = panel.get_by_role("button", name="Rehearse")
    expect(status).to_have_text("No rehearsal yet.")
    with lock_checkout(window.lab.root):
        rehearse.click()
        expect(panel.get_by_role("alert")).to_contain_text(f"pid {os.getpid()}, since")
    rehearse.click()
    row = panel.get_by_role("row", name="Code and release id")
    expect(row).to_contain_text("Begin the release", timeout=LONG)
    expect(row).to_contain_text(re.compile(r"running\d+ s"))
    expect(panel.get_by_role("alert")).to_be_hidden()
    window.page.screenshot(path=screenshots / "lab-rehearsal-running.png")
    window.open(NOTEBOOK)
    window.show_side_bar("releases")
    expect(row).to_contain_text("running")
    expect(rehearse).to_be_disabled()
    window.ready.touch()

    expect(status).to_have_text("The rehearsal waits for an approval.", timeout=LONG)
    expect(panel.get_by_role("button", name="Stop")).to_be_hidden()
    expect(panel.get_by_role("row", name="Register the model")).to_contain_text("waiting")
    approval = panel.get_by_role("group", name="Approval of prod")
    approval.get_by_label("Reviewer").fill("Ada")
    approval.get_by_label("Comment").fill("better in each slice")
    panel.get_by_role("button", name="Review", exact=True).click()
    page = window.page.frame_locator("iframe[title^=Evidence]")
    expect(page.get_by_role("heading", level=1)).to_be_visible(timeout=LONG)
    window.page.screenshot(path=pictures / "approval.png")
    for where in _each_view(window.page):
        expect(approval.get_by_role("button", name="Approve")).to_be_visible()
        window.page.screenshot(path=screenshots / f"lab-approval-{where}.png")
        assert axe_violations(window.page, ["#nbrelease-releases"]) == [], where
    expect(approval.get_by_label("Comment")).to_have_value("better in each slice")
    approval.get_by_label("Reviewer").fill("")
    approval.get_by_role("button", name="Approve").click()
    expect(panel.get_by_role("alert")).to_contain_text("Reviewer")
    approval.get_by_label("Reviewer").fill("Ada")
    approval.get_by_role("button", name="Approve").click()

    expect(status).to_have_text("Result: Succeeded. Verdict: passed.", timeout=LONG)
    expect(panel.get_by_text("approved by Ada: better in each slice")).to_be_visible()
    expect(panel.locator(".nbr-failed:visible")).to_have_count(0)
    panel.get_by_role("button", name="Evidence page").click()
    ended = window.page.frame_locator("iframe:visible")
    expect(ended.get_by_text("better in each slice").first).to_be_attached(timeout=LONG)
    window.page.screenshot(path=screenshots / "lab-rehearsal-ended.png")
    assert axe_violations(window.page, ["#nbrelease-releases"]) == []
    # The browser itself logs the two refused requests.
    assert len(window.errors) == 2, window.errors
    assert all("422" in each for each in window.errors)


def test_the_releases_and_an_evidence_page(window, screenshots):
    window.show_side_bar("releases")
    releases = window.page.get_by_role("region", name="Releases")
    expect(releases.get_by_role("listitem").first).to_be_visible()
    assert releases.get_by_role("listitem").count() > 3
    assert axe_violations(window.page, ["#nbrelease-releases"]) == []
    releases.get_by_role("button", name=re.compile("^Evidence of .*T090000Z")).click()
    page = window.page.frame_locator("iframe[title^=Evidence]")
    expect(page.get_by_role("heading", level=1)).to_be_visible(timeout=30_000)
    window.page.screenshot(path=screenshots / "lab-releases.png")
    page.locator("a[href^='html/']").first.click()
    expect(page.get_by_role("heading", name="Parameters", exact=True)).to_be_visible()
    assert window.errors == []


def test_layout_and_accessibility(window, screenshots):
    window.type_at_start(2, "missing_name\n")
    for where in _each_view(window.page):
        window.open_panel()
        expect(window.panel.get_by_role("link", name="NBR302")).to_be_visible()
        window.page.screenshot(path=screenshots / f"lab-notebook-{where}.png")
        assert axe_violations(window.page, [".nbr-panel", ".nbr-badge"]) == [], where
    assert window.errors == []


def _each_view(page: Page) -> Iterator[str]:
    """Two widths, one light and one dark; yields the name of each."""
    for width, theme in ((1280, "JupyterLab Light"), (1920, "JupyterLab Dark")):
        _use_theme(page, theme)
        page.set_viewport_size(size(width))
        yield f"{width}-{theme.split()[1].lower()}"


def _use_theme(page: Page, theme: str) -> None:
    current = page.locator("body").get_attribute("data-jp-theme-name")
    if current != theme:
        _choose(page, "Settings", "Theme", theme)
        expect(page.locator("body")).to_have_attribute("data-jp-theme-name", theme)
        expect(page.locator("#jupyterlab-splash")).to_have_count(0)


def _choose(page: Page, menu: str, submenu: str, item: str) -> None:
    """Choose an item of a submenu; JupyterLab gives an item with a submenu no role."""
    page.get_by_role("menuitem", name=menu, exact=True).click()
    page.locator(".lm-Menu-itemLabel").get_by_text(submenu, exact=True).hover()
    page.get_by_role("menuitem", name=item, exact=True).click()

"""The pages of a release and the page of all releases, as a browser shows them."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
import task_packs
from playwright.sync_api import expect
from visit import CONTRAST, FOCUSED, add_axe, check_views, violations

from nbrelease.report import pdf

pytestmark = pytest.mark.browser

FULL, REFUSED, CHECKED, BACK, REJECTED = "T090000Z", "T100000Z", "T150000Z", "T140000Z", "T110000Z"
WAITING = "T180000Z"
TASKS = [make.__name__ for make in task_packs.ALL]
PAGES = {
    "index": f"*{FULL}*/index.html",
    "refused": f"*{REFUSED}*/index.html",
    "rolled-back": f"*{BACK}*/index.html",
    "rejected": f"*{REJECTED}*/index.html",
    "waiting": f"*{WAITING}*/index.html",
    "later": f"*{FULL}*/later/index.html",
    "notebook": f"*{FULL}*/html/01_prepare.html",
    "training": f"*{FULL}*/html/02_train.html",
    "checked": f"*{CHECKED}*/html/01_prepare.html",
    "card": f"*{FULL}*/model-card.html",
    "site": "index.html",
}
# Their parts are on other pages too, in the same colors.
SAME_STYLES = ("rejected", "rolled-back", "checked")


def find(folder: Path, name: str) -> Path:
    (path,) = folder.glob(PAGES[name])
    return path


def check_page(screen, path: Path, screenshots: Path, name: str, *, contrast: bool = True) -> None:
    visit = screen.open(path)
    check_views(visit.page, screenshots, name, contrast=contrast)
    assert visit.foreign == []
    assert visit.complaints == []


@pytest.mark.parametrize("name", PAGES)
def test_in_english(english, screen, screenshots, name):
    contrast = name not in SAME_STYLES
    check_page(screen, find(english, name), screenshots, f"en-{name}", contrast=contrast)


@pytest.mark.parametrize("name", ["index", "checked", "site"])
def test_in_japanese(japanese, screen, screenshots, name):
    check_page(screen, find(japanese, name), screenshots, f"ja-{name}", contrast=False)


@pytest.mark.parametrize(
    "name",
    [
        # The others have parts of these.
        pytest.param(name, marks=[pytest.mark.drill] * (name not in ("regression", "multiclass")))
        for name in TASKS
    ],
)
def test_models_of_every_task(of_tasks, screen, screenshots, name):
    [pack] = of_tasks.glob(f"prod-{name}-*")
    check_page(screen, pack / "index.html", screenshots, f"task-{name}", contrast=False)


def test_several_models_on_one_page(of_tasks, screen, screenshots):
    check_page(screen, of_tasks / "index.html", screenshots, "task-site", contrast=False)


def test_a_card_with_columns_of_all_kinds(of_tasks, screen, screenshots):
    [pack] = of_tasks.glob("prod-regression-*")
    check_page(screen, pack / "model-card.html", screenshots, "task-card", contrast=False)


def test_axe_finds_violations(screen, tmp_path):
    page = tmp_path / "bad.html"
    page.write_text("<img src='data:,'><p style='color:#eee;background:#fff'>pale</p>")
    page = screen.open(page).page
    add_axe(page)
    found = "\n".join(violations(page))
    assert "image-alt" in found
    assert CONTRAST in found
    assert CONTRAST in "\n".join(violations(page, runOnly=[CONTRAST]))


def test_a_request_is_detected(screen, tmp_path):
    page = tmp_path / "asks.html"
    page.write_text("<html lang=en><img src='http://127.0.0.1:9/x.png' alt=''>")
    visit = screen.open(page)
    assert visit.foreign == ["http://127.0.0.1:9/x.png"]
    assert visit.complaints


def test_all_links_of_a_pack_are_valid(english, screen):
    """As the browser resolves them: each file exists, each anchor is an element."""
    start, pack = find(english, "site").as_uri(), find(english, "index").parent.as_uri()
    page = screen.open(find(english, "site")).page
    links: dict[str, set[str]] = {start: set()}
    ids: dict[str, set[str]] = {}
    while todo := [
        url
        for url in links.keys() - ids.keys()
        if url.endswith(".html") and url.startswith((start, pack))
    ]:
        for url in todo:
            page.goto(url)
            for href in page.eval_on_selector_all("a[href]", "all => all.map(a => a.href)"):
                if not href.startswith("https://example.org/"):  # an author's link to the web
                    target, anchor = urldefrag(href)
                    links.setdefault(target, set()).add(unquote(anchor))
            ids[url] = {"", *page.eval_on_selector_all("[id]", "all => all.map(e => e.id)")}
    assert len(ids) > 10
    for url, anchors in links.items():
        assert Path(unquote(urlsplit(url).path)).is_file(), url
        if url in ids:
            assert anchors <= ids[url], url


def test_the_overview_fits_on_the_first_screen(english, screen):
    for width in (1280, 1920):
        page = screen.open(find(english, "index"), width).page
        boxes = page.locator("#overview > div")
        assert boxes.count() == 6
        for box in (boxes.nth(n).bounding_box() for n in range(6)):
            assert box["y"] + box["height"] <= page.viewport_size["height"]


def test_the_keyboard_reaches_every_control(english, screen):
    page = screen.open(find(english, "index")).page
    page.keyboard.press("Tab")
    skip = page.locator(".skip")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    assert page.url.endswith("#page.main")
    page.reload()
    focusable = page.evaluate(
        "[...document.querySelectorAll('a[href], summary, [tabindex=\"0\"]')]"
        ".filter(e => e.checkVisibility()).length"
    )
    reached = set()
    for _ in range(focusable + 5):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        if focused is not None:
            assert focused["outlined"], focused
            reached.add(focused["number"])
    assert len(reached) == focusable


def test_folded_cells_open_by_key(english, screen):
    page = screen.open(find(english, "training")).page
    folded = page.locator("section.cell details:not([open])").first
    folded.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator("section.cell details[open]").first).to_be_visible()


def test_long_lines_of_a_log_wrap(english, screen):
    page = screen.open(find(english, "training"), 1280).page
    log = page.locator("pre.stream").first
    log.evaluate("e => { e.textContent = 'https://example.org/' + 'x'.repeat(2000) }")
    assert log.evaluate("e => e.scrollWidth <= e.clientWidth && e.clientHeight > 60")


def test_print_shows_folded_parts(english, screen, screenshots):
    page = screen.open(find(english, "index")).page
    closed = page.locator("details:not([open]) table").first
    expect(closed).not_to_be_visible()
    page.emulate_media(media="print")
    expect(closed).to_be_visible()
    expect(page.locator("nav.here")).not_to_be_visible()
    page.screenshot(path=screenshots / "en-index-print.png", full_page=True)


def test_a_page_becomes_a_pdf(english, program, tmp_path):
    pack = find(english, "index").parent
    target = tmp_path / "release.pdf"
    pdf.write_pdf(pack / "index.html", target)
    content = target.read_bytes()
    assert content.startswith(b"%PDF-")
    assert content.count(b"/Type /Page\n") >= 3
    assert b"file:" not in content
    assert str(pack.parent.parent).encode() not in content

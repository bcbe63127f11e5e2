"""The page of all releases: what is live, what became of each, and only new packs are read."""

from __future__ import annotations

import json
import shutil

import packs
import pytest
from html_page import Page, words

from nbrelease.attestation import chain
from nbrelease.pack import build_pack, write_entries_page
from nbrelease.report import site


@pytest.fixture
def releases(english, tmp_path):
    """A copy of all packs."""
    return shutil.copytree(english["full"].folder.parent, tmp_path / "evidence")


def rows(page: Page) -> list[list[str]]:
    table = page.html.select_one("table.stack")
    return [
        [words(each) for each in row.find_all(["th", "td"])] for row in table.tbody.find_all("tr")
    ]


def test_newest_first_with_what_became_of_each(releases, english):
    made = site.build(releases)
    assert (made.releases, made.new) == (len(packs.ALL), len(packs.ALL))
    page = Page(made.page)
    shown = rows(page)
    # by the hour at which they began
    assert [row[1] for row in shown] == [
        "open", "failed", "interrupted", "failed", "rolled back", "rolled back", "interrupted",
        "rejected", "failed", "passed", "passed", "failed", "failed",
    ]  # fmt: skip
    for row, (name, built) in zip(
        shown,
        sorted(english.items(), key=lambda item: item[1].record.started, reverse=True),
        strict=True,
    ):
        assert row[0] == built.record.release_id, name
        assert built.page().headline in row[2]
        assert page.link(row[0]) == f"{row[0]}/index.html"
    assert page.broken_links() == []


def test_what_is_live_is_what_the_last_release_left(releases):
    page = Page(site.build(releases).page)
    live = {
        words(box.h3): [words(p) for p in box.select("p")]
        for box in page.html.select(".answers > div")
    }
    # the rollback moved the traffic last; dev never had any
    assert live["prod"][0] == "diabetes-classifier version 1 · 100 %"
    assert live["prod"][1] == "model-1 100 %, model-2 0 %"
    assert "2026-11-24 14:00:00 UTC" in live["prod"][-1]
    assert live["dev"] == ["Nothing is live in dev."]


def test_metrics_are_drawn_over_releases(releases):
    page = Page(site.build(releases).page)
    titles = [words(each) for each in page.html.select("figcaption")]
    assert titles == ["ROC AUC in prod, oldest first", "Accuracy in prod, oldest first"]
    marks = [words(each) for each in page.html.select("figure:first-of-type svg title")]
    assert len(marks) == 8  # the releases that came to a comparison
    assert len(page.html.select("figure:first-of-type svg .dot.new")) == 2


def test_only_new_packs_are_read_again(releases, monkeypatch):
    site.build(releases)
    read = []
    entry = site._entry
    monkeypatch.setattr(
        site, "_entry", lambda folder, *more: read.append(folder) or entry(folder, *more)
    )
    before = {path: path.read_bytes() for path in releases.glob("*/*") if path.is_file()}
    assert site.build(releases).new == 0
    assert read == []
    new = packs.full(releases, hour=20)
    build_pack(new)
    assert site.build(releases).new == 1
    assert read == [new]
    changed = next(releases.glob("*T090000Z*"))
    manifest = json.loads((changed / "manifest.json").read_text())
    (changed / "manifest.json").write_text(json.dumps({**manifest, "algorithm": "SHA256"}))
    assert site.build(releases).new == 1
    shutil.rmtree(new)
    made = site.build(releases)
    assert (made.releases, made.new) == (len(packs.ALL), 0)
    after = {path: path.read_bytes() for path in before}
    del before[changed / "manifest.json"], after[changed / "manifest.json"]
    assert after == before  # packs are never touched


def test_one_release_is_no_trend(tmp_path):
    build_pack(packs.first(tmp_path / "evidence"), card=False)
    assert Page(site.build(tmp_path / "evidence").page).html.select("figure") == []


def test_what_came_later_is_shown_with_its_release(releases):
    site.build(releases)
    pack = next(releases.glob("*T090000Z*"))
    chain.append(pack, "incident", "slow answers", actor="Ada")
    chain.append(pack, "rollback", "back to model-1", actor="Lin")
    write_entries_page(pack)
    made = site.build(releases)
    assert made.new == 1
    page = Page(made.page)
    row = next(row for row in rows(page) if row[0] == pack.name)
    assert "slow answers" in row[2]
    assert "back to model-1" in row[2]
    assert page.link("Rollback") == f"{pack.name}/later/index.html#entry-2"
    assert page.broken_links() == []


def test_another_language_is_made_anew(releases):
    site.build(releases)
    made = site.build(releases, "ja")
    assert made.new == len(packs.ALL)
    assert Page(made.page).html.html["lang"] == "ja"


def test_a_damaged_list_is_made_again(releases):
    site.build(releases)
    (releases / site.CACHE).write_text("{")
    assert site.build(releases).new == len(packs.ALL)


def test_what_cannot_be_read_is_shown_as_such(releases):
    folder = next(releases.glob("*T090000Z*"))
    (folder / "record.json").write_text("{")
    (folder / "manifest.json").write_text("{}")
    shown = {row[0]: row for row in rows(Page(site.build(releases).page))}
    assert shown[folder.name][1] == "cannot be read"
    assert "record.json" in shown[folder.name][2]


def test_an_open_release_is_no_outcome(tmp_path):
    pack = packs.Pack(tmp_path / "evidence")
    pack.prepare()
    page = Page(site.build(tmp_path / "evidence").page)
    assert rows(page)[0][:2] == [pack.id, "open"]
    assert page.broken_links() == []


def test_no_release_at_all(tmp_path):
    made = site.build(tmp_path)
    assert made.releases == 0
    assert Page(made.page).headline == "Releases"

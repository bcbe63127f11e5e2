"""The page of all releases: live deployments, verdicts, and that a pack is read once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import packs
import pytest
import task_packs
from html_page import Page, words

from nbrelease.attestation import chain
from nbrelease.pack import build_pack, write_entries_page
from nbrelease.report import site


@pytest.fixture
def releases(english, tmp_path) -> Path:
    """A copy of all packs."""
    return shutil.copytree(english["full"].folder.parent, tmp_path / "evidence")


def verdicts(page: Page) -> dict[str, str]:
    return {row["data-release"]: row["data-verdict"] for row in rows(page)}


def rows(page: Page):
    return page.html.select("tr[data-release]")


def row_of(page: Page, release: str):
    return page.html.select_one(f'tr[data-release="{release}"]')


def test_all_releases_newest_first(releases, english):
    built = site.build_site(releases)
    assert (built.releases, built.new) == (len(packs.ALL), len(packs.ALL))
    page = Page(built.page)
    newest_first = sorted(english.values(), key=lambda each: each.record.started, reverse=True)
    assert list(verdicts(page).items()) == [
        (each.record.release_id, each.record.verdict) for each in newest_first
    ]
    for each in newest_first:
        release = each.record.release_id
        assert each.page().headline in words(row_of(page, release))
        assert page.link(release) == f"{release}/index.html"
    assert page.broken_links() == []


def test_live_deployments_are_those_of_the_newest_release_that_moved_traffic(releases):
    page = Page(site.build_site(releases).page)
    live = {
        box["data-env"]: [words(each) for each in box.select("p")]
        for box in page.html.select("#live > div")
    }
    # the rollback moved the traffic last; dev never had any
    assert live["prod"][0] == "diabetes-classifier version 1 · 100 %"
    assert live["prod"][1] == "model-1 100 %, model-2 0 %"
    assert "2026-11-24 14:00:00 UTC" in live["prod"][-1]
    assert len(live["dev"]) == 1


def test_the_traffic_that_was_published_last_is_live(tmp_path):
    """08 was run again after 09: the order is that of execution, not of names."""
    pack = packs.Pack(tmp_path / "evidence")
    traffic = {"traffic": {"model-1": 100, "model-2": 0}}
    pack.runbook("09_rollback", [packs.cell("roll-back")], values=traffic)
    pack.release()
    build_pack(pack.folder, card=False)
    page = Page(site.build_site(tmp_path / "evidence").page)
    assert words(page.html.select("#live .lead")[0]) == "model-2 · 100 %"


def test_metrics_are_drawn_over_releases(releases):
    page = Page(site.build_site(releases).page)
    assert len(page.html.select("figcaption")) == 2  # two metrics in prod
    marks = [words(each) for each in page.html.select("figure:first-of-type svg title")]
    assert len(marks) == 8  # the releases with a comparison
    assert len(page.html.select("figure:first-of-type svg .dot.new")) == 2


def test_only_new_packs_are_read_again(releases, monkeypatch):
    site.build_site(releases)
    read = []
    original = site.read_release
    monkeypatch.setattr(
        site, "read_release", lambda folder, *more: read.append(folder) or original(folder, *more)
    )
    before = {path: path.read_bytes() for path in releases.glob("*/*") if path.is_file()}
    assert site.build_site(releases).new == 0
    assert read == []
    new = packs.full(releases, hour=20)
    build_pack(new)
    assert site.build_site(releases).new == 1
    assert read == [new]
    changed = next(releases.glob("*T090000Z*"))
    manifest = json.loads((changed / "manifest.json").read_text())
    (changed / "manifest.json").write_text(json.dumps({**manifest, "algorithm": "SHA256"}))
    assert site.build_site(releases).new == 1
    shutil.rmtree(new)
    built = site.build_site(releases)
    assert (built.releases, built.new) == (len(packs.ALL), 0)
    after = {path: path.read_bytes() for path in before}
    del before[changed / "manifest.json"], after[changed / "manifest.json"]
    assert after == before  # packs are not changed


def test_one_release_is_no_trend(tmp_path):
    build_pack(packs.first(tmp_path / "evidence"), card=False)
    assert Page(site.build_site(tmp_path / "evidence").page).html.select("figure") == []


def test_later_entries_are_shown_with_their_release(releases):
    site.build_site(releases)
    pack = next(releases.glob("*T090000Z*"))
    chain.append(pack, "incident", "slow answers", actor="Ada")
    chain.append(pack, "rollback", "back to model-1", actor="Lin")
    write_entries_page(pack)
    built = site.build_site(releases)
    assert built.new == 1
    page = Page(built.page)
    row = row_of(page, pack.name)
    assert "slow answers" in words(row)
    assert "back to model-1" in words(row)
    links = [each["href"] for each in row.select("a.small")]
    assert links == [f"{pack.name}/later/index.html#entry-{number}" for number in (1, 2)]
    assert page.broken_links() == []


def test_another_language_reads_all_packs_again(releases):
    site.build_site(releases)
    built = site.build_site(releases, "ja")
    assert built.new == len(packs.ALL)
    assert Page(built.page).html.html["lang"] == "ja"


def test_a_damaged_cache_is_written_again(releases):
    site.build_site(releases)
    (releases / site.CACHE).write_text("{")
    assert site.build_site(releases).new == len(packs.ALL)


def test_an_unreadable_record_is_shown(releases):
    folder = next(releases.glob("*T090000Z*"))
    (folder / "record.json").write_text("{")
    (folder / "manifest.json").write_text("{}")
    page = Page(site.build_site(releases).page)
    assert verdicts(page)[folder.name] == "unreadable"
    assert "record.json" in words(row_of(page, folder.name))


def test_a_release_in_progress_has_no_link(tmp_path):
    pack = packs.Pack(tmp_path / "evidence")
    pack.prepare()
    page = Page(site.build_site(tmp_path / "evidence").page)
    assert verdicts(page) == {pack.id: "open"}
    assert row_of(page, pack.id).a is None
    assert page.broken_links() == []


def test_no_releases(tmp_path):
    built = site.build_site(tmp_path)
    assert built.releases == 0
    assert rows(Page(built.page)) == []


@pytest.fixture(scope="module")
def two_models(tmp_path_factory) -> Page:
    """The page of a repository with the example and a second model, [model:rentals]."""
    folder = tmp_path_factory.mktemp("two") / "evidence"
    for make in (packs.first, packs.full, packs.rejected):
        build_pack(make(folder), card=False)
    for hour in (0, 1):
        build_pack(task_packs.regression(folder, hour=hour, settings_model="rentals"), card=False)
    build_pack(
        task_packs.regression(folder, hour=2, limit=10, settings_model="rentals"), card=False
    )
    return Page(site.build_site(folder).page)


def test_releases_are_grouped_by_model(two_models):
    groups = two_models.html.select("section[data-model]")
    assert [each["data-model"] for each in groups] == ["diabetes-classifier", "rentals-model"]
    assert [len(each.select("tr[data-release]")) for each in groups] == [3, 3]
    for release in groups[1].select("tr[data-release]"):
        assert release["data-release"].startswith("prod-rentals-2026")
    links = [each["href"] for each in two_models.html.select("nav.here a")]
    assert links == ["#model-1", "#model-2"]
    assert two_models.broken_links() == []
    ids = [each["id"] for each in two_models.html.find_all(id=True)]
    assert len(ids) == len(set(ids))


def test_each_model_has_its_own_metrics_trends_and_live_deployment(two_models):
    example, rentals = two_models.html.select("section[data-model]")
    heads = [words(each) for each in example.select("thead th.number")]
    assert heads == ["ROC AUC", "Accuracy", "Tests"]
    heads = [words(each) for each in rentals.select("thead th.number")]
    assert heads == ["RMSE ↓ lower is better", "R²", "Tests"]
    titles = [words(each) for each in rentals.find_all("figcaption")]
    assert titles == ["RMSE in prod, oldest first (↓ lower is better)", "R² in prod, oldest first"]
    [live] = rentals.select("[data-env]")
    assert words(live.select_one(".lead")) == "rentals-model version 2 · 100 %"
    verdicts = [each["data-verdict"] for each in rentals.select("tr[data-release]")]
    assert verdicts == ["failed", "passed", "passed"]


def test_one_model_needs_no_group(releases):
    page = Page(site.build_site(releases).page)
    assert page.html.select("section[data-model]") == []
    assert page.html.find(id="live") is not None
    assert page.html.find("nav") is None


def test_a_release_shows_its_parameters_and_then_what_changed(two_models):
    texts = [words(each) for each in two_models.html.select("#model-2 .parameters")]
    assert texts == ["learning_rate 0.05, max_iter 400, max_leaf_nodes 15"]


def test_an_unreadable_release_is_in_the_group_of_its_model(tmp_path):
    for name in ("prod-20261124T090000Z-a1b2c3d4", "prod-big-rentals-20261125T090000Z-a1b2c3d4"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "record.json").write_text("{")
        (tmp_path / name / "manifest.json").write_text("{}")
    page = Page(site.build_site(tmp_path).page)
    groups = page.html.select("section[data-model]")
    assert [each["data-model"] for each in groups] == ["Default model", "big-rentals"]
    assert words(groups[1].select_one("[data-env] h4")) == "prod"

"""Every page: links are valid, figures link to their source, nothing runs or fetches."""

from __future__ import annotations

import json
import re
import shutil
from urllib.parse import urlsplit

import packs
import pytest
from html_page import Page, words

from nbrelease import files
from nbrelease.pack import build_pack
from nbrelease.published_values import MEDIA_TYPE
from nbrelease.report.outputs import Output, convert_output

NAMES = [make.__name__ for make in packs.ALL]
MIB = 1 << 20


@pytest.mark.parametrize("name", NAMES)
def test_every_link_is_valid(english, japanese, name):
    for built in (english[name], japanese[name]):
        broken = {page.path.name: page.broken_links() for page in built.pages}
        assert not any(broken.values()), broken


def test_a_slice_with_too_few_rows_says_so(english):
    page = english["full"].page()
    rows = page.html.select("tr[data-slice]:has([data-code=few-rows])")
    assert [words(row.th) for row in rows] == ["Age 60 to 75"]  # 68 rows


def test_progress_dots_of_the_sdk_are_not_shown():
    def convert(text: str) -> Output | None:
        return convert_output({"output_type": "stream", "name": "stdout", "text": text})

    assert convert("....\n.") is None
    assert convert("score: .5") == Output("stream", "score: .5")
    assert convert("..\nready\n...\n\n") == Output("stream", "ready\n...")
    assert convert("  indented\n") == Output("stream", "  indented")


@pytest.mark.parametrize("name", NAMES)
def test_ids_are_unique(english, name):
    for page in english[name].pages:
        ids = [each["id"] for each in page.html.find_all(id=True)]
        assert len(ids) == len(set(ids)), page.path


def test_a_broken_link_is_found(english, tmp_path):
    page = tmp_path / "page.html"
    page.write_text('<a href="#no">a</a><a href="x.html">b</a><a href="https://e.org">c</a>')
    assert Page(page).broken_links() == ["#no", "x.html", "https://e.org"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("model_version", "2"),
        ("data_rows", "15,000"),
        ("data_version", "3"),
        ("comparison", "0.9826"),
        ("gate", "3"),
        ("rows_in", "200"),
        ("rows_out", "200"),
        ("parity_max_abs_diff", "0"),
        ("load_test", "812"),
        ("traffic", "100"),
        ("rollout", "50"),
        ("keep_previous_until", "2026-12-08"),
        ("previous_deployment", "model-1"),
        ("importance", "0.1700"),
        ("fairness", "2710"),
        ("metrics", "0.9342"),
        ("data_profile", "0.3000"),
        ("job_name", "crimson_neck_1"),
        ("model_sha256", "ab" * 32),
    ],
)
def test_a_figure_links_to_the_cell_that_published_it(english, value, shown):
    built = english["full"]
    source = built.record.sources[value]
    links = built.page().html.find_all("a", href=source)
    assert shown in {words(link) for link in links}
    path, _, cell_id = source.partition("#")
    target = Page(built.folder / path).html.find(id=cell_id)
    assert target.find(attrs={"data-published": value})
    name = path.removeprefix("html/").removesuffix(".html")
    content = json.loads((built.folder / "notebooks" / f"{name}.ipynb").read_text())
    cell = next(each for each in content["cells"] if each["id"] == cell_id)
    scraps = [output["data"][MEDIA_TYPE]["name"] for output in cell["outputs"]]
    assert value in scraps


def test_every_published_value_is_on_the_page(english):
    """A value that no figure links to is one that the reader never sees."""
    built = english["full"]
    page = built.page()
    shown = {each["href"] for each in page.html.select("a.n")}
    for value, source in built.record.sources.items():
        assert source in shown, value


HOSTILE = "\"'></td></script><script>alert(1)</script><img src=https://e.org/x onerror=alert(1)>"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile") / "evidence"
    pack = packs.Pack(folder, actor=HOSTILE, parameters={HOSTILE: HOSTILE, "estimator": HOSTILE})
    html = f"<table onclick=x()><tr><td>kept</td></tr></table>{HOSTILE}<style>*{{background:url(https://e.org)}}</style><a href=javascript:x()>l</a><iframe src=//e.org></iframe>"
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>'
    )

    def shows(**data):
        return {"output_type": "display_data", "metadata": {}, "data": data}

    pack.runbook(
        "01_prepare",
        [
            packs.cell("html", HOSTILE, outputs=[shows(**{"text/html": html})]),
            packs.cell("svg", HOSTILE, outputs=[shows(**{"image/svg+xml": svg})]),
            packs.cell("markdown", outputs=[shows(**{"text/markdown": f"**kept** {HOSTILE} [l](javascript:x)"})]),
            packs.cell("text", outputs=[{"output_type": "stream", "name": "stdout", "text": HOSTILE}]),
            packs.cell("alt", outputs=[{"output_type": "display_data", "metadata": {"image/png": {"alt": HOSTILE}}, "data": {"image/png": packs.PIXEL + HOSTILE}}]),
            packs.cell(
                "check", tags=["check", HOSTILE], state="check failed",
                check={"passed": False, "expected": HOSTILE, "found": HOSTILE + "x"},
            ),
        ],
        prose=f"# {HOSTILE}\n\n[l](javascript:alert(1)) <https://e.org> ![i](https://e.org/x.png)",
        parameters={"name": HOSTILE},
        values={
            "data_name": HOSTILE, "data_version": HOSTILE, "data_rows": 1, "data_sha256": HOSTILE,
            "model_name": HOSTILE, "model_version": HOSTILE, "model_sha256": HOSTILE,
            "job_name": HOSTILE, "metrics": {HOSTILE: 0.5},
            "comparison": {**packs.comparison(), "champion": {"version": HOSTILE}, "metrics": [packs.metric(HOSTILE, 0.9, 0.8, 0.1)], "slices": [{"slice": HOSTILE, "rows": 3, "metrics": {HOSTILE: 0.4}, "champion_metrics": None}]},
            "importance": [{"feature": HOSTILE, "mean": 0.1, "std": 0.1}],
            "package_list": {HOSTILE: HOSTILE},
            "gate": {**packs.make_gate(), "criteria_commit": HOSTILE},
        },
    )  # fmt: skip
    pack.decide("rejected", HOSTILE, HOSTILE, HOSTILE)
    pack.outcome((HOSTILE, "Failed"))
    build_pack(pack.folder)
    return pack.folder


def test_foreign_content_neither_runs_nor_fetches(hostile):
    pages = sorted(hostile.rglob("*.html"))
    assert {page.name for page in pages} == {"index.html", "01_prepare.html", "model-card.html"}
    for path in pages:
        html = Page(path).html
        assert not html.find_all(["script", "iframe", "object", "embed", "base", "form", "video"])
        policy = html.find("meta", {"http-equiv": "Content-Security-Policy"})["content"]
        assert policy.startswith("default-src 'none'")
        for element in html.find_all():
            wrong = [name for name in element.attrs if name.startswith("on") or name == "srcset"]
            assert not wrong, element
            for name in ("src", "href", "xlink:href", "action", "data"):
                if name not in element.attrs:
                    continue
                where = urlsplit(element[name])
                if element.name == "a" and element.find_parent(class_="prose"):
                    assert where.scheme in ("http", "https"), (
                        element
                    )  # the reader decides to follow it
                    continue
                assert where.scheme in ("", "data"), element
                assert not where.netloc, element
        styles = "".join(each.get_text() for each in html.find_all("style"))
        assert "url(" not in styles


def test_foreign_content_is_shown_unchanged(hostile):
    index = Page(hostile / "index.html").html.get_text()
    assert index.count("<script>alert(1)</script>") > 10
    notebook = Page(hostile / "html" / "01_prepare.html")
    assert "kept" in words(notebook.html.find(id="html"))
    assert notebook.html.find(id="markdown").strong.get_text() == "kept"


@pytest.mark.parametrize("name", NAMES)
def test_a_pack_that_is_built_again_is_the_same(tmp_path, name):
    make = getattr(packs, name)
    folder = make(tmp_path)
    build_pack(folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    build_pack(folder)
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert after == before


def test_a_page_stays_small(tmp_path):
    """Notebooks with very long logs, and with twenty images."""
    import base64
    import random

    noise = base64.b64encode(random.Random(0).randbytes(60_000)).decode()
    pack = packs.Pack(tmp_path)
    pictures = [{"output_type": "display_data", "metadata": {}, "data": {"image/png": noise}}] * 20
    pack.prepare()
    pack.train()
    long = {"output_type": "stream", "name": "stdout", "text": "a line of a log\n" * 200_000}
    pack.runbook(
        "03_register", [packs.cell("log", outputs=[long]), packs.cell("show", outputs=pictures)]
    )
    build_pack(pack.folder)
    assert (pack.folder / "index.html").stat().st_size < MIB
    assert (pack.folder / "html" / "03_register.html").stat().st_size < 2 * MIB
    text = (pack.folder / "html" / "03_register.html").read_text(encoding="utf-8")
    assert re.search(r"\n… [0-9]+ [^\n]+ …\n", text)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_pack_is_small(english, name):
    built = english[name]
    sizes = {path: path.stat().st_size for path in built.folder.rglob("*") if path.is_file()}
    assert sizes[built.folder / "index.html"] < MIB
    assert sum(sizes.values()) < 5 * MIB


def test_prose_links_to_the_web_only(tmp_path):
    pack = packs.Pack(tmp_path)
    links = (
        "[web](https://e.org) [file](../docs/x.md) [here](#x) ![a chart](plot.png) [![b](c.png)](d)"
    )
    pack.runbook("01_prepare", [packs.cell("x")], prose=f"# A title\n\n{links}")
    build_pack(pack.folder)
    prose = Page(pack.folder / "html" / "01_prepare.html").html.find(id="title")
    assert [(words(a), a["href"]) for a in prose.find_all("a")] == [("web", "https://e.org")]
    assert words(prose) == "A title web file here a chart b"
    assert prose.h2.get_text() == "A title"
    assert prose.img is None


def test_injected_parameters_are_a_table(english):
    page = english["full"].page("html/01_prepare.html")
    section = page.html.find(id="injected")
    rows = {words(row.th): words(row.td) for row in section.select("tbody tr")}
    assert rows == {"model_name": "diabetes-classifier", "online": "1"}
    assert section.find("pre") is None


def test_a_parameter_links_to_the_runbook_that_published_it(english):
    page = english["full"].page("html/07_test_online.html")
    rows = page.html.find(id="injected").select("tbody tr")
    links = {words(row.th): [a["href"] for a in row.find_all("a")] for row in rows}
    assert links == {"model_version": ["../html/03_register.html#record"], "online": []}


def test_code_is_folded_unless_the_cell_failed(english):
    page = english["crashed"].page("html/02_train.html")
    folded = {
        each["id"]: not each.details.has_attr("open")
        for each in page.html.select("section.cell")
        if each.details
    }
    assert folded == {"wait": False, "test-job-completed": False, "metrics": True}


def test_a_checked_output_is_marked(english):
    good = english["full"].page("html/01_prepare.html").html.find(id="columns")
    assert good["data-check"] == "passed"
    assert good.select_one(".output.checked")
    bad = english["checked"].page("html/01_prepare.html").html.find(id="columns")
    assert bad["data-check"] == "failed"
    assert [each.get_text() for each in bad.select("del, ins")] == ["Age", "<Age>"]


def test_lineage_from_the_commit_to_the_deployment(english, tmp_path):
    """The notebook and the module written from it are in the pack, with their digests."""
    folder = tmp_path / english["full"].folder.name
    shutil.copytree(english["full"].folder, folder)
    digests = {}
    for name in ("notebooks/train.ipynb", "exported/train/main.py"):
        path = folder / "code" / name
        path.parent.mkdir(parents=True)
        path.write_text(f"{name}: as it was")
        digests[name] = files.sha256(path)
    build_pack(folder)
    page = Page(folder / "index.html")
    kinds = [each.small.get_text() for each in page.html.select(".chain li")]
    assert kinds == [
        "Commit", "Notebook", "Module", "Data", "Training job", "Model", "Batch deployment",
        "Online deployment",
    ]  # fmt: skip
    for name, digest in digests.items():
        assert digest in page.section("lineage")
        assert page.html.select(f'.chain a[href="code/{name}"]')
        assert f"{name}, sha256 {digest}" in (folder / "model-card.md").read_text()

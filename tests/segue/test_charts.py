"""A chart is a PNG, the same for the same figures, whole or not there, and a value that is no number is a dash in it."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from segue import charts
from segue.errors import SegueError
from segue.panels import Bar, Bars, Line, Lines

ROWS = [Bar("ours", 0.2, 0.18, 0.22, ours=True), Bar("other", 0.1, 0.09, 0.11)]
PAGE = [
    Bars("NDCG", "more is better", ROWS),
    Bars("novelty", "bits", ROWS, from_zero=False, mark=0.15),
    Lines(
        "passes", "pass", "NDCG", [Line("valid", [1, 2], [0.1, 0.2], [0.0, 0.1], [0.2, 0.3], ours=True), Line("x", [1], [0.1])]
    ),
]


def test_the_page_is_a_png_and_the_same_figures_are_the_same_bytes(tmp_path: Path) -> None:
    first, again = (charts.draw_page(tmp_path / name, "Title", PAGE, note="note") for name in ("a.png", "b.png"))
    assert first.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert first.read_bytes() == again.read_bytes()
    assert first.read_bytes() != charts.page_bytes("Another title", PAGE, note="note")


def test_the_settings_of_the_reader_change_nothing_and_stay_as_they_were() -> None:
    import matplotlib

    expected = charts.page_bytes("Title", PAGE[:1])
    with matplotlib.rc_context({"font.size": 20.0}):
        assert charts.page_bytes("Title", PAGE[:1]) == expected
        assert matplotlib.rcParams["font.size"] == 20.0


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_a_value_that_is_no_number_is_a_dash(value: float | None) -> None:
    rows = [Bar("ours", value, value, value)]
    assert charts._written(rows[0], Bars("", "", rows)) == "–"
    assert charts.page_bytes("Title", [Bars("", "unit", rows), Bars("", "unit", [])]).startswith(b"\x89PNG")


def test_a_run_that_dies_halfway_leaves_the_old_picture_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = charts.draw_page(tmp_path / "a.png", "Title", PAGE)
    before = path.read_bytes()
    monkeypatch.setattr(Path, "write_bytes", lambda self, content: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        charts.draw_page(path, "Another", PAGE)
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]
    assert path.read_bytes() == before


@pytest.mark.parametrize(("name", "panels"), [("a.html", PAGE), ("a.png", [])])
def test_another_ending_or_nothing_to_draw_is_one_sentence(tmp_path: Path, name: str, panels: list[charts.Panel]) -> None:
    with pytest.raises(SegueError, match=r"a path that ends in \.png and at least one panel"):
        charts.draw_page(tmp_path / name, "Title", panels)
    assert not list(tmp_path.iterdir())


def test_lines_that_every_panel_has_are_named_once_and_others_in_their_panel() -> None:
    same = [Lines("a", "week", "share", [Line("ours", [1, 2], [1, 2]), Line("x", [1, 2], [2, 1])])] * 2
    page = charts._page("Title", same, "")
    assert [text.get_text() for text in page.legends[0].get_texts()] == ["ours", "x"]
    assert [axes.get_legend() for axes in page.axes] == [None, None]
    mixed = charts._page("Title", [*same, PAGE[2]], "")
    assert not mixed.legends
    assert all(axes.get_legend() for axes in mixed.axes[:3])

"""The page and the subject: true to the report, safe with any text, and made of nothing from outside."""

from __future__ import annotations

import re

from monitored_home import summary_of

from monitoring.findings import Finding, State, Verdict, as_rows
from monitoring.letter import text
from monitoring.page import page
from monitoring.summary import MAX_SUBJECT


def test_the_page_says_the_verdict_and_names_what_moved_first() -> None:
    html = page(summary_of(Verdict.DRIFT), links={})
    assert "Drift" in html
    assert "A retraining is asked for." in html
    assert html.index("plays 7d") < html.index("tempo")


def test_drift_that_asks_for_nothing_is_not_painted_as_if_it_did() -> None:
    asks = page(summary_of(Verdict.DRIFT), links={})
    waits = page(summary_of(Verdict.DRIFT).model_copy(update={"retrain": False}), links={})
    assert banner(asks) == banner_colour_of_moved(asks)
    assert banner(waits) != banner_colour_of_moved(waits)
    assert "nothing to do until a later day says so too" in waits
    assert "nothing to do" not in asks


def banner(html: str) -> str:
    return re.findall(r"padding:22px 28px;background:(#\w+)", html)[0]


def banner_colour_of_moved(html: str) -> str:
    return re.findall(r"color:(#\w+)[^>]*>moved<", html)[0]


def test_what_is_still_filling_is_told_once_with_its_reason() -> None:
    says = {"plays_30d": "looks back", "plays_7d": "looks back a week", "users_30d": "looks back"}
    filling = [Finding("features", name, State.FILLING, 31.0, 20.0, says=reason) for name, reason in says.items()]
    summary = summary_of(Verdict.OK)
    summary = summary.model_copy(update={"findings": [*summary.findings, *as_rows(filling)]})
    assert "Still filling and not compared: plays_30d, users_30d (looks back)." in page(summary, links={})
    assert "Still filling and not compared, as each looks back: plays_30d, users_30d." in text(summary)
    assert "Still filling and not compared: plays_7d (looks back a week)." in page(summary, links={})
    assert "Still filling and not compared, as each looks back a week: plays_7d." in text(summary)
    assert "Not compared" not in page(summary, links={}) + text(summary)


def test_a_sentence_of_the_letter_keeps_to_its_width_however_much_it_names() -> None:
    filling = [Finding("features", f"feature_number_{n}_30d", State.FILLING, 1.0, 1.0, says="looks back") for n in range(40)]
    summary = summary_of(Verdict.OK).model_copy(update={"findings": as_rows(filling), "left_out": [f.name for f in filling]})
    sentences = text(summary).partition("Not compared")[2]
    assert sentences.count("feature_number_") == 80
    assert max(map(len, sentences.splitlines())) <= 120


def test_the_page_of_a_quiet_day_asks_for_nothing() -> None:
    html = page(summary_of(Verdict.OK), links={})
    assert "asked for" not in html
    assert "plays 7d" not in html


def test_text_from_outside_cannot_become_markup() -> None:
    nasty = Finding("features", "<script>alert(1)</script>", State.ALARM, "<b>now</b>", says='"><img src=x>')
    summary = summary_of(Verdict.ALARM).model_copy(update={"findings": as_rows([nasty]), "reason": "<i>why</i>"})
    html = page(summary, links={"<a>": 'x" onclick="y'})
    for bad in ("<script", "<b>now", "<img", "<i>why", 'onclick="y'):
        assert bad not in html


def test_the_page_loads_nothing() -> None:
    html = page(summary_of(Verdict.DRIFT), links={})
    assert re.findall(r"<script|<link|<img|@import|url\(|https?://", html) == []


def test_features_left_out_are_listed() -> None:
    left = Finding("features", "energy", State.NOTE, says="null in the reference and now: left out")
    summary = summary_of(Verdict.OK)
    summary = summary.model_copy(update={"findings": [*summary.findings, *as_rows([left])], "left_out": ["energy"]})
    assert "Not compared: energy (null in the reference and now: left out)." in page(summary, links={})
    assert "Not compared: energy." in text(summary)


def test_a_long_reason_is_cut_and_the_day_stays() -> None:
    summary = summary_of(Verdict.ALARM).model_copy(update={"reason": "word " * 100 + "\nBcc: someone"})
    assert len(summary.subject) <= MAX_SUBJECT
    assert summary.subject.endswith("…, as of 2026-11-15")
    assert "\n" not in summary.subject

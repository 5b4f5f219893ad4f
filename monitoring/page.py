"""The report for people as one small page without scripts, images or outside resources: `summary.html`, and the e-mail's
HTML part. Mail programs know tables and inline styles and little else, so it uses nothing else."""

from __future__ import annotations

from html import escape
from typing import Any

from monitoring.findings import GROUPS, Verdict, by_reason
from monitoring.summary import Summary, shown

_FONT = "font-family:-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"
_COLOUR = {"ok": "#1b7f4d", "drift": "#b45f06", "moved": "#b45f06", "alarm": "#b3261e", "note": "#6b7280"}
_TINT = {"ok": "#e8f5ee", "drift": "#fdf1e3", "moved": "#fdf1e3", "alarm": "#fdecea", "note": "#f3f4f6"}
_SAYS = {
    Verdict.OK: "Listening looks like what the live release was trained on.",
    Verdict.DRIFT: "Listening moved away from what the live release was trained on.",
    Verdict.ALARM: "Something is broken or missing. Look before you retrain.",
}
_NOTHING_YET = "The live release was made on these days: nothing to do until a later day says so too."
_TITLES = {
    "integrity": "Integrity",
    "parity": "Parity of the feature store",
    "listening": "Listening",
    "features": "Features at the listens, beside the training sample",
    "scores": "Scores",
    "embeddings": "Track vectors",
    "answers": "Answers",
}
_WIDTHS = (9, 27, 14, 14, 36)
_WIDTHS_MEASURED = (9, 27, 12, 12, 22, 18)
"""Per cent of the page for each column, the same in every group so that they line up."""
_CELL = "padding:7px 10px;border-bottom:1px solid #e5e7eb;vertical-align:top"


def page(summary: Summary, *, links: dict[str, str]) -> str:
    """The page of `summary`, with `links` (label to address) at its foot."""
    groups = "".join(_group(summary, group) for group in GROUPS)
    body = _banner(summary) + _facts(summary) + groups + _surfaces(summary) + _foot(links)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(summary.subject)}</title>'
        '<meta name="viewport" content="width=device-width"></head>'
        f'<body style="margin:0;background:#f3f4f6;color:#1f2937;{_FONT};font-size:14px;line-height:1.45">'
        '<table role="presentation" width="100%" cellspacing="0" cellpadding="0">'
        '<tr><td align="center" style="padding:24px 8px">'
        '<table role="presentation" width="820" cellspacing="0" cellpadding="0" style="max-width:820px;background:#ffffff;'
        f'border:1px solid #e5e7eb">{body}</table></td></tr></table></body></html>\n'
    )


def _row(content: str, style: str = "padding:8px 28px") -> str:
    return f'<tr><td style="{style}">{content}</td></tr>'


def _banner(summary: Summary) -> str:
    waits = summary.verdict is Verdict.DRIFT and not summary.retrain
    colour = _COLOUR["note" if waits else summary.verdict]
    asks = _NOTHING_YET if waits else "A retraining is asked for." if summary.retrain else ""
    word = escape(summary.verdict.capitalize())
    return _row(
        f'<div style="font-size:12px;letter-spacing:.08em;text-transform:uppercase">Segue, as of {summary.as_of}</div>'
        f'<div style="font-size:30px;font-weight:700;line-height:1.2;padding:4px 0">{word}</div>'
        f'<div style="font-size:15px">{escape(_SAYS[summary.verdict])} {asks}</div>'
        f'<div style="font-size:14px;padding-top:6px">{escape(summary.reason[:1].upper() + summary.reason[1:])}.</div>',
        f"padding:22px 28px;background:{colour};color:#ffffff",
    )


def _facts(summary: Summary) -> str:
    release = f"{summary.release} (as of {summary.release_as_of})" if summary.release else "none"
    facts = {
        "Live release": release,
        "Last week": summary.recent,
        "Training window": summary.training or "none",
        "Listens sampled": f"{summary.sampled_now:,} of the last week, {summary.sampled_before:,} of the release's reference",
    }
    cells = "".join(
        f'<tr><td style="color:#6b7280;padding:2px 18px 2px 0">{escape(k)}</td><td>{escape(v)}</td></tr>'
        for k, v in facts.items()
    )
    return _row(f'<table role="presentation" cellspacing="0" cellpadding="0">{cells}</table>', "padding:18px 28px 4px")


def _group(summary: Summary, group: str) -> str:
    found = summary.of_group(group)
    told_below = ("note", "filling") if group in ("features", "scores") else ()
    compared = [f for f in found if f["distance"] is not None or f["state"] not in told_below]
    left_out = [f for f in found if f not in compared]
    if not found:
        return ""
    measured = any(f["distance"] is not None for f in compared)
    rows = "".join(_finding(f, measured=measured) for f in compared)
    heads = ("", "Check", "Now", "Before", *(("Distance / limit",) if measured else ()), "")
    table = _table(heads, rows, _WIDTHS_MEASURED if measured else _WIDTHS) if compared else ""
    return _row(_heading(_TITLES[group]) + table + _left_out(left_out))


def _table(heads: tuple[str, ...], rows: str, widths: tuple[int, ...]) -> str:
    style = f"{_CELL};text-align:left;color:#6b7280;font-weight:600;font-size:12px"
    cells = "".join(f'<th width="{w}%" style="{style}">{escape(head)}</th>' for head, w in zip(heads, widths, strict=True))
    return (
        f'<table width="100%" cellspacing="0" cellpadding="0" style="border-collapse:collapse"><tr>{cells}</tr>{rows}</table>'
    )


def _heading(text: str) -> str:
    return f'<h2 style="font-size:16px;margin:18px 0 6px">{escape(text)}</h2>'


def _finding(finding: dict[str, Any], *, measured: bool) -> str:
    cells = [
        f'<td style="{_CELL}">{_badge(finding["state"])}</td>',
        f'<td style="{_CELL};font-weight:600">{escape(str(finding["name"]).replace("_", " "))}</td>',
        f'<td style="{_CELL};white-space:nowrap">{escape(shown(finding, "now"))}</td>',
        f'<td style="{_CELL};white-space:nowrap">{escape(shown(finding, "before"))}</td>',
    ]
    if measured:
        cells.append(f'<td style="{_CELL}">{_bar(finding)}</td>')
    cells.append(f'<td style="{_CELL};color:#4b5563">{escape(finding["says"])}</td>')
    return f"<tr>{''.join(cells)}</tr>"


def _badge(state: str) -> str:
    colours = f"background:{_TINT[state]};color:{_COLOUR[state]}"
    style = f"{colours};font-size:12px;font-weight:600;padding:2px 8px"
    return f'<span style="{style};border-radius:9px">{state}</span>'


def _bar(finding: dict[str, Any]) -> str:
    """Distance as a share of its limit: a full bar is at the limit, the number beside it is exact."""
    distance, limit = finding["distance"], finding["limit"]
    if distance is None or not limit:
        return ""
    filled = max(1, min(100, round(100 * distance / limit)))
    rest = f'<td style="background:#e5e7eb;height:8px;width:{100 - filled}%"></td>' if filled < 100 else ""
    bar = (
        '<table role="presentation" width="90" cellspacing="0" cellpadding="0"><tr>'
        f'<td style="background:{_COLOUR[finding["state"]]};height:8px;width:{filled}%"></td>{rest}</tr></table>'
    )
    number = f'<td style="padding-left:8px;white-space:nowrap;font-size:12px">{distance:.3f} / {limit:.3f}</td>'
    return f'<table role="presentation" cellspacing="0" cellpadding="0"><tr><td>{bar}</td>{number}</tr></table>'


def _left_out(found: list[dict[str, Any]]) -> str:
    """What was not compared, once per reason."""
    told = {"note": "Not compared", "filling": "Still filling and not compared"}
    lines = [f"{told[state]}: {', '.join(names)} ({reason})" for (state, reason), names in by_reason(found).items()]
    return "".join(f'<p style="color:#6b7280;font-size:13px;margin:8px 0 0">{escape(line)}.</p>' for line in lines)


def _surfaces(summary: Summary) -> str:
    if not summary.surfaces:
        return ""
    heads = ("Surface", "Answers", "Fallbacks", "Empty", "Length", "p50", "p99", "Tracks shown")
    rows = ""
    for s in summary.surfaces:
        cells = (
            *(s.surface, f"{s.answers:,}", f"{s.fallbacks:.1%}", f"{s.empty:.1%}", f"{s.mean_length:.1f}"),
            *(f"{s.p50_ms:.2f} ms", f"{s.p99_ms:.2f} ms", f"{s.tracks:,}"),
        )
        rows += "<tr>" + "".join(f'<td style="{_CELL}">{escape(cell)}</td>' for cell in cells) + "</tr>"
    return _row(_heading("Answers by surface") + _table(heads, rows, (16, *(12,) * 7)))


def _foot(links: dict[str, str]) -> str:
    lines = "".join(
        f'<div>{escape(k)}: <a href="{escape(v)}" style="color:#1d4ed8">{escape(v)}</a></div>' for k, v in links.items()
    )
    return _row(lines, "padding:18px 28px 24px;font-size:13px;color:#6b7280")

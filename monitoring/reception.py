"""What became of the answers: the share of shown tracks that the same listener then played or saved."""

from __future__ import annotations

from collections.abc import Sequence

from monitoring.answers import Answers
from monitoring.findings import Finding, State, note
from monitoring.listening import Window, heard_pairs
from segue.dates import days_of_week
from segue.predictions import Prediction
from segue.pseudonyms import pseudonym


def check(answers: Answers, recent: Window) -> list[Finding]:
    """Weekly playlists shown in `recent`: tracks played, and saved, while the playlist was shown.

    A week without listens so far (the playlist was only just made) is not yet known, and no finding against it.
    """
    shown = [a for a in answers.read if a.week and a.user and days_of_week(a.week)[0] <= recent.last]
    shown = [a for a in shown if a.week and days_of_week(a.week)[1] >= recent.first]
    pairs = {(a.user, t.track_id) for a in shown for t in a.tracks}
    if not pairs:
        return [note("answers", "shown tracks played", "no weekly playlist was on show in these days yet")]
    played, saved = _heard(shown, recent)
    says = f"of {len(pairs)} tracks in weekly playlists on show from {recent}"
    return [
        Finding("answers", "shown tracks played", State.NOTE, len(pairs & played) / len(pairs), says=says, unit="share"),
        Finding("answers", "shown tracks saved", State.NOTE, len(pairs & saved) / len(pairs), says=says, unit="share"),
    ]


def _heard(shown: Sequence[Prediction], recent: Window) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """Pairs (pseudonym, track) played and saved from the first day a shown playlist was on show."""
    first = max(recent.first, min(days_of_week(a.week)[0] for a in shown if a.week))
    played: set[tuple[str, str]] = set()
    saved: set[tuple[str, str]] = set()
    names: dict[str, str] = {}
    for user, track, kept in heard_pairs(Window(first, recent.last)):
        pair = (names.setdefault(user, pseudonym(user)), track)
        played.add(pair)
        if kept:
            saved.add(pair)
    return played, saved

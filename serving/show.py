"""`segue playlist`: one user's stored playlist as a table, with reasons; on demand also what was removed and by which rule.

The list is the stored one. Its candidates are asked of the funnel again, and so is a list with another dial: both go by what
the policy knows of the listener now, and say so where that is newer than the week. What is told of a rule about the list is
true of the one that is shown.
"""

from __future__ import annotations

from datetime import date
from textwrap import wrap
from typing import Any

from segue.dates import as_of_for_week, days_of_week, start_of
from segue.errors import SegueError
from segue.features import materialised_through, online_rows, playlist_row
from segue.names import CandidateSource, Service
from segue.playlists import PLAYLIST_LENGTH, audit_path, read_visible_week
from segue.release import read_json
from segue.requests import RemovedTrack
from segue.settings import get_settings
from segue.stage import Outcome, table
from segue.stored_weeks import last_complete, stored_weeks
from serving.absent import out_of_chart
from serving.answers import chart_fallback, labels, removed_of
from serving.batch import week_rows
from serving.catalogue import NO_TRACK, Catalogue
from serving.funnel import Funnel
from serving.gold_catalogue import load_catalogue
from serving.model import load_model
from serving.people import listeners_of, model_columns, week_columns, with_days
from serving.reasons import in_words

MOST_OF_A_RULE = 6
"""Removed tracks shown of each rule: nearly all are heard already, and would leave no room for the others."""

WIDTH = 120
"""Columns that a line of words keeps to."""


def run(*, user: str, week: date | None, explain: bool, adventurousness: float | None = None) -> Outcome:
    """Show the playlist of `user`; with `adventurousness` the one they would get with their dial there, which is not stored.

    Raises:
        SegueError: no week is visible, the week was never made or is deleted by now, the user has no playlist in it, or the
            dial does not go so far.
    """
    shown, release, key = _which(week)
    stored = playlist_row(user, key)
    if stored is None:
        raise SegueError(
            expected=f"a user with a playlist in the week of {shown}",
            received=f"user {user}, who has none",
            mend="check the id; new users get a playlist with the next week",
        )
    catalogue = load_catalogue(as_of_for_week(shown))
    if adventurousness is not None:
        stored = _made_at(catalogue, user, shown, release, adventurousness) or stored
    fallback = None
    if _popular(stored):
        fallback = chart_fallback(catalogue, catalogue.account(user)[0])
    tracks = _tracks(catalogue, stored)
    removed = _removed(catalogue, user, shown, release, stored, adventurousness) if explain else None
    summary = {"user": user, "week": shown, "release": release, "fallback": fallback, "tracks": tracks}
    if removed is not None:
        summary["removed"] = [track.model_dump() for track in removed]
    asked_again = explain or adventurousness is not None
    if asked_again:
        summary["told_through"] = materialised_through()
    head = f"Week of {shown}, release {release}" + (f", fallback {fallback}" if fallback else "")
    newer = _newer(shown, materialised_through()) if asked_again else []
    return Outcome(summary, "\n".join([head, "", _table(tracks), *_removed_table(removed), *newer]))


def _newer(week: date, through: date | None) -> list[str]:
    """Where the features have gone on since a week was made, that what is asked again goes by them."""
    made_from = as_of_for_week(week)
    if through is None or through <= made_from:
        return []
    return ["", f"Told by what is known through {through}; the stored list was made by what was known through {made_from}."]


def _made_at(catalogue: Catalogue, user: str, week: date, release: str, dial: float) -> dict[str, Any] | None:
    """The playlist of the week made again with the dial of this user there; None where theirs is not personal."""
    if not 0 <= dial <= 1:
        raise SegueError(expected="--adventurousness from 0 to 1", received=str(dial), mend="choose a number between")
    funnel = Funnel(load_model(release), catalogue)
    row = next(rows[0] for rows in week_rows(funnel, [user], week, adventurousness=dial))
    return row if row["dial"] is not None else None


def _which(week: date | None) -> tuple[date, str, str]:
    """The week, the release its playlists were made by, and the key they lie under."""
    visible = read_visible_week()
    if visible is not None and week in (None, visible.week):
        return visible.week, visible.release, visible.key
    stored = last_complete(stored_weeks()).get(week) if week is not None else None
    if week is not None and stored is not None:
        return week, stored.release, stored.key
    audit = read_json(audit_path(week)) if week is not None else None
    if audit is None or not audit["passed"]:  # one that failed lies there in homes of an earlier version
        raise SegueError(
            expected=f"playlists of the week of {week}" if week else "a visible week",
            received="none",
            mend=f"run `segue playlists --week {week or 'D'}`",
        )
    raise SegueError(
        expected=f"a week whose playlists are kept: the newest {get_settings().playlist_weeks_kept} are",
        received=f"the week of {week}, whose playlists were deleted",
        mend=f"keep more weeks by SEGUE_PLAYLIST_WEEKS_KEPT, or make it again: `segue playlists --week {week}`",
    )


def _tracks(catalogue: Catalogue, stored: dict[str, Any]) -> list[dict[str, Any]]:
    columns = ("track_ids", "scores", "sources", "reasons")
    tracks = []
    for rank, (track, score, source, reason) in enumerate(zip(*(stored[c] for c in columns), strict=True), start=1):
        row = catalogue.row(track)
        named = labels(catalogue, row) if row != NO_TRACK else {"track_id": track, "title": None, "artist_name": None}
        words = in_words(catalogue, row, reason)
        tracks.append({"rank": rank, **named, "score": round(float(score), 6), "source": source, "reason": words})
    return tracks


def _table(tracks: list[dict[str, Any]]) -> str:
    rows = [
        [t["rank"], t["title"] or t["track_id"], t["artist_name"] or t.get("artist_id"), t["score"], t["source"], t["reason"]]
        for t in tracks
    ]
    return table(["#", "track", "artist", "score", "source", "reason"], rows)


def _removed(
    catalogue: Catalogue, user: str, week: date, release: str, stored: dict[str, Any], dial: float | None
) -> list[RemovedTrack]:
    """What of the candidates of this listener, of a fallback what of the chart, the rules and the list kept out of it."""
    policy, listed = online_rows(Service.POLICY, [user]), catalogue.rows(stored["track_ids"])
    funnel = Funnel(load_model(release), catalogue)
    days = days_of_week(week)
    listeners = listeners_of(catalogue, [user], policy, days=days, discovery=True, adventurousness=dial)
    listeners = with_days(catalogue, listeners, start_of(week))
    if _popular(stored):
        return out_of_chart(funnel, listeners, PLAYLIST_LENGTH, listed)
    removed = funnel.removed(listeners, model_columns([user], week_columns([user], week)), PLAYLIST_LENGTH, listed)
    return removed_of(funnel, listeners, removed, listed)


def _popular(stored: dict[str, Any]) -> bool:
    return all(source == CandidateSource.POPULAR for source in stored["sources"])


def _removed_table(removed: list[RemovedTrack] | None) -> list[str]:
    if removed is None:
        return []
    if not removed:
        return ["", "Nothing was removed: no rule stood against any candidate."]
    by_rule: dict[str, list[RemovedTrack]] = {}
    for one in removed:
        by_rule.setdefault(one.rule, []).append(one)
    rows = [
        [r.title or r.track_id, r.artist_name or r.artist_id, r.rule, r.reason]
        for of in by_rule.values()
        for r in of[:MOST_OF_A_RULE]
    ]
    more = [f"{len(of) - MOST_OF_A_RULE} more by {rule}" for rule, of in by_rule.items() if len(of) > MOST_OF_A_RULE]
    tail = wrap(f"... and {', '.join(more)}; `--json` has them all", WIDTH, subsequent_indent="    ") if more else []
    head = f"Removed from the candidates: {len(removed)}, the best of each rule first"
    return ["", head, "", table(["track", "artist", "rule", "reason"], rows), *tail]

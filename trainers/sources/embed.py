"""`segue embed`: snapshots of track vectors, so that training finds what was known of a track at the time of each example.

A snapshot is made for the as-of day, and, where there is none within a week, for the days before it, oldest first: each begins
at the vectors of the one before. The days at which a training as of this day cuts its history always have one, so that an
evaluation uses what the cutoff knew. A snapshot that is there stays as it is, but for tracks that came out since.
A day whose window nobody listened in gets none: a log may have gaps of months.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from segue.dates import end_of, split_at
from segue.errors import NotBegunError
from segue.home import get_home
from segue.lock import locked
from segue.settings import get_settings
from segue.stage import Outcome, Progress, table
from trainers.gold import label_files, read_tracks
from trainers.sources import track_vectors
from trainers.sources.audio import AudioConfig, find_clips
from trainers.sources.ears import Ears
from trainers.sources.listening import Listening, ahead, liked, plays
from trainers.sources.track2vec import Track2VecConfig
from trainers.sources.track_vectors import Snapshot

if TYPE_CHECKING:
    import pandas as pd

EVERY = timedelta(days=7)
COMPLETED_FOR = timedelta(days=28)
"""A snapshot gets rows of the tracks that come out so long after it."""


def run(*, as_of: date, config: Track2VecConfig | None = None, hearing: AudioConfig | None = None) -> Outcome:
    """Make the snapshots that `as_of` needs and lacks. A clip that cannot be read is counted, and its track goes without.

    Raises:
        SegueError: nobody listened on that day, or another run is at work.
    """
    progress, config = Progress("embed"), config or Track2VecConfig()
    listened = _listening_days(as_of)
    with locked(get_home().tmp / "embed.lock", what="`segue embed`"):
        tracks = _catalogue(as_of)
        ears = Ears(find_clips(list(tracks["track_id"])), hearing or AudioConfig(), get_settings().seed)
        there = [day for day in track_vectors.days() if day <= as_of]
        days = not_silent(wanted(listened[0], as_of, there, get_settings().holdout_days), listened, config.window_days)
        made = []
        for day, said in zip(days, ahead(days, there, config, seed=get_settings().seed), strict=True):
            with progress.step(f"snapshot {day}"):
                made.append(_make(day, said(), tracks, ears))
        completed = sum(_complete(day, tracks, config, ears) for day in there if as_of - day <= COMPLETED_FOR)
    clips = {"clips": len(ears.clips), "clips_refused": len(ears.refused)}
    summary = {"as_of": as_of.isoformat(), "snapshots": made, "completed": completed, **clips, "seconds": progress.seconds}
    return Outcome(summary, _told(made, completed, ears))


def wanted(first: date, as_of: date, there: list[date], holdout_days: int) -> list[date]:
    """The days to make, oldest first, for a log that begins on `first` and snapshots that are `there`.

    What is about to be made counts as there, so that a run that ended early is continued and not planned anew.
    """
    split = split_at(as_of, holdout_days)
    cuts = {(instant - timedelta(days=1)).date() for instant in (split.rank_from, split.cutoff, split.end)}
    weekly = {as_of - n * EVERY for n in range((as_of - first) // EVERY + 1)}
    lacking = {day for day in weekly if not any(day - EVERY < other <= day for other in (*there, *cuts))}
    return sorted(day for day in cuts | lacking if day > first and day not in there)


def not_silent(days: list[date], listened: list[date], window_days: int) -> list[date]:
    """Those of `days` with listening in the `window_days` that end with them."""
    window = timedelta(days=window_days)
    return [day for day in days if any(day - window < other <= day for other in listened)]


def _listening_days(as_of: date) -> list[date]:
    """The days up to `as_of` that have listens, oldest first."""
    files = label_files(None, end_of(as_of))
    days = [date.fromisoformat(file.parent.name.removeprefix("day=")) for file in files]
    if days[-1] != as_of:
        raise NotBegunError(
            expected=f"listens on {as_of}",
            received=f"none after {days[-1]}",
            mend=f"run `segue embed --as-of {days[-1]}`, or `segue features --as-of {as_of}` first",
        )
    return days


def _catalogue(as_of: date) -> pd.DataFrame:
    import pandas as pd

    tracks = read_tracks()
    return tracks[~(tracks["first_seen_at"] >= pd.Timestamp(end_of(as_of)))]


def _make(day: date, said: Listening, tracks: pd.DataFrame, ears: Ears) -> dict[str, Any]:
    """Write the snapshot of `day` with what listening said by then; how many tracks have which vector."""
    before = max((other for other in track_vectors.days() if other < day), default=None)
    learned = ears.learn(day, said.played)
    known = track_vectors.read(before, "audio_vector") if before and not learned else {}
    heard = known | ears.guess(day, set(tracks["track_id"]) - known.keys())
    track_vectors.write(Snapshot(day, said.played, heard, said.plays), tracks)
    return {"day": day.isoformat(), "tracks": len(tracks), "track2vec": len(said.played), "audio": len(heard)}


def _complete(day: date, tracks: pd.DataFrame, config: Track2VecConfig, ears: Ears) -> int:
    """Add the tracks that came out since to the snapshot of `day`; how many."""
    known = track_vectors.read_ids(day)
    lacking = set(tracks["track_id"]) - known
    if lacking:
        played, heard = track_vectors.read(day, "track2vec"), ears.guess(day, lacking)
        snapshot = Snapshot(day, played, heard, plays(liked(day, config)))
        track_vectors.write(snapshot, tracks, name=f"with-{len(tracks)}", known=known)
    return len(lacking)


def _told(made: list[dict[str, Any]], completed: int, ears: Ears) -> str:
    rows = [list(snapshot.values()) for snapshot in made]
    lines = [table(["snapshot", "tracks", "track2vec", "audio"], rows)] if rows else ["every snapshot was there"]
    if completed:
        lines.append(f"{completed} rows of new tracks added to older snapshots")
    if ears.refused:
        lines.append(f"{len(ears.refused)} clips passed over, the first: {next(iter(ears.refused.values()))}")
    return "\n".join(lines)

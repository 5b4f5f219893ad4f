"""The audit of a week's playlists: every rule checked again in SQL over the gold tables, by none of the funnel's code.

It reads the staged playlists as they will be stored. What it counts are broken promises, each with one example.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from segue.dates import as_of_for_week, days_of_week
from segue.home import get_home
from segue.names import Table
from segue.playlists import PLAYLIST_LENGTH
from segue.policy import HABIT_ABOVE, HABIT_TRACKS, PolicySettings
from serving.tracks.gold import snapshot_days
from serving.weekly.exposure import Exposure, exposure, merit_of, missing_to_floor

if TYPE_CHECKING:
    import duckdb

CHECKS: dict[str, str] = {
    "everyone has a playlist": """
        select user_id, null as track_id from known_users anti join staged using (user_id)""",
    "only known users": "select user_id, null from staged anti join accounts using (user_id)",
    "one playlist per user": "select user_id, null from staged group by user_id having count(*) > 1",
    "a full list": """
        select user_id, min(track_id) from could_be_added group by user_id
        union all select user_id, null from staged where len(track_ids) > (select wanted from period)""",
    "a score, source and reason per track": """
        select user_id, null from staged
        where len(scores) <> len(track_ids) or len(sources) <> len(track_ids) or len(reasons) <> len(track_ids)""",
    "no duplicate": "select user_id, track_id from picks group by all having count(*) > 1",
    "only tracks of the catalogue": "select user_id, track_id from picks anti join tracks using (track_id)",
    "already heard": "select user_id, track_id from picks join heard using (user_id, track_id)",
    "disliked": "select user_id, track_id from picks join disliked using (user_id, track_id)",
    "disliked artist": """
        select user_id, track_id from picks join tracks using (track_id) join disliked_artists using (user_id, artist_id)""",
    "licence": """
        select user_id, track_id from picks join tracks using (track_id) join accounts using (user_id)
        where not everywhere and not exists (
            from playable p where p.track_id = picks.track_id and p.territory = accounts.territory)""",
    "explicit": """
        select user_id, track_id from picks join tracks using (track_id) join accounts using (user_id)
        where explicit and not explicit_allowed""",
    "one per version family": """
        select user_id, min(track_id) from picks join tracks using (track_id)
        where version_family is not null group by user_id, version_family having count(*) > 1""",
    "no more per artist than the release allows": """
        select user_id, min(track_id) from picks join tracks using (track_id)
        where artist_id is not null group by user_id, artist_id having count(*) > (select artist_cap from period)""",
    "less popular than the listener's habit": """
        select user_id, arg_max(track_id, log_plays) from picks join popularity using (track_id) join habits using (user_id)
        group by user_id, habit having avg(log_plays) >= habit""",
}
"""Promise to the query that finds what breaks it: (user_id, track_id)."""

FLOOR_FOR_SMALL_ARTISTS = "small artists have their floor"

_VIEWS = """
create view picks as select user_id, unnest(track_ids) as track_id from staged;
create view accounts as
    select user_id, territory, coalesce(explicit_allowed, true) as explicit_allowed, first_seen_at from gold_users;
create view known_users as
    select user_id from accounts where first_seen_at is null or first_seen_at < (select first_day from period);
create view heard as select user_id, unnest(heard_tracks) as track_id from gold_user_history;
create view disliked as select user_id, unnest(disliked_tracks) as track_id from gold_user_history;
create view disliked_artists as select user_id, unnest(disliked_artists) as artist_id from gold_user_history;
create table popularity as
    select track_id, ln(1 + coalesce(plays_30d, 0)) as log_plays from gold_tracks left join plays using (track_id);
create table habits as
    with lately as (select user_id, unnest(heard_tracks[1:heard_60d]) as track_id from gold_user_history)
    select user_id, avg(log_plays) as habit from lately join popularity using (track_id)
    where log_plays > 0 and (select ceiling from period) group by user_id
    having count(*) >= (select habit_tracks from period)
        and avg(log_plays) > (select median(log_plays) from popularity where log_plays > 0)
            + 1.5 * (select habit_above from period);
create view tracks as select track_id, artist_id, version_family, coalesce(explicit, false) as explicit,
        coalesce(licensed_everywhere, track_id not in (select track_id from gold_licences)) as everywhere
    from gold_tracks;
create table playable as
    with days as (select unnest(generate_series(first_day, last_day, interval 1 day))::date as day from period)
    select track_id, territory from gold_licences join days
        on coalesce(valid_from, date '1900-01-01') <= day and coalesce(valid_to, date '2200-01-01') > day
    group by all having count(distinct day) = (select count(*) from days);
"""

_COULD_BE_ADDED = """
create table could_be_added as
with short as (
    from staged join accounts using (user_id)
    select user_id, accounts.territory, explicit_allowed where len(track_ids) < (select wanted from period)
), listed as (
    select user_id, track_id, artist_id, version_family, log_plays
    from picks join short using (user_id) join tracks using (track_id) join popularity using (track_id)
), affordable as (
    select user_id, (count(log_plays) + 1) * (habit - 0.002) - coalesce(sum(log_plays), 0) as room
    from short join habits using (user_id) left join listed using (user_id) group by user_id, habit
), full_artists as (
    select user_id, artist_id from listed where artist_id is not null group by all
    having count(*) >= (select artist_cap from period)
)
select short.user_id, tracks.track_id
from short cross join tracks join popularity using (track_id) left join affordable using (user_id)
where log_plays <= coalesce(room, log_plays)
    and (everywhere or exists (from playable p where p.track_id = tracks.track_id and p.territory = short.territory))
    and (explicit_allowed or not explicit)
    and not exists (from heard h where h.user_id = short.user_id and h.track_id = tracks.track_id)
    and not exists (from disliked d where d.user_id = short.user_id and d.track_id = tracks.track_id)
    and not exists (from disliked_artists d where d.user_id = short.user_id and d.artist_id = tracks.artist_id)
    and not exists (from listed l where l.user_id = short.user_id
        and (l.track_id = tracks.track_id or l.version_family = tracks.version_family))
    and not exists (from full_artists f where f.user_id = short.user_id and f.artist_id = tracks.artist_id)
"""
"""For users with a short list: every track that would have been allowed in it."""


@dataclass(frozen=True)
class Broken:
    """A promise that does not hold, how often, and one place where."""

    promise: str
    count: int
    user_id: str
    track_id: str | None


@dataclass(frozen=True)
class Audited:
    """What is wrong with a week, and whom it puts before listeners; what the merit beside it is counted in."""

    broken: list[Broken]
    exposure: list[Exposure]
    merit_of: str


def audit(staged: Path, week: date, policy: PolicySettings) -> Audited:
    """Look through the playlists in `staged`, a Parquet file with `user_id` and their lists; `broken` is empty when nothing is
    wrong. `policy` is the release's."""
    import duckdb

    connection = duckdb.connect()
    try:
        _prepare(connection, staged, week, policy)
        found = [_check(connection, promise, query) for promise, query in CHECKS.items()]
        seen, merit = exposure(connection, week), merit_of(connection)
    finally:
        connection.close()
    if missing := missing_to_floor(seen, policy.small_artists):
        found.append(Broken(FLOOR_FOR_SMALL_ARTISTS, missing, "", None))
    return Audited([broken for broken in found if broken is not None], seen, merit)


def _prepare(connection: duckdb.DuckDBPyConnection, staged: Path, week: date, policy: PolicySettings) -> None:
    connection.execute("set timezone = 'UTC'; set enable_progress_bar = false")
    connection.read_parquet(str(staged)).create_view("staged")
    for table in (Table.USERS, Table.USER_HISTORY, Table.LICENCES, Table.TRACKS):
        connection.read_parquet(str(get_home().table(table) / "data.parquet")).create_view(f"gold_{table}")
    first, last = days_of_week(week)
    connection.execute(
        """create table period as select ?::date as first_day, ?::date as last_day, ? as wanted, ? as artist_cap,
            ? as ceiling, ? as habit_tracks, ? as habit_above""",
        [first, last, PLAYLIST_LENGTH, policy.artist_cap, policy.popularity_ceiling, HABIT_TRACKS, HABIT_ABOVE],
    )
    _plays(connection, week)
    connection.execute(_VIEWS)
    connection.execute(_COULD_BE_ADDED)


def _plays(connection: duckdb.DuckDBPyConnection, week: date) -> None:
    """Plays in 30 days of each track, `plays`, as known before the week; none where there is no snapshot."""
    known = [day for day in snapshot_days(Table.TRACK_FEATURES) if day <= as_of_for_week(week)]
    if not known:
        connection.execute(
            """create view plays as select null::varchar as track_id, null::bigint as plays_30d,
                null::double as complete_rate_30d where false"""
        )
        return
    path = get_home().table(Table.TRACK_FEATURES) / f"day={known[-1]}" / "data.parquet"
    connection.read_parquet(str(path)).create_view("plays")


def _check(connection: duckdb.DuckDBPyConnection, promise: str, query: str) -> Broken | None:
    rows = connection.execute(query).fetchall()
    return Broken(promise, len(rows), *min(rows, key=repr)) if rows else None

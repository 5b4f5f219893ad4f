"""Whom a week's playlists put before listeners: places by the size of the artist, by the type of their label and by territory,
beside what they earn.

The merit of an artist is what listeners made of what they did play: the plays heard to the end in the last thirty days (the
merit of Singh and Joachims 2018, "Fairness of exposure in rankings", with completed plays for relevance). Where nobody knows
how far a track was heard it is taken to be heard as the others are, and where that is known of none, plays are the merit.
Artists are large, middle or small by where the plays of all artists, the most played first, reach half and nine tenths; who is
played as much as another is of the same size. Reads what the audit prepared; see `audit.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from math import ceil
from typing import TYPE_CHECKING, Any

from segue.dates import as_of_for_week
from segue.home import get_home
from segue.names import Table
from segue.policy import SMALL_BEYOND
from serving.tracks.gold import snapshot_days

if TYPE_CHECKING:
    import duckdb

SIZE, LABEL_TYPE = "size", "label_type"
SMALL, UNKNOWN = "small", "unknown"
EVERYWHERE = "everywhere"
COMPLETED_PLAYS, PLAYS = "completed plays", "plays"
_HALF = 0.5

_SIZES = """
create table sizes as
with artists as (
    select coalesce(gold_tracks.artist_id, gold_tracks.track_id) as artist, coalesce(sum(plays_30d), 0) as played
    from gold_tracks left join plays using (track_id) group by all
), reached as (
    select artist, played,
        (sum(played) over (order by played desc range unbounded preceding) - played) / nullif(sum(played) over (), 0) as before
    from artists
)
select artist,
    case when played = 0 or before >= ? then 'small' when before >= ? then 'middle' else 'large' end as size
from reached
"""

_LABELS = "create view labels as select track_id, label_type from gold_tracks"
_NO_LABELS = "create view labels as select track_id, null::varchar as label_type from gold_tracks"
"""Of gold that was made before there were any."""

_OWNERS = """
create table owners as
with usual as (
    select coalesce(sum(complete_rate_30d * plays_30d) / nullif(sum(plays_30d) filter (complete_rate_30d is not null), 0), 1)
        as completes
    from plays
), tracks as (
    select track_id, size, coalesce(nullif(labels.label_type, ''), ?) as label_type,
        coalesce(complete_rate_30d, usual.completes) as completes, coalesce(plays_30d, 0) as plays_30d
    from usual cross join gold_tracks join labels using (track_id) left join plays using (track_id)
    join sizes on sizes.artist = coalesce(gold_tracks.artist_id, gold_tracks.track_id)
)
unpivot tracks on size, label_type into name kind value part
"""
"""Every track once for each kind of part it belongs to."""

_EXPOSURE = """
with given as (
    select coalesce(territory, ?) as territory, kind, part, count(*) as places
    from picks join accounts using (user_id) join owners using (track_id) group by all
), earned as (
    select territory, kind, part, sum(territory_plays_30d * completes) as merit
    from local_plays join owners using (track_id) group by all
    union all select ?, kind, part, sum(plays_30d * completes) from owners group by all
), counted as (
    select * from given union all select ?, kind, part, sum(places) from given group by all
), shares as (
    select territory, kind, part, coalesce(places, 0) as places, coalesce(merit, 0) as merit
    from counted full join earned using (territory, kind, part)
)
select territory, kind, part, places::bigint,
    places / nullif(sum(places) over (partition by territory, kind), 0) as exposure,
    merit / nullif(sum(merit) over (partition by territory, kind), 0) as merit
from shares order by kind desc, territory, part
"""


@dataclass(frozen=True)
class Exposure:
    """Places of one part of the artists, of a `size` or with a `label_type`, on the lists of one territory: how many, their
    share, and the share they earn there; None where nothing was given or nothing played."""

    territory: str
    kind: str
    part: str
    places: int
    exposure: float | None
    merit: float | None


def exposure(connection: duckdb.DuckDBPyConnection, week: date) -> list[Exposure]:
    """Every territory and part, and everywhere together; `connection` holds the audit's views."""
    _local_plays(connection, week)
    connection.execute(_SIZES, [SMALL_BEYOND, _HALF])
    connection.execute(_LABELS if LABEL_TYPE in connection.table("gold_tracks").columns else _NO_LABELS)
    connection.execute(_OWNERS, [UNKNOWN])
    rows: list[Any] = connection.execute(_EXPOSURE, [UNKNOWN, EVERYWHERE, EVERYWHERE]).fetchall()
    return [Exposure(*row) for row in rows]


def merit_of(connection: duckdb.DuckDBPyConnection) -> str:
    """What merit is counted in."""
    known = "select 1 from plays where plays_30d > 0 and complete_rate_30d is not null limit 1"
    return COMPLETED_PLAYS if connection.execute(known).fetchall() else PLAYS


def missing_to_floor(found: list[Exposure], floor: float) -> int:
    """How many more of a week's places would have to be small artists' for the share `floor` of them."""
    everywhere = [one for one in found if one.territory == EVERYWHERE and one.kind == SIZE]
    wanted = ceil(floor * sum(one.places for one in everywhere) - 1e-9)
    return max(0, wanted - sum(one.places for one in everywhere if one.part == SMALL))


def _local_plays(connection: duckdb.DuckDBPyConnection, week: date) -> None:
    known = [day for day in snapshot_days(Table.TRACK_TERRITORY_FEATURES) if day <= as_of_for_week(week)]
    if not known:
        connection.execute(
            """create view local_plays as
                select null::varchar as track_id, null::varchar as territory, 0 as territory_plays_30d where false"""
        )
        return
    path = get_home().table(Table.TRACK_TERRITORY_FEATURES) / f"day={known[-1]}" / "data.parquet"
    connection.read_parquet(str(path)).create_view("local_plays")

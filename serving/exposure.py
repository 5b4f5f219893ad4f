"""Whom a week's playlists put before listeners: places by the size of the artist, by the type of their label and by territory,
beside what they earn.

The merit of an artist is what listeners made of what they did play: the plays heard to the end in the last thirty days (the
merit of Singh and Joachims 2018, "Fairness of exposure in rankings", with completed plays for relevance). Artists are large,
middle or small by where the plays of all artists, the most played first, reach half and nine tenths. Reads what the audit
prepared; see `audit.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from segue.dates import as_of_for_week
from segue.home import get_home
from segue.names import Table
from serving.gold import snapshot_days

if TYPE_CHECKING:
    import duckdb

SIZE, LABEL_TYPE = "size", "label_type"
SMALL, UNKNOWN = "small", "unknown"
EVERYWHERE = "everywhere"
_HALF, _NEARLY_ALL = 0.5, 0.9

_SIZES = """
create table sizes as
with artists as (
    select coalesce(gold_tracks.artist_id, gold_tracks.track_id) as artist, coalesce(sum(plays_30d), 0) as played
    from gold_tracks left join plays using (track_id) group by all
), reached as (
    select artist, played,
        (sum(played) over (order by played desc, artist) - played) / nullif(sum(played) over (), 0) as before
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
with tracks as (
    select track_id, size, coalesce(nullif(labels.label_type, ''), ?) as label_type,
        coalesce(complete_rate_30d, 0) as completes, coalesce(plays_30d, 0) as plays_30d
    from gold_tracks join labels using (track_id) left join plays using (track_id)
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
    connection.execute(_SIZES, [_NEARLY_ALL, _HALF])
    connection.execute(_LABELS if LABEL_TYPE in connection.table("gold_tracks").columns else _NO_LABELS)
    connection.execute(_OWNERS, [UNKNOWN])
    rows: list[Any] = connection.execute(_EXPOSURE, [UNKNOWN, EVERYWHERE, EVERYWHERE]).fetchall()
    return [Exposure(*row) for row in rows]


def below_floor(found: list[Exposure], floor: float) -> bool:
    """Whether small artists have fewer of a week's places than `floor` times what they earn."""
    of_small = [one for one in found if one.territory == EVERYWHERE and one.part == SMALL and one.kind == SIZE]
    return any((one.exposure or 0.0) < floor * (one.merit or 0.0) for one in of_small)


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

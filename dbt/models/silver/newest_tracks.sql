{{ config(materialized='view') }}

-- A row with a value that cannot be read is still the newest of its track: the one before it may permit what this one ends.
with landed_rows as (
    select * from {{ ref('stg_events_tracks') }} where track_id <> ''
),

first_arrivals as (
    select track_id, min(arrival_day) as first_arrival_day from landed_rows group by track_id
),

ranked as (
    select
        *,
        row_number() over (
            partition by track_id
            order by
                {{ nulls_last('arrival_day desc, landed_file desc, title, artist_id, genre, tempo, energy, duration_ms, explicit,
                               release_date, version_family, version_kind, label_type') }}
        ) as newest_first
    from landed_rows
)

select
    ranked.track_id, title, artist_id, artist_name, album_id, genre, tempo, energy, duration_ms, explicit, release_date,
    version_family, version_kind, label_type, licences, first_arrival_day
from ranked
inner join first_arrivals on ranked.track_id = first_arrivals.track_id
where newest_first = 1

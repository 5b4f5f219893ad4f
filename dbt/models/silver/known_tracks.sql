with catalogue as (
    select * from {{ ref('catalogue') }}
),

listened as (
    select track_id, min(occurred_at) as first_listened_at from {{ ref('listens') }} group by track_id
),

named_by_listens as (
    select
        track_id,
        {{ first_by('artist_id', '(occurred_at, listen_id)') }} as artist_id,
        {{ first_by('artist_name', '(occurred_at, listen_id)') }} as artist_name,
        {{ first_by('title', '(occurred_at, listen_id)') }} as title
    from {{ ref('listens') }}
    where artist_id is not null or title is not null
    group by track_id
),

listened_tracks as (
    select listened.*, artist_id, artist_name, title
    from listened
    left join named_by_listens on listened.track_id = named_by_listens.track_id
)

select
    coalesce(catalogue.track_id, listened_tracks.track_id) as track_id,
    coalesce(catalogue.title, listened_tracks.title) as title,
    coalesce(catalogue.artist_id, listened_tracks.artist_id) as artist_id,
    coalesce(catalogue.artist_name, listened_tracks.artist_name) as artist_name,
    album_id, genre, tempo, energy, duration_ms, explicit, release_date, version_family, version_kind,
    label_type,
    catalogue.track_id is null or licences is null as licensed_everywhere,
    first_arrival_day, first_listened_at,
    {{ track_begins('release_date', 'first_arrival_day', 'cast(first_listened_at as date)') }} as first_day
from catalogue
full join listened_tracks on catalogue.track_id = listened_tracks.track_id

{{ config(materialized='incremental', incremental_strategy='replace_files') }}

{% set columns = {'user_id': 'varchar', 'user_name': 'varchar', 'listened_at': 'bigint', 'timestamp': 'bigint', 'track_metadata': 'varchar'} %}
{% set metadata = {'artist_name': 'varchar', 'track_name': 'varchar', 'additional_info': 'varchar', 'mbid_mapping': 'varchar'} %}
{% set ids = {'recording_mbid': 'varchar', 'recording_msid': 'varchar'} %}

with landed as (
    select * from {{ ref('landed_files') }} where source = 'listenbrainz' and kind = 'events'
),

lines as (
    {{ lines_and_unreadable('listenbrainz', 'jsonl') }}
),

listens as (
    select line, path, problem, {{ json_fields('line', columns) }} as listen from lines
),

described as (
    select *, {{ json_fields('listen.track_metadata', metadata) }} as track from listens
),

identified as (
    select
        *,
        {{ json_fields('track.additional_info', ids) }} as submitted,
        {{ json_fields('track.mbid_mapping', ids) }} as mapped,
        {{ try_to('bigint', 'coalesce(listen.listened_at, listen.timestamp)') }} as seconds
    from described
),

plays as (
    select
        coalesce(listen.user_id, listen.user_name) as user_id,
        coalesce(
            mapped.recording_mbid, submitted.recording_mbid, submitted.recording_msid,
            case when track.artist_name <> '' and track.track_name <> ''
                then {{ id_of_names(['track.artist_name', 'track.track_name']) }} end
        ) as track_id,
        {{ from_seconds('seconds') }} as occurred_at,
        case when track.artist_name <> '' then {{ id_of_names(['track.artist_name']) }} end as artist_id,
        track.artist_name as artist_name,
        track.track_name as title,
        coalesce(problem, case
            when listen is null then 'malformed_json'
            when coalesce(listen.listened_at, listen.timestamp) is not null and {{ from_seconds('seconds') }} is null
                then 'unparsable_time'
        end) as problem,
        line as row_text,
        path
    from identified
)

select {{ plays_only('listenbrainz') }}
from plays
inner join landed on plays.path = landed.path

{{ config(materialized='incremental', incremental_strategy='replace_days') }}

{% set columns = ['event_id', 'event_type', 'user_id', 'track_id', 'occurred_at', 'received_at', 'ms_played', 'device',
                  'territory', 'surface', 'playlist_id', 'artist_id', 'artist_name', 'title'] %}
{% set of_a_track = ['track_id', 'title', 'artist_id', 'artist_name', 'album_id', 'release_date'] %}
{% set of_an_account = ['user_id', 'territory', 'signup_date'] %}

with checked as (
    select source, landed_file, event_id, event_type, coalesce(row_text, {{ as_json(columns, times=['occurred_at', 'received_at']) }}) as row_text, reason, arrival_day as day
    from {{ ref('checked_events') }}
    where arrival_day >= {{ first_day() }} and (reason is not null or event_type = 'dislike_artist')
),

events as (
    select source, landed_file, row_text, reason, day from checked where reason is not null
),

-- Found after the checks, which run before anyone knows whose a track is.
artist_unknown as (
    select source, landed_file, row_text, 'missing_artist' as reason, checked.day
    from checked
    left join {{ ref('artist_dislikes') }} as understood on checked.event_id = understood.event_id
    where reason is null and understood.event_id is null
),

catalogue_rows as (
    select source, landed_file, coalesce(row_text, {{ as_json(of_a_track, times=[]) }}) as row_text, problem as reason,
        arrival_day as day
    from {{ ref('stg_events_tracks') }}
    where problem is not null and arrival_day >= {{ first_day() }}
),

account_rows as (
    select source, landed_file, coalesce(row_text, {{ as_json(of_an_account, times=[]) }}) as row_text, problem as reason,
        arrival_day as day
    from {{ ref('stg_events_users') }}
    where problem is not null and arrival_day >= {{ first_day() }}
)

select * from events
union all
select * from artist_unknown
union all
select * from catalogue_rows
union all
select * from account_rows

{{ config(materialized='incremental', incremental_strategy='replace_days') }}

with catalogue as (
    select track_id, duration_ms from {{ ref('catalogue') }}
),

plays as (
    select
        event_id as listen_id, source, user_id, plays.track_id, artist_id, artist_name, title, occurred_at, ms_played,
        duration_ms, device, territory, surface, playlist_id, day, null::timestamp as session_began
    from {{ ref('checked_events') }} as plays
    left join catalogue on plays.track_id = catalogue.track_id
    where event_type = 'play' and reason is null and day >= {{ first_day() }}
),

{% if is_incremental() %}
-- A session may have begun before the first changed day: a play lasts a day at most, so two days back is far enough.
recent as (
    select *, row_number() over (partition by user_id order by occurred_at desc, listen_id desc) as newest_first
    from {{ this }}
    where day < {{ first_day() }} and day >= {{ later(first_day(), -2) }}
),

seeds as (
    select
        listen_id, source, user_id, track_id, artist_id, artist_name, title, occurred_at, ms_played, duration_ms, device,
        territory, surface, playlist_id, day, session_started_at as session_began
    from recent
    where newest_first = 1
),
{% endif %}

in_order as (
    select * from plays
    {% if is_incremental() %}
    union all
    select * from seeds
    {% endif %}
),

gaps as (
    select
        *,
        lag(occurred_at + {{ milliseconds('coalesce(ms_played, 0)') }}) over (
            partition by user_id order by occurred_at, listen_id
        ) as last_ended_at
    from in_order
),

sessions as (
    select
        *,
        max(case
            when session_began is not null then session_began
            when last_ended_at is null or occurred_at > last_ended_at + interval 30 minute then occurred_at
        end) over (partition by user_id order by occurred_at, listen_id rows unbounded preceding) as session_started_at
    from gaps
)

select
    listen_id, source, user_id, track_id, artist_id, artist_name, title, occurred_at, ms_played, duration_ms, device,
    territory, surface, playlist_id, {{ outcome('ms_played', 'duration_ms') }} as outcome,
    session_started_at, user_id || '-' || {{ microseconds('session_started_at') }}::{{ text() }} as session_id, day
from sessions
where session_began is null

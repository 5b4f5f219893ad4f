{{ config(materialized='incremental', incremental_strategy='replace_days') }}

with track_days as (
    select distinct user_id, track_id, day from {{ ref('listens') }}
    where day >= {{ later(first_day(), -2 * judged_days() + 2) }}
),

-- Accounts are counted by the day, not plays: nobody makes a chart alone.
audiences as (
    select track_id, day, sum(count(*)) over {{ over_judged_days('track_id') }} as listeners
    from track_days
    group by track_id, day
),

-- Tracks of as many listeners are all in, or all out.
ranked as (
    select
        track_id, day, count(*) over (partition by day order by listeners desc) as place,
        count(*) over (partition by day) as tracks
    from audiences
),

charted as (
    select track_id, day from ranked where place <= greatest(1, least(300, tracks / 10))
),

days as (
    select
        track_days.user_id, track_days.day, count(*) as tracks,
        count(case when charted.track_id is null then 1 end) as own_tracks
    from track_days
    left join charted on track_days.track_id = charted.track_id and track_days.day = charted.day
    group by track_days.user_id, track_days.day
),

windows as (
    select
        user_id, day,
        sum(tracks) over {{ over_judged_days('user_id') }} as tracks,
        sum(own_tracks) over {{ over_judged_days('user_id') }} as own_tracks
    from days
)

select
    user_id, day, tracks::bigint as tracks, own_tracks::bigint as own_tracks,
    own_tracks <= tracks / 4 as faceless
from windows
where day >= {{ first_day() }}

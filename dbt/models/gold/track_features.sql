{{ config(materialized='incremental', incremental_strategy='replace_days') }}

{% set so_far = "over (partition by days.track_id order by days.day rows unbounded preceding)" %}

with days as (
    select track_id, artist_id, genre, tempo, energy, duration_ms, explicit, release_date, first_day, day
    from {{ ref('known_tracks') }}
    inner join {{ ref('calendar') }} on day >= first_day
),

windows as (
    select
        days.*,
        coalesce({{ whole('sum(plays_7d) ' ~ so_far) }}, 0) as plays_7d,
        coalesce({{ whole('sum(plays) ' ~ so_far) }}, 0) as plays_30d,
        coalesce({{ whole('sum(users) ' ~ so_far) }}, 0) as users_30d,
        sum(judged) {{ so_far }} as judged_30d,
        sum(completes) {{ so_far }} as completes_30d,
        sum(early_skips) {{ so_far }} as early_skips_30d,
        sum(savable) {{ so_far }} as savable_30d,
        sum(saves) {{ so_far }} as saves_30d
    from days
    left join {{ ref('track_steps') }} as steps on days.track_id = steps.track_id and days.day = steps.day
)

select
    track_id, {{ instant(later('day', 1)) }} as event_timestamp,
    artist_id, genre, tempo, energy, duration_ms / 1000 as duration_s, explicit,
    {{ days_between('least(coalesce(release_date, first_day), first_day)', 'day') }} as age_days,
    plays_7d, plays_30d, users_30d,
    completes_30d / nullif(judged_30d, 0) as complete_rate_30d,
    early_skips_30d / nullif(judged_30d, 0) as early_skip_rate_30d,
    saves_30d / nullif(savable_30d, 0) as save_rate_30d,
    day
from windows
where day >= {{ first_day() }}

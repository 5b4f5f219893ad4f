{{ config(materialized='incremental', incremental_strategy='replace_days') }}

{% set so_far = "over (partition by track_id, territory order by day rows unbounded preceding)" %}

with doubted as (
    {{ doubted_days() }}
),

-- Counted in thousandths: a listen counts as far as its account is trusted.
listener_days as (
    select
        track_id, coalesce(territory, 'ZZ') as territory, user_id, day, coalesce(thousandths, 1000) as trust,
        found_on, sum(coalesce(thousandths, 1000)) as plays
    from {{ ref('listens') }}
    left join doubted using (user_id, day)
    where day >= {{ later(first_day(), -30) }} and coalesce(thousandths, 1000) > 0
    group by all
),

listener_spans as (
    select
        track_id, territory, day, plays, trust, {{ until(later('day', 30), 'found_on') }} as counted_until,
        least(
            {{ until(later('day', 30), 'found_on') }},
            lead(day) over (partition by track_id, territory, user_id order by day)
        ) as until
    from listener_days
),

steps as (
    select track_id, territory, day, plays, trust as users from listener_spans
    union all
    select track_id, territory, counted_until, -plays, 0 from listener_spans
    union all
    select track_id, territory, until, 0, -trust from listener_spans
),

-- Every pair takes its last step when its window has emptied: the closing row.
step_days as (
    select
        track_id, territory, day, sum(plays) as plays, sum(users) as users
    from steps
    where day <= {{ as_of() }}
    group by track_id, territory, day
),

running as (
    select
        track_id, territory, day,
        sum(plays) {{ so_far }} as plays,
        sum(users) {{ so_far }} as users,
        lead(day) over (partition by track_id, territory order by day) as next_day
    from step_days
),

spans as (
    select
        *,
        {{ not_before_first_day('day') }} as from_day,
        case when plays = 0 then day else coalesce({{ later('next_day', -1) }}, {{ as_of() }}) end as last_day
    from running
),

days as (
    select
        track_id, territory, {{ whole('plays') }} as plays, {{ whole('users') }} as users,
        {{ each_day('from_day', 'last_day') }} as day
    from spans
)

select
    track_id, territory, {{ instant(later('day', 1)) }} as event_timestamp,
    plays as territory_plays_30d,
    users as territory_users_30d,
    case when plays > 0 then row_number() over (
        partition by territory, day order by plays desc, users desc, track_id
    ) end as territory_rank,
    day
from days

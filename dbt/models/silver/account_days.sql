{{ config(materialized='incremental', incremental_strategy='replace_days') }}

-- A play counts for whoever is paid from 30 seconds on: a farm in a hurry leaves just after (`cuts`).
with track_days as (
    select
        user_id, track_id, day, count(*) as plays, count(outcome) as judged,
        count(case when outcome in ('early_skip', 'late_skip') then 1 end) as skips
    from {{ ref('listens') }}
    where day >= {{ later(first_day(), -2 * judged_days() + 2) }}
    group by user_id, track_id, day
),

-- Most pairs of account and track are never played so often: only the others go through the windows below.
often as (
    select user_id, track_id from track_days group by user_id, track_id having sum(plays) >= {{ repeat_from() }}
),

running as (
    select *, sum(plays) over {{ over_judged_days('user_id, track_id') }} as so_far from track_days
    inner join often using (user_id, track_id)
),

repeats as (select * from running where so_far >= {{ repeat_from() }}),

repeaters as (
    select distinct track_id, day, {{ distinct_over('user_id', over_judged_days('track_id')) }} as accounts from repeats
),

all_plays as (
    select track_id, day, sum(plays) as plays from track_days
    where track_id in (select track_id from repeats) group by track_id, day
),

repeated_plays as (select track_id, day, sum(plays) as repeated from repeats group by track_id, day),

-- Pushed: three accounts or more play it again and again, and most of its plays are theirs.
pushed as (
    select track_id, day
    from (
        select
            track_id, day,
            sum(plays) over {{ over_judged_days('track_id') }} as plays,
            sum(coalesce(repeated, 0)) over {{ over_judged_days('track_id') }} as repeated
        from all_plays
        left join repeated_plays using (track_id, day)
    ) as sums
    inner join repeaters using (track_id, day)
    where accounts >= 3 and 2 * repeated > plays
),

repeated as (
    select
        user_id, day, sum(plays) as repeated_plays, sum(plays * so_far) as repetition, max(so_far) as most_of_one_track,
        sum(judged) as repeats_judged, sum(skips) as repeats_skipped,
        sum(case when pushed.track_id is not null then plays else 0 end) as pushed_plays
    from repeats
    left join pushed using (track_id, day)
    where day >= {{ first_day() }}
    group by user_id, day
),

listened as (
    select
        user_id, day, count(*) as plays, count(ms_played) as judged,
        count(distinct extract(hour from occurred_at)) as hours,
        count(case when ms_played > 30000 and ms_played <= 60000 then 1 end) as cuts
    from {{ ref('listens') }}
    where day >= {{ first_day() }}
    group by user_id, day
)

select
    user_id, day, plays::bigint as plays, judged::bigint as judged, hours::bigint as hours,
    cuts::bigint as cuts, coalesce(repeated_plays, 0)::bigint as repeated_plays, coalesce(repetition, 0)::bigint as repetition,
    coalesce(most_of_one_track, 0)::bigint as most_of_one_track, coalesce(pushed_plays, 0)::bigint as pushed_plays,
    coalesce(repeats_judged, 0)::bigint as repeats_judged, coalesce(repeats_skipped, 0)::bigint as repeats_skipped
from listened
left join repeated using (user_id, day)

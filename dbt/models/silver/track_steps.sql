{% set counts = ['plays', 'judged', 'completes', 'early_skips', 'savable', 'saves'] %}

with listened as (
    select
        track_id, day, count(*) as plays, count(outcome) as judged,
        count(case when outcome = 'complete' then 1 end) as completes,
        count(case when outcome = 'early_skip' then 1 end) as early_skips,
        count(case when {{ reports_saves('source') }} then 1 end) as savable,
        0 as saves
    from {{ ref('listens') }}
    where day >= {{ later(first_day(), -29) }}
    group by track_id, day
),

-- A track may be saved before its first day. The save counts from that day on, and not at all if its window is over then.
saved as (
    select saves.track_id, day, greatest(day, first_day) as begins, count(*) as saves
    from {{ ref('saves') }} as saves
    inner join {{ ref('known_tracks') }} as known on saves.track_id = known.track_id
    where day >= {{ later(first_day(), -29) }} and {{ later('day', 30) }} > first_day
    group by saves.track_id, day, greatest(day, first_day)
),

counted as (
    select track_id, day, day as begins, plays, judged, completes, early_skips, savable, saves from listened
    union all
    select track_id, day, begins, 0, 0, 0, 0, 0, saves from saved
),

listener_days as (
    select distinct track_id, user_id, day from {{ ref('listens') }} where day >= {{ later(first_day(), -29) }}
),

-- A listener counts for 30 days after each listen: spans that do not overlap, because each ends where the next begins.
listener_spans as (
    select
        track_id, day,
        least(
            {{ later('day', 30) }},
            lead(day) over (partition by track_id, user_id order by day)
        ) as until
    from listener_days
),

steps as (
    select track_id, {{ not_before_first_day('begins') }} as day, {{ counts | join(', ') }}, 0 as plays_7d, 0 as users from counted
    union all
    select track_id, {{ later('day', 30) }}, {% for name in counts %}-{{ name }}, {% endfor %} 0, 0 from counted
    union all
    select track_id, {{ not_before_first_day('day') }}, {{ '0, ' * counts | length }} plays, 0 from counted
    where {{ later('day', 7) }} > {{ first_day() }}
    union all
    select track_id, {{ later('day', 7) }}, {{ '0, ' * counts | length }} -plays, 0 from counted
    where {{ later('day', 7) }} > {{ first_day() }}
    union all
    select track_id, {{ not_before_first_day('day') }}, {{ '0, ' * counts | length }} 0, 1 from listener_spans
    where until > {{ first_day() }}
    union all
    select track_id, until, {{ '0, ' * counts | length }} 0, -1 from listener_spans
    where until > {{ first_day() }}
),

-- A step in a gap of the log is made on the first day after it that has rows.
next_days as (
    select step_days.day, min(calendar.day) as counted_on
    from (select distinct day from steps) as step_days
    inner join {{ ref('calendar') }} as calendar on calendar.day >= step_days.day
    group by step_days.day
)

select
    track_id, counted_on as day,
    {% for name in counts %}sum({{ name }})::bigint as {{ name }}, {% endfor %}
    sum(plays_7d)::bigint as plays_7d,
    sum(users)::bigint as users
from (
    select steps.*, counted_on from steps inner join next_days on steps.day = next_days.day
) as placed
group by track_id, counted_on

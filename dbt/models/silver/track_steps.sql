{% set counts = ['plays', 'judged', 'completes', 'early_skips', 'savable', 'saves'] %}

with doubted as (
    {{ doubted_days() }}
),

listens as (
    select track_id, user_id, day, outcome, source, coalesce(thousandths, 1000) as thousandths, found_on
    from {{ ref('listens') }}
    left join doubted using (user_id, day)
    where day >= {{ later(first_day(), -29) }}
),

listened as (
    select
        track_id, day, found_on, sum(thousandths) as plays,
        sum(case when outcome is not null then thousandths else 0 end) as judged,
        sum(case when outcome = 'complete' then thousandths else 0 end) as completes,
        sum(case when outcome = 'early_skip' then thousandths else 0 end) as early_skips,
        sum(case when {{ reports_saves('source') }} then thousandths else 0 end) as savable,
        0 as saves
    from listens
    group by track_id, day, found_on
),

-- A track may be saved before its first day. The save counts from that day on, and not at all if its window is over then.
saved as (
    select
        saves.track_id, day, greatest(day, first_day) as begins, found_on,
        sum(coalesce(thousandths, 1000)) as saves
    from {{ ref('saves') }} as saves
    left join doubted using (user_id, day)
    inner join {{ ref('known_tracks') }} as known on saves.track_id = known.track_id
    where day >= {{ later(first_day(), -29) }} and {{ later('day', 30) }} > first_day
    group by saves.track_id, day, greatest(day, first_day), found_on
),

counted as (
    select track_id, day, day as begins, found_on, plays, judged, completes, early_skips, savable, saves from listened
    union all
    select track_id, day, begins, case when found_on is not null then greatest(begins, found_on) end, 0, 0, 0, 0, 0, saves from saved
),

listener_days as (
    select distinct track_id, user_id, day, thousandths, found_on from listens where thousandths > 0
),

-- A listener counts for 30 days after each listen: spans that do not overlap, because each ends where the next begins.
listener_spans as (
    select
        track_id, day, thousandths,
        least(
            {{ until(later('day', 30), 'found_on') }},
            lead(day) over (partition by track_id, user_id order by day)
        ) as until
    from listener_days
),

steps as (
    select track_id, {{ not_before_first_day('begins') }} as day, {{ counts | join(', ') }}, 0 as plays_7d, 0 as users from counted
    union all
    select track_id, {{ not_before_first_day(until(later('day', 30), 'found_on')) }}, {% for name in counts %}-{{ name }}, {% endfor %} 0, 0 from counted
    union all
    select track_id, {{ not_before_first_day('day') }}, {{ '0, ' * counts | length }} plays, 0 from counted
    where {{ later('day', 7) }} > {{ first_day() }}
    union all
    select track_id, {{ not_before_first_day(until(later('day', 7), 'found_on')) }}, {{ '0, ' * counts | length }} -plays, 0 from counted
    where {{ later('day', 7) }} > {{ first_day() }}
    union all
    select track_id, {{ not_before_first_day('day') }}, {{ '0, ' * counts | length }} 0, thousandths from listener_spans
    where until > {{ first_day() }}
    union all
    select track_id, until, {{ '0, ' * counts | length }} 0, -thousandths from listener_spans
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

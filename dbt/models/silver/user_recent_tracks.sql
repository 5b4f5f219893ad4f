with daily as (
    select user_id, track_id, day, max(occurred_at) as last_listened_at
    from {{ ref('listens') }}
    where day >= {{ later(first_day(), -29) }}
    group by user_id, track_id, day
),

numbered as (
    select
        *,
        row_number() over (order by last_listened_at, user_id, track_id) as number,
        lead(day) over (partition by user_id, track_id order by day) as next_day
    from daily
),

users as (
    select user_id, row_number() over (order by user_id)::integer as user_code from daily group by user_id
),

-- On a later day the same track counts from its later listen: each row is seen until then.
spans as (
    select
        user_code, number, greatest(day, {{ first_day() }}) as from_day,
        least(coalesce({{ later('next_day', -1) }}, date '9999-01-01'), {{ later('day', 29) }}, {{ as_of() }}) as last_day
    from numbered
    inner join users on numbered.user_id = users.user_id
),

seen_from as (
    select
        user_code, number, {{ later('from_day', each_number_below(days_between('from_day', 'last_day') ~ ' + 1')) }} as day
    from spans
),

newest as (
    select user_code, day, {{ largest('number', 50) }} as numbers from seen_from group by user_code, day
),

unpacked as (
    select user_code, day, {{ each_element('numbers') }} as number from newest
)

select
    numbered.user_id,
    unpacked.day,
    {{ list_by('track_id', '-numbered.number') }} as recent_tracks
from unpacked
inner join numbered on unpacked.number = numbered.number
group by numbered.user_id, unpacked.day

{% set code_base = 33554432 %}

with daily as (
    select user_id, track_id, day, max(occurred_at) as last_listened_at
    from {{ ref('listens') }}
    where day >= {{ later(first_day(), -29) }}
    group by user_id, track_id, day
),

users as (
    select user_id, row_number() over (order by user_id)::integer as user_code from daily group by user_id
),

tracks as (
    select track_id, row_number() over (order by track_id)::bigint as code from daily group by track_id
),

numbered as (
    select
        user_code, day,
        row_number() over (order by last_listened_at, daily.track_id, daily.user_id) * {{ code_base }} + code as packed,
        lead(day) over (partition by user_code, code order by day) as next_day
    from daily
    inner join users on daily.user_id = users.user_id
    inner join tracks on daily.track_id = tracks.track_id
),

-- On a later day the same track counts from its later listen: each row is seen until then.
spans as (
    select
        user_code, packed, greatest(day, {{ first_day() }}) as from_day,
        least(coalesce({{ later('next_day', -1) }}, date '9999-01-01'), {{ later('day', 29) }}, {{ as_of() }}) as last_day
    from numbered
),

seen_from as (
    select
        user_code, packed, {{ later('from_day', each_number_below(days_between('from_day', 'last_day') ~ ' + 1')) }} as day
    from spans
),

newest as (
    select user_code, day, {{ largest('packed', 50) }} as packed from seen_from group by user_code, day
),

names as (
    select {{ list_by('track_id', 'code') }} as names from tracks
)

select user_id, day, {{ each_of('packed', nth('names', 'x % ' ~ code_base)) }} as recent_tracks
from newest
inner join users on newest.user_code = users.user_code
cross join names

{{ config(in_buckets={'listens': 1000000, 'days': 30}) }}

{% set code_base = 17179869184 %}
{% set kept = 200 %}
{% set outcomes = 3 %}

with daily as (
    select user_id, track_id, day, max(occurred_at) as last_listened_at, max({{ outcome_number('outcome') }}) as best_outcome
    from {{ ref('listens') }}
    where day >= {{ later(first_day(), -29) }} and {{ in_this_bucket('user_id') }}
    group by user_id, track_id, day
),

users as (
    select user_id, {{ user_number('user_id') }} as user_code from daily group by user_id
),

tracks as (
    select track_id, row_number() over (order by track_id)::bigint as code from daily group by track_id
),

numbered as (
    select
        user_code, day,
        ({{ long('row_number() over (partition by user_code order by last_listened_at, track_id)') }} * {{ code_base }} + code)
            * {{ outcomes }} + best_outcome as packed,
        lag(day) over (partition by user_code, code order by day) as previous_day,
        lead(day) over (partition by user_code, code order by day) as next_day
    from daily
    inner join users using (user_id)
    inner join tracks using (track_id)
),

-- Tracks not heard in the 29 days before are all different from one another: after {{ kept }} of them nothing older is shown.
fresh_so_far as (
    select
        user_code, day,
        sum(count(case when previous_day is null or {{ days_between('previous_day', 'day') }} > 29 then 1 end)) over (
            partition by user_code order by day
        ) as fresh
    from numbered
    group by user_code, day
),

full_days as (
    select
        user_code, day,
        min(day) over (
            partition by user_code order by fresh range between {{ kept }} following and unbounded following
        ) as full_day
    from fresh_so_far
),

-- On a later day the same track counts from its later listen: each row is seen until then.
spans as (
    select
        user_code, packed, {{ not_before_first_day('day') }} as from_day,
        least({{ later('next_day', -1) }}, {{ later('full_day', -1) }}, {{ later('day', 29) }}, {{ as_of() }}) as last_day
    from numbered
    inner join full_days using (user_code, day)
),

seen_from as (
    select user_code, packed, {{ each_day('from_day', 'last_day') }} as day from spans
),

newest as (
    select user_code, day, {{ largest('packed', kept) }} as packed from seen_from group by user_code, day
),

names as (
    {{ names_by_code(with_users({'track_names': ['tracks', 'track_id', 'code']})) }}
)

select
    {{ user_named('user_code') }} as user_id, day,
    {{ each_of('packed', nth('track_names', whole_quotient('x', outcomes) ~ ' % ' ~ code_base)) }} as recent_tracks,
    {{ each_of('packed', 'x % ' ~ outcomes) }} as recent_outcomes
from newest
cross join names

-- depends_on: {{ ref('listens') }}, which says how many buckets
{{ config(in_buckets={'listens': 1000000, 'days': 30}) }}

{% set code_base = 1000000000 %}
{% set kept = {'artist': 20, 'genre': 8, 'device': 1} %}
{% set kept_of_kind %}case kind {% for kind, n in kept.items() %}when '{{ kind }}' then {{ n }} {% endfor %}end{% endset %}
{% set of_habit = "over (partition by user_code, kind, code order by day" %}

with daily as (
    select * from {{ ref('user_habit_days') }} where {{ in_this_bucket('user_id') }}
),

-- Small numbers instead of texts: the steps below handle many times the rows.
users as (
    select user_id, {{ user_number('user_id') }} as user_code from daily group by user_id
),

habits as (
    select kind, value, row_number() over (order by kind, value)::integer as code from daily group by kind, value
),

coded as (
    select user_code, day, kind, code, plays
    from daily
    inner join users on daily.user_id = users.user_id
    inner join habits using (kind, value)
),

steps as (
    select user_code, {{ not_before_first_day('day') }} as day, kind, code, plays from coded
    union all
    select user_code, {{ later('day', 30) }}, kind, code, -plays from coded where {{ later('day', 30) }} <= {{ as_of() }}
),

step_days as (
    select user_code, day, kind, code, sum(plays)::bigint as plays from steps group by user_code, day, kind, code
),

running as (
    select
        user_code, day, kind, code,
        sum(plays) {{ of_habit }} rows unbounded preceding)::bigint as plays,
        lead(day) {{ of_habit }}) as next_day
    from step_days
),

spans as (
    select
        user_code, kind, code, plays, day as from_day, coalesce({{ later('next_day', -1) }}, {{ as_of() }}) as last_day
    from running
    where plays > 0
),

windows as (
    select user_code, kind, code, plays, {{ each_day('from_day', 'last_day') }} as day from spans
),

best as (
    select
        user_code, day, kind, sum(plays)::bigint as plays_of_kind, count(*) as values_of_kind,
        -- most played first, equal plays by name
        {{ largest('plays * ' ~ code_base ~ ' - code', kept_of_kind) }} as packed
    from windows
    group by user_code, day, kind
),

names as (
    {{ names_by_code(with_users({'value_names': ['habits', 'value', 'code']})) }}
)

select
    {{ user_named('user_code') }} as user_id, day, kind,
    {{ each_of('packed', nth('value_names', code_base ~ ' - x % ' ~ code_base)) }} as most_played,
    {{ each_of('packed', '((x - x % ' ~ code_base ~ ') / ' ~ code_base ~ ' + 1) / plays_of_kind') }} as shares,
    values_of_kind
from best
cross join names

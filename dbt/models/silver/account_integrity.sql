{{ config(materialized='incremental', incremental_strategy='replace_days') }}

{% set in_window = "over " ~ over_judged_days('user_id') %}
{% set signs = ['around_the_clock', 'too_many_plays', 'one_track', 'narrow_loop', 'leaves_when_it_counts', 'never_skips', 'shared_targets', 'faceless_crowd'] %}

with windows as (
    select
        user_id, day, hours, plays as plays_today,
        sum(plays) {{ in_window }} as plays,
        sum(judged) {{ in_window }} as judged,
        sum(repeats_judged) {{ in_window }} as repeats_judged,
        sum(repeats_skipped) {{ in_window }} as repeats_skipped,
        sum(cuts) {{ in_window }} as cuts,
        (sum(plays) {{ in_window }} - sum(repeated_plays) {{ in_window }} + sum(repetition) {{ in_window }})
        / sum(plays) {{ in_window }} as plays_of_a_track,
        max(most_of_one_track) {{ in_window }} as most_of_one_track,
        sum(pushed_plays) {{ in_window }} as pushed_plays,
        max(crowding) {{ in_window }} as crowding
    from {{ ref('account_days') }}
    left join {{ ref('account_company') }} using (user_id, day)
    where day >= {{ later(first_day(), 1 - judged_days()) }}
),

-- Where doubt begins lies above what listeners do, and a share of few plays says nothing.
doubts as (
    select
        user_id, day,
        case when plays_today >= 60 then {{ doubt('hours', 18, 22) }} else 0.0 end as around_the_clock,
        {{ doubt('plays_today', 250, 400) }} as too_many_plays,
        least({{ doubt('most_of_one_track', 80, 140) }}, {{ doubt('most_of_one_track / plays', 0.4, 0.6) }}) as one_track,
        case when plays >= 100 then {{ doubt('plays_of_a_track', 12, 24) }} else 0.0 end as narrow_loop,
        case when judged >= 40 then {{ doubt('cuts / nullif(judged, 0)', 0.4, 0.7) }} else 0.0 end as leaves_when_it_counts,
        case when repeats_judged >= 80 then least(
            {{ doubt('plays_of_a_track', 4, 4.5) }}, {{ doubt('1 - repeats_skipped / repeats_judged', 0.97, 0.975) }}
        ) else 0.0 end as never_skips,
        case when plays >= 20 then {{ doubt('pushed_plays / plays', 0.3, 0.4) }} else 0.0 end as shared_targets,
        {{ doubt('crowding', 0.9, 0.93) }} as faceless_crowd
    from windows
    where day >= {{ first_day() }}
),

told as (
    select
        user_id, day, {{ rounded('1 - greatest(' ~ signs | join(', ') ~ ')', 3) }} as weight,
        case greatest({{ signs | join(', ') }})
            when 0 then null
            {% for sign in signs -%}
            when {{ sign }} then '{{ sign }}'
            {% endfor -%}
        end as reason
    from doubts
)

select
    told.user_id, told.day, coalesce(overruled.weight, told.weight) as weight,
    case when overruled.user_id is not null then 'overruled' when told.weight < 1 then reason end as reason
from told
left join {{ ref('overruled') }} as overruled on told.user_id = overruled.user_id

{% set last_7 = "over (partition by calendar.user_id order by calendar.day range between interval 6 days preceding and current row)" %}
{% set last_30 = "over (partition by calendar.user_id order by calendar.day range between interval 29 days preceding and current row)" %}

{% set hours %}{% for hour in range(24) %}sum(hour_{{ hour }}) {{ last_30 }}{{ ", " if not loop.last }}{% endfor %}{% endset %}

with tracks as (
    select track_id, cast(round(tempo * 1000) as bigint) as tempo, cast(round(energy * 1000000) as bigint) as energy
    from {{ ref('known_tracks') }}
),

listened as (
    select
        user_id, day, count(*) as plays, count(outcome) as judged,
        count(case when outcome = 'early_skip' then 1 end) as early_skips,
        count(case when {{ reports_saves('source') }} then 1 end) as savable,
        sum(tempo) as tempo, count(tempo) as with_tempo, sum(energy) as energy, count(energy) as with_energy
        {%- for hour in range(24) %},
        count(case when extract(hour from occurred_at) = {{ hour }} then 1 end) as hour_{{ hour }}
        {%- endfor %}
    from {{ ref('listens') }} as listens
    left join tracks on listens.track_id = tracks.track_id
    where day >= {{ later(first_day(), -30) }}
    group by user_id, day
),

saved as (
    select user_id, day, count(*) as saves from {{ ref('saves') }}
    where day >= {{ later(first_day(), -30) }}
    group by user_id, day
),

windows as (
    select
        calendar.user_id, calendar.day, last_listen_day,
        sum(plays) {{ last_7 }} as plays_7d,
        sum(plays) {{ last_30 }} as plays_30d,
        count(plays) {{ last_30 }} as active_days_30d,
        sum(judged) {{ last_7 }} as judged_7d,
        sum(judged) {{ last_30 }} as judged_30d,
        sum(early_skips) {{ last_7 }} as early_skips_7d,
        sum(early_skips) {{ last_30 }} as early_skips_30d,
        sum(savable) {{ last_30 }} as savable_30d,
        sum(saves) {{ last_30 }} as saves_30d,
        sum(tempo) {{ last_30 }} / (1000 * nullif(sum(with_tempo) {{ last_30 }}, 0)) as mean_tempo_30d,
        sum(energy) {{ last_30 }} / (1000000 * nullif(sum(with_energy) {{ last_30 }}, 0)) as mean_energy_30d,
        {{ list_of(hours) }} as hours_30d
    from {{ ref('user_calendar') }} as calendar
    left join listened on calendar.user_id = listened.user_id and calendar.day = listened.day
    left join saved on calendar.user_id = saved.user_id and calendar.day = saved.day
)

select
    user_id, day, last_listen_day,
    coalesce(plays_7d, 0)::bigint as plays_7d,
    coalesce(plays_30d, 0)::bigint as plays_30d,
    active_days_30d::bigint as active_days_30d,
    early_skips_7d / nullif(judged_7d, 0) as early_skip_rate_7d,
    early_skips_30d / nullif(judged_30d, 0) as early_skip_rate_30d,
    coalesce(saves_30d, 0) / nullif(savable_30d, 0) as save_rate_30d,
    mean_tempo_30d, mean_energy_30d,
    {{ each_of('hours_30d', 'coalesce(x, 0) / nullif(plays_30d, 0)') }} as hour_shares
from windows
where day >= {{ first_day() }}

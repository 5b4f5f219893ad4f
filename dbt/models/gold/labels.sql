{{ config(materialized='incremental', incremental_strategy='replace_days') }}

with listens as (
    select * from {{ ref('listens') }} where day >= {{ first_day() }}
),

heard_before as (
    select distinct user_id, track_id from {{ ref('listens') }} where day < {{ first_day() }}
),

saves as (
    select event_id, user_id, track_id, occurred_at from {{ ref('saves') }} where day >= {{ first_day() }}
),

-- A save belongs to the user's last listen of the track, begun up to a day before it.
saved_listens as (
    select distinct listen_id
    from (
        select saves.event_id, {{ last_by('listens.listen_id', '(listens.occurred_at, listens.listen_id)') }} as listen_id
        from saves
        inner join listens
            on saves.user_id = listens.user_id and saves.track_id = listens.track_id
            and listens.occurred_at between saves.occurred_at - interval 1 day and saves.occurred_at
        group by saves.event_id
    ) as last_listens
),

doubted as (
    {{ doubted_days() }}
),

described as (
    select
        listens.*, coalesce(thousandths, 1000) / 1000 as integrity,
        case when {{ reports_saves('source') }} then saved_listens.listen_id is not null end as saved,
        heard_before.user_id is null
        and row_number() over (partition by listens.user_id, listens.track_id order by occurred_at, listens.listen_id) = 1
        as first_listen
    from listens
    left join saved_listens on listens.listen_id = saved_listens.listen_id
    left join doubted on listens.user_id = doubted.user_id and listens.day = doubted.day
    left join heard_before on listens.user_id = heard_before.user_id and listens.track_id = heard_before.track_id
)

select
    listen_id, user_id, track_id, {{ instant('occurred_at') }} as event_timestamp, session_id, territory, device, surface,
    outcome, saved, {{ label_weight('outcome', 'saved') }}::double * integrity as weight, integrity, first_listen, day
from described

{{ config(materialized='incremental', incremental_strategy='replace_days') }}

with catalogue as (
    select track_id from {{ ref('catalogue') }}
),

events as (
    select
        *, {{ problem_of_a_clock() }} as clock_problem,
        source = 'events' and exists (select 1 from catalogue) as has_catalogue
    from {{ ref('raw_events') }}
    where day >= {{ first_day() }}
),

checked as (
    select
        events.*,
        {{ problem_of_an_event() }} as problem_found
    from events
    left join catalogue on events.track_id = catalogue.track_id
),

sound as (
    select event_id from checked where problem_found is null
),

{% if is_incremental() -%}
-- Kept on a day that is not built again: whatever comes with the same id is its copy.
kept_before as (
    select event_id from {{ this }}
    where day < {{ first_day() }} and reason is null and event_id in (select event_id from sound)
),

{% endif -%}
repeated as (
    select event_id from sound group by event_id having count(*) > 1
    {%- if is_incremental() %}
    union
    select event_id from kept_before
    {%- endif %}
),

copies as (
    select *, row_number() over (
        partition by event_id order by
            {{ nulls_last('received_at nulls last, arrival_day, landed_file, occurred_at, event_type, user_id, track_id, ms_played,
                          device, territory, surface, playlist_id') }}
    ) as copy_number
    from checked
    where problem_found is null and event_id in (select event_id from repeated)
),

numbered as (
    -- A join, because Spark makes of `not in` beside an `or` a nested loop.
    select checked.*, 1 as copy_number from checked
    left join repeated on checked.event_id = repeated.event_id
    where problem_found is not null or repeated.event_id is null
    union all
    select * from copies
),

judged as (
    select *, coalesce(problem_found, case
        when copy_number > 1 {% if is_incremental() %}or event_id in (select event_id from kept_before) {% endif %}then 'duplicate'
    end) as reason
    from numbered
)

select
    source, landed_file, file_size, arrival_day, event_id, event_type, user_id, track_id,
    case when reason is null and clock_problem is not null then {{ told_at() }} else occurred_at end as occurred_at,
    received_at, ms_played,
    device, case when {{ matches('territory', '^[A-Z]{2}$') }} then territory end as territory, surface, playlist_id,
    artist_id, artist_name, title, row_text, reason, day
from judged

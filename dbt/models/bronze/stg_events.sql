{{ config(materialized='incremental', incremental_strategy='replace_files') }}

{% set columns = {
    'event_id': 'varchar', 'event_type': 'varchar', 'user_id': 'varchar', 'track_id': 'varchar',
    'occurred_at': 'timestamptz', 'received_at': 'timestamptz', 'ms_played': 'bigint', 'device': 'varchar',
    'territory': 'varchar', 'surface': 'varchar', 'playlist_id': 'varchar'
} %}

with landed as (
    select * from {{ ref('landed_files') }} where source = 'events' and kind = 'events'
),

from_parquet as (
    select *, null::{{ text() }} as problem, null::{{ text() }} as row_text from ({{ parquet_rows('events', 'events', columns) }})
),

lines as (
    {{ text_lines('events', 'events', 'jsonl') }}
),

objects as (
    select line, path, {{ json_fields('line', columns) }} as event from lines
),

from_lines as (
    select
        {% for name, type in columns.items() -%}
        {{ try_to(type, 'event.' ~ name) }} as {{ name }},
        {% endfor %}
        path,
        case
            when event is null then 'malformed_json'
            when event.occurred_at is not null and {{ try_to('timestamptz', 'event.occurred_at') }} is null then 'unparsable_time'
            when event.ms_played is not null and {{ try_to('bigint', 'event.ms_played') }} is null then 'unparsable_number'
        end as problem,
        line as row_text
    from objects
),

from_unreadable as (
    select {% for name, type in columns.items() %}null::{{ type_of(type) }} as {{ name }}, {% endfor %}
        path, 'unreadable_file' as problem, problem as row_text
    from landed
    where problem is not null {{ not_read_yet() }}
),

rows_read as (
    select * from from_parquet
    union all
    select * from from_lines
    union all
    select * from from_unreadable
)

select
    'events' as source, landed.landed_file, landed.file_size, landed.arrival_day,
    event_id, event_type, user_id, track_id,
    occurred_at::timestamp as occurred_at,
    received_at::timestamp as received_at,
    ms_played, device, territory, surface, playlist_id,
    null::{{ text() }} as artist_id, null::{{ text() }} as artist_name, null::{{ text() }} as title,
    rows_read.problem, row_text,
    {{ day_of('occurred_at::timestamp', 'landed.arrival_day') }} as day
from rows_read
inner join landed on rows_read.path = landed.path

{{ config(materialized='incremental', incremental_strategy='replace_files') }}

{% set columns = {
    'track_id': 'varchar', 'title': 'varchar', 'artist_id': 'varchar', 'artist_name': 'varchar', 'album_id': 'varchar',
    'genre': 'varchar', 'tempo': 'double', 'energy': 'double', 'duration_ms': 'bigint', 'explicit': 'boolean',
    'release_date': 'date', 'version_family': 'varchar', 'version_kind': 'varchar', 'label_type': 'varchar',
    'licences': licence_list()
} %}

with landed as (
    select * from {{ ref('landed_files') }} where source = 'events' and kind = 'tracks'
),

from_parquet as (
    select *, null::{{ text() }} as problem, null::{{ text() }} as row_text from ({{ parquet_rows('events', 'tracks', columns) }})
),

lines as (
    {{ text_lines('events', 'tracks', 'jsonl') }}
),

objects as (
    select line, path, {{ json_fields('line', columns) }} as track from lines
),

from_lines as (
    select
        {% for name, type in columns.items() -%}
        {{ json_licences('track.licences') if name == 'licences' else try_to(type, 'track.' ~ name) }} as {{ name }},
        {% endfor %}
        path,
        case when track is null then 'malformed_json' end as problem,
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
    {% for name in columns %}{{ name }}, {% endfor %}
    {{ row_problem('rows_read.problem', 'track_id') }} as problem, row_text
from rows_read
inner join landed on rows_read.path = landed.path

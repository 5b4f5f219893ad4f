{{ config(materialized='incremental', incremental_strategy='replace_files') }}

{% set columns = {
    'track_id': 'varchar', 'title': 'varchar', 'artist_id': 'varchar', 'artist_name': 'varchar', 'album_id': 'varchar',
    'genre': 'varchar', 'tempo': 'double', 'energy': 'double', 'duration_ms': 'bigint', 'explicit': 'boolean',
    'release_date': 'date', 'version_family': 'varchar', 'version_kind': 'varchar', 'label_type': 'varchar',
    'licences': licence_list()
} %}
{% set closed = {'explicit': 'true', 'licences': no_licence()} %}

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
        {{ typed_columns('track', columns, closed) }}
        path,
        {{ problem_of_texts('track', columns) }} as problem,
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
),

judged as (
    select *, coalesce({{ has_empty_window('licences') }}, false) as has_empty_window from rows_read
)

select
    'events' as source, landed.landed_file, landed.file_size, landed.arrival_day,
    {% for name in columns if name != 'licences' %}{{ name }}, {% endfor %}
    case when has_empty_window then {{ no_licence() }} else licences end as licences,
    coalesce(
        {{ row_problem('judged.problem', 'track_id') }}, case when has_empty_window then 'unparsable_licences' end
    ) as problem,
    row_text
from judged
inner join landed on judged.path = landed.path

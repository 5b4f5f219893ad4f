{{ config(materialized='incremental', incremental_strategy='replace_files') }}

{% set columns = {
    'user_id': 'varchar', 'territory': 'varchar', 'signup_date': 'date', 'explicit_allowed': 'boolean',
    'adventurousness': 'double'
} %}
{% set closed = {'explicit_allowed': 'false'} %}

with landed as (
    select * from {{ ref('landed_files') }} where source = 'events' and kind = 'users'
),

from_parquet as (
    select *, null::{{ text() }} as problem, null::{{ text() }} as row_text from ({{ parquet_rows('events', 'users', columns) }})
),

lines as (
    {{ text_lines('events', 'users', 'jsonl') }}
),

objects as (
    select line, path, {{ json_fields('line', columns) }} as account from lines
),

from_lines as (
    select
        {{ typed_columns('account', columns, closed) }}
        path,
        {{ problem_of_texts('account', columns) }} as problem,
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
    {{ row_problem('rows_read.problem', 'user_id') }} as problem, row_text
from rows_read
inner join landed on rows_read.path = landed.path

{{ config(materialized='incremental', incremental_strategy='replace_files') }}

with landed as (
    select * from {{ ref('landed_files') }} where source = '30music' and kind = 'events'
),

lines as (
    {{ lines_and_unreadable('30music', 'tsv') }}
),

plays as (
    select
        {{ tab_field('line', 1) }} as user_id,
        {{ tab_field('line', 3) }} as track_id,
        {{ from_seconds(try_to('bigint', tab_field('line', 4))) }} as occurred_at,
        {{ tab_field('line', 5) }} as artist_id,
        null::{{ text() }} as artist_name,
        null::{{ text() }} as title,
        coalesce(problem, case
            when {{ tab_field('line', 4) }} is null then 'malformed_row'
            when {{ from_seconds(try_to('bigint', tab_field('line', 4))) }} is null then 'unparsable_time'
        end) as problem,
        line as row_text,
        path
    from lines
    where line not like 'UserId%'
)

select {{ plays_only('30music') }}
from plays
inner join landed on plays.path = landed.path

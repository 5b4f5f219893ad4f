{{ config(materialized='incremental', incremental_strategy='replace_files') }}

with landed as (
    select * from {{ ref('landed_files') }} where source = 'lastfm-1k' and kind = 'events'
),

lines as (
    {{ lines_and_unreadable('lastfm-1k', 'tsv') }}
),

fields as (
    select
        {{ tab_field('line', 1) }} as user_id,
        {{ tab_field('line', 2) }} as played_at,
        {{ tab_field('line', 3) }} as mb_artist_id,
        {{ tab_field('line', 4) }} as artist_name,
        {{ tab_field('line', 5) }} as mb_track_id,
        {{ tab_field('line', 6) }} as title,
        problem, line, path
    from lines
),

plays as (
    select
        user_id,
        case
            when mb_track_id is not null then mb_track_id
            when artist_name is not null and title is not null then {{ id_of_names(['artist_name', 'title']) }}
        end as track_id,
        {{ try_to('timestamptz', 'played_at') }}::timestamp as occurred_at,
        case
            when mb_artist_id is not null then mb_artist_id
            when artist_name is not null then {{ id_of_names(['artist_name']) }}
        end as artist_id,
        artist_name,
        title,
        coalesce(problem, case
            when played_at is null then 'malformed_row'
            when {{ try_to('timestamptz', 'played_at') }} is null then 'unparsable_time'
        end) as problem,
        line as row_text,
        path
    from fields
)

select {{ plays_only('lastfm-1k') }}
from plays
inner join landed on plays.path = landed.path

{{ config(materialized='incremental', incremental_strategy='replace_days') }}

with events as (
    select
        source, landed_file,
        coalesce(row_text, {{ as_json(['event_id', 'event_type', 'user_id', 'track_id', 'occurred_at', 'received_at',
            'ms_played', 'device', 'territory', 'surface', 'playlist_id', 'artist_id', 'artist_name', 'title']) }}) as row_text,
        reason, arrival_day as day
    from {{ ref('checked_events') }}
    where reason is not null and arrival_day >= {{ first_day() }}
),

catalogue_rows as (
    select source, landed_file, row_text, problem as reason, arrival_day as day from {{ ref('stg_events_tracks') }}
    where problem is not null and arrival_day >= {{ first_day() }}
),

account_rows as (
    select source, landed_file, row_text, problem as reason, arrival_day as day from {{ ref('stg_events_users') }}
    where problem is not null and arrival_day >= {{ first_day() }}
)

select * from events
union all
select * from catalogue_rows
union all
select * from account_rows

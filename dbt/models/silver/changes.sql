-- depends_on: {{ ref('raw_events') }}, {{ ref('newest_tracks') }}, {{ ref('integrity_overrules') }}
{{ config(materialized='incremental', incremental_strategy='append', full_refresh=false) }}

{% set events_before = built_before('silver', 'checked_events') %}
{% set tracks_before = built_before('silver', 'catalogue') %}
{% set accounts_before = built_before('silver', 'accounts') %}
{% set overruled_before = built_before('silver', 'overruled') %}
{% set finished = built_before('gold', 'loaded_files') %}
{% set from_scratch = flags.FULL_REFRESH
    or not (events_before and tracks_before and accounts_before and overruled_before and finished) %}

with this_run as (
    select max(as_of) as as_of, {% if is_incremental() %}(select max(run_number) + 1 from {{ this }}){% else %}1{% endif %} as run_number
    from {{ ref('landed_files') }}
),

{% if from_scratch %}
first_days as (
    select date '1970-01-01' as day
)
{% else %}
new_files as (
    select landed_file, file_size from {{ ref('landed_files') }}
    except
    select landed_file, file_size from {{ events_before }}
),

gone_files as (
    select landed_file, file_size from {{ events_before }}
    except
    select landed_file, file_size from {{ ref('landed_files') }}
),

touched_rows as (
    select event_id, track_id, artist_id, day from {{ ref('raw_events') }} natural join new_files
    union all
    select event_id, track_id, artist_id, day from {{ events_before }} natural join gone_files
),

touched_tracks as (
    {{ rows_that_differ(ref('newest_tracks'), tracks_before, 'track_id', ['licences', 'album_id', 'title', 'artist_name']) }}
),

touched_overrules as (
    {{ rows_that_differ(ref('integrity_overrules'), overruled_before, 'user_id', []) }}
),

catalogue_sizes as (
    select (select count(*) from {{ tracks_before }}) as old, (select count(*) from {{ ref('newest_tracks') }}) as new
),

first_days as (
    -- one day more: a save belongs to a listen of up to a day before it
    select {{ later('day', -1) }} as day from touched_rows
    union all
    -- another copy of the same event may win or lose against the new one
    select {{ later('day', -1) }} from {{ ref('raw_events') }} where event_id in (select event_id from touched_rows)
    union all
    select {{ later('day', -1) }} from {{ ref('raw_events') }} where track_id in (select track_id from touched_tracks)
    union all
    select {{ track_begins('release_date', 'first_arrival_day', 'null') }} from touched_tracks
    union all
    select min(day) from {{ events_before }} where user_id in (select user_id from touched_overrules)
    union all
    -- a listen that says whose a track is says whom a dislike of its artist meant
    select {{ later('day', -1) }} from {{ ref('raw_events') }}
    where event_type = 'dislike_artist' and track_id in (select track_id from touched_rows where artist_id is not null)
    union all
    -- the first catalogue of a source makes tracks unknown that were taken on trust
    select date '1970-01-01' from catalogue_sizes where (old = 0) <> (new = 0)
    union all
    select least(landed.arrival_day, finished.arrival_day) from {{ ref('landed_files') }} as landed
    full join {{ finished }} as finished
        on landed.landed_file = finished.landed_file and landed.file_size = finished.file_size
    where landed.landed_file is null or finished.landed_file is null
    union all
    select {{ later('least(max(finished.as_of), max(this_run.as_of))', 1) }} from {{ finished }} as finished, this_run
    union all
    -- a run that was killed may have changed more than its own files
    select min(first_day) from {{ this }} where run_number > (select max(run_number) from {{ finished }})
)
{% endif %}

select max(run_number)::bigint as run_number, max(as_of) as as_of, min(day) as first_day
from this_run, first_days

{{ config(materialized='view') }}

select event_id, user_id, track_id, playlist_id, occurred_at, day
from {{ ref('checked_events') }}
where event_type = 'playlist_add' and reason is null

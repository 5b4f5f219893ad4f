{{ config(materialized='view') }}

select event_id, user_id, track_id, occurred_at, day
from {{ ref('checked_events') }}
where event_type = 'save' and reason is null

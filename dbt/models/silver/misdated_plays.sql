{{ config(materialized='view') }}

-- No listens, because what a model learns hangs on their time. That a track was heard does not.
select event_id, user_id, track_id, {{ told_at() }} as occurred_at
from {{ ref('checked_events') }}
where event_type = 'play' and reason in ('impossible_time', 'future_time')

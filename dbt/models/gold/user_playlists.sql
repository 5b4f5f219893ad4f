select playlist_id, min(user_id) as user_id, track_id, {{ instant('min(occurred_at)') }} as added_at
from {{ ref('playlist_adds') }}
group by playlist_id, track_id

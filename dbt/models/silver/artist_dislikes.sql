{{ config(materialized='view') }}

-- Said at a track, meant for whoever made it. A track without an artist means nobody: `rejected_listens` keeps that.
select
    said.event_id, said.user_id, said.track_id, coalesce(known_tracks.artist_id, said.artist_id) as artist_id, said.occurred_at,
    said.day
from {{ ref('checked_events') }} as said
left join {{ ref('known_tracks') }} as known_tracks on said.track_id = known_tracks.track_id
where event_type = 'dislike_artist' and reason is null and coalesce(known_tracks.artist_id, said.artist_id) is not null

select
    track_id, title, artist_id, artist_name, album_id, genre, tempo, energy, duration_ms, explicit, release_date,
    version_family, version_kind, label_type, licensed_everywhere,
    {{ instant('least(greatest(cast(release_date as timestamp), cast(first_arrival_day as timestamp)), first_listened_at)') }} as first_seen_at
from {{ ref('known_tracks') }}

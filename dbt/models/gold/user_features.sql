{{ config(materialized='incremental', incremental_strategy='replace_days') }}

with profiles as (
    select
        user_id, day,
        {% for kind in ['genre', 'artist'] -%}
        {{ list_of_kind('value', kind) }} as top_{{ kind }}s,
        {{ list_of_kind('plays / plays_of_kind', kind) }} as top_{{ kind }}_shares,
        {% endfor -%}
        max(case when kind = 'artist' then values_of_kind end) as distinct_artists_30d,
        max(case when kind = 'device' then value end) as top_device
    from {{ ref('user_habits') }}
    group by user_id, day
)

select
    counts.user_id,
    {{ instant(later('counts.day', 1)) }} as event_timestamp,
    territory, coalesce(explicit_allowed, true) as explicit_allowed,
    plays_7d, plays_30d, active_days_30d,
    coalesce(distinct_artists_30d, 0) as distinct_artists_30d,
    early_skip_rate_7d, early_skip_rate_30d, save_rate_30d, mean_tempo_30d, mean_energy_30d,
    {{ days_between('last_listen_day', 'counts.day') }} as days_since_last_play,
    coalesce(top_genres, []) as top_genres,
    coalesce(top_genre_shares, []) as top_genre_shares,
    coalesce(top_artists, []) as top_artists,
    coalesce(top_artist_shares, []) as top_artist_shares,
    hour_shares, top_device,
    coalesce(recent_tracks, []) as recent_tracks,
    counts.day
from {{ ref('user_counts') }} as counts
left join profiles on counts.user_id = profiles.user_id and counts.day = profiles.day
left join {{ ref('user_recent_tracks') }} as recent on counts.user_id = recent.user_id and counts.day = recent.day
left join {{ ref('accounts') }} as accounts on counts.user_id = accounts.user_id
where counts.day >= {{ first_day() }}

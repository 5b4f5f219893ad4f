{{ config(materialized='incremental', incremental_strategy='replace_days') }}

{% set kinds = ['genre', 'artist', 'device'] %}

with counts as (
    select * from {{ ref('user_counts') }}
),

{% for kind in kinds -%}
{{ kind }}s as (
    select * from {{ ref('user_habits') }} where kind = '{{ kind }}'
),

{% endfor -%}
recent as (
    select * from {{ ref('user_recent_tracks') }}
),

landed_accounts as (
    select
        *,
        row_number() over (
            partition by user_id, arrival_day order by {{ nulls_last('landed_file desc, territory, signup_date, explicit_allowed') }}
        ) as newest_first
    from {{ ref('stg_events_users') }} where user_id <> ''
),

-- A snapshot holds what was known of the account on its day.
accounts as (
    select
        user_id, territory, explicit_allowed, arrival_day,
        lead(arrival_day) over (partition by user_id order by arrival_day) as replaced_on
    from landed_accounts
    where newest_first = 1
)

select
    counts.user_id,
    {{ instant(later('counts.day', 1)) }} as event_timestamp,
    territory, coalesce(explicit_allowed, true) as explicit_allowed,
    plays_7d, plays_30d, active_days_30d,
    coalesce(artists.values_of_kind, 0) as distinct_artists_30d,
    early_skip_rate_7d, early_skip_rate_30d, save_rate_30d, mean_tempo_30d, mean_energy_30d,
    {{ days_between('last_listen_day', 'counts.day') }} as days_since_last_play,
    {{ or_empty('genres.most_played') }} as top_genres,
    {{ or_empty('genres.shares', 'double') }} as top_genre_shares,
    {{ or_empty('artists.most_played') }} as top_artists,
    {{ or_empty('artists.shares', 'double') }} as top_artist_shares,
    hour_shares, {{ nth('devices.most_played', '1') }} as top_device,
    {{ or_empty('recent_tracks') }} as recent_tracks, {{ or_empty('recent_outcomes', 'bigint') }} as recent_outcomes,
    counts.day
from counts
{% for kind in kinds -%}
left join {{ kind }}s on counts.user_id = {{ kind }}s.user_id and counts.day = {{ kind }}s.day
{% endfor -%}
left join recent on counts.user_id = recent.user_id and counts.day = recent.day
left join accounts
    on counts.user_id = accounts.user_id and counts.day >= accounts.arrival_day
    and (accounts.replaced_on is null or counts.day < accounts.replaced_on)
where counts.day >= {{ first_day() }}

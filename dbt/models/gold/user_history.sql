{{ config(in_buckets={'listens': 5000000}) }}

with plays as (
    select user_id, track_id, occurred_at from {{ ref('listens') }}
    union all
    select user_id, track_id, occurred_at from {{ ref('misdated_plays') }}
),

heard as (
    select user_id, track_id, max(occurred_at) as happened_at from plays
    where {{ in_this_bucket('user_id') }}
    group by user_id, track_id
),

saved as (
    select user_id, track_id, max(occurred_at) as happened_at from {{ ref('saves') }}
    where {{ in_this_bucket('user_id') }}
    group by user_id, track_id
),

disliked as (
    select user_id, track_id, max(occurred_at) as happened_at from {{ ref('dislikes') }}
    where {{ in_this_bucket('user_id') }}
    group by user_id, track_id
),

disliked_artist as (
    select user_id, artist_id, max(occurred_at) as happened_at from {{ ref('artist_dislikes') }}
    where {{ in_this_bucket('user_id') }}
    group by user_id, artist_id
),

artist_lists as (
    select user_id, {{ newest_first('artist_id', 'happened_at') }} as artists from disliked_artist group by user_id
),

heard_lately as (
    select user_id, count(*) as tracks from heard where happened_at >= {{ later(as_of(), -59) }} group by user_id
),

{% for kind in ['heard', 'saved', 'disliked'] -%}
{{ kind }}_lists as (
    select user_id, {{ newest_first('track_id', 'happened_at') }} as tracks from {{ kind }} group by user_id
),

{% endfor -%}
everyone as (
    {% for kind in ['heard', 'saved', 'disliked'] -%}
    select user_id from {{ kind }}_lists union
    {% endfor %}
    select user_id from artist_lists
)

select
    everyone.user_id,
    {{ instant(later(as_of(), 1)) }} as event_timestamp,
    {{ or_empty('heard_lists.tracks') }} as heard_tracks,
    {{ or_empty('saved_lists.tracks') }} as saved_tracks,
    {{ or_empty('disliked_lists.tracks') }} as disliked_tracks,
    {{ or_empty('artist_lists.artists') }} as disliked_artists,
    coalesce(heard_lately.tracks, 0) as heard_60d,
    accounts.adventurousness
from everyone
left join heard_lists on everyone.user_id = heard_lists.user_id
left join saved_lists on everyone.user_id = saved_lists.user_id
left join disliked_lists on everyone.user_id = disliked_lists.user_id
left join artist_lists on everyone.user_id = artist_lists.user_id
left join {{ ref('accounts') }} as accounts on everyone.user_id = accounts.user_id
left join heard_lately on everyone.user_id = heard_lately.user_id

{{ config(materialized='view') }}

with described as (
    select user_id, day, device, artist_id, genre
    from (select user_id, track_id, device, day from {{ ref('listens') }} where day >= {{ later(first_day(), -29) }}) as listens
    left join (select track_id, artist_id, genre from {{ ref('known_tracks') }}) as tracks on listens.track_id = tracks.track_id
)

{% for kind, column in [('artist', 'artist_id'), ('genre', 'genre'), ('device', 'device')] -%}
select user_id, day, '{{ kind }}' as kind, {{ column }} as value, count(*) as plays
from described where {{ column }} is not null group by user_id, day, {{ column }}
{{ "union all" if not loop.last }}
{% endfor %}

-- Built last: until these rows change, a killed run counts as not having happened.
{% for table in ['user_features', 'user_history', 'track_features', 'track_territory_features', 'tracks', 'licences', 'users',
                 'labels', 'user_playlists', 'rejected_listens'] -%}
-- depends_on: {{ ref(table) }}
{% endfor -%}
select
    source, kind, arrival_day, landed_file, file_size, as_of,
    (select max(run_number) from {{ ref('changes') }}) as run_number
from {{ ref('landed_files') }}

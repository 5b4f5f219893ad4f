-- depends_on: {{ ref('changes') }}
-- Built after `changes`, which compares the catalogue of the run before with the one that has arrived since.
select * from {{ ref('newest_tracks') }}

-- depends_on: {{ ref('changes') }}
-- Built after `changes`, which compares what was overruled before with what is now.
select user_id, weight from {{ ref('integrity_overrules') }}

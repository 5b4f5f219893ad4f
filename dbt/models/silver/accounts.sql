-- depends_on: {{ ref('changes') }}
-- Built after `changes`, which compares the accounts of the run before with those that have arrived since.
select * from {{ ref('newest_users') }}

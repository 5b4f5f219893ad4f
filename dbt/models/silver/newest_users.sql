{{ config(materialized='view') }}

-- A row with a value that cannot be read is still the newest of its account: the one before it may permit what this one ends.
with landed_rows as (
    select * from {{ ref('stg_events_users') }} where user_id <> ''
),

ranked as (
    select
        *,
        row_number() over (
            partition by user_id
            order by {{ nulls_last('arrival_day desc, landed_file desc, territory, signup_date, explicit_allowed, adventurousness') }}
        ) as newest_first
    from landed_rows
)

select
    user_id, territory, signup_date, explicit_allowed,
    case when adventurousness between 0 and 1 then adventurousness end as adventurousness
from ranked where newest_first = 1

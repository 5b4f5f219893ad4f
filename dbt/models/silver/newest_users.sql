{{ config(materialized='view') }}

with landed_rows as (
    select * from {{ ref('stg_events_users') }} where problem is null
),

ranked as (
    select
        *,
        row_number() over (
            partition by user_id order by arrival_day desc, landed_file desc, territory, signup_date, explicit_allowed
        ) as newest_first
    from landed_rows
)

select user_id, territory, signup_date, explicit_allowed from ranked where newest_first = 1

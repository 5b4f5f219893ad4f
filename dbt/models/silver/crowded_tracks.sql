{{ config(materialized='incremental', incremental_strategy='replace_days') }}

with listeners as (
    select distinct listens.track_id, listens.user_id, listens.day, faceless
    from {{ ref('listens') }} as listens
    inner join {{ ref('account_breadth') }} as breadth on listens.user_id = breadth.user_id and listens.day = breadth.day
    where listens.day >= {{ later(first_day(), 1 - judged_days()) }}
),

audiences as (
    select
        track_id, day,
        sum(count(*)) over {{ over_judged_days('track_id') }} as listeners,
        sum(count(case when faceless then 1 end)) over {{ over_judged_days('track_id') }} as faceless
    from listeners
    group by track_id, day
)

select track_id, day, faceless::bigint as faceless, {{ rounded('faceless / listeners', 3) }} as share
from audiences
where faceless >= 30 and 2 * faceless > listeners and day >= {{ first_day() }}

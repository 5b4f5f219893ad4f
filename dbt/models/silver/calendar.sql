with listening_days as (
    select distinct day as listening_day from {{ ref('listens') }} where day >= {{ later(first_day(), -30) }}
),

followed as (
    select {{ each_later_day('listening_day', 31) }} as day from listening_days
)

select distinct day from followed where day between {{ first_day() }} and {{ as_of() }}

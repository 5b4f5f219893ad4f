with listening_days as (
    select distinct user_id, day as last_listen_day
    from {{ ref('listens') }}
    where day >= {{ later(first_day(), -60) }}
),

until_the_next as (
    select
        *,
        least(
            {{ later('lead(last_listen_day) over (partition by user_id order by last_listen_day)', -1) }},
            {{ later('last_listen_day', 30) }},
            {{ as_of() }}
        ) as last_day
    from listening_days
),

followed as (
    select
        user_id,
        last_listen_day,
        {{ each_day('last_listen_day', 'last_day') }} as day
    from until_the_next
)

select * from followed where day >= {{ later(first_day(), -30) }}

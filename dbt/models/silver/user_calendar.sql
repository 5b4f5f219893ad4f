with listening_days as (
    select user_id, day as last_listen_day, count(*) as plays
    from {{ ref('listens') }}
    where day >= {{ later(first_day(), -60) }}
    group by user_id, day
),

until_the_next as (
    select
        *,
        least(
            coalesce({{ later('lead(last_listen_day) over (partition by user_id order by last_listen_day)', -1) }}, date '9999-01-01'),
            {{ later('last_listen_day', 30) }},
            {{ as_of() }}
        ) as last_day
    from listening_days
),

followed as (
    select
        user_id,
        last_listen_day,
        {{ later('last_listen_day', each_number_below(days_between('last_listen_day', 'last_day') ~ ' + 1')) }} as day
    from until_the_next
)

select * from followed where day >= {{ later(first_day(), -30) }}

with bots as (
    select distinct user_id from {{ ref('account_integrity') }} where weight = 0
),

-- From one judged day to the next an account is what it was found to be, and before the first what it is then.
judged as (
    select
        user_id,
        case when row_number() over (partition by user_id order by day) = 1 then date '1970-01-01' else day end as since,
        lead(day) over (partition by user_id order by day) as replaced_on,
        min(case when weight = 0 then day end) over (
            partition by user_id order by day rows between current row and unbounded following
        ) as found_on
    from {{ ref('account_integrity') }}
    where user_id in (select user_id from bots)
),

adds as (
    select
        playlist_id, adds.user_id, track_id, occurred_at,
        -- What a person says holds for all days, also of an account that never listened.
        case when overruled.weight = 0 then adds.day else found_on end as found_on
    from {{ ref('playlist_adds') }} as adds
    left join judged
        on adds.user_id = judged.user_id and adds.day >= since and (replaced_on is null or adds.day < replaced_on)
    left join {{ ref('overruled') }} as overruled on adds.user_id = overruled.user_id
)

select
    playlist_id, min(user_id) as user_id, track_id, {{ instant('min(occurred_at)') }} as added_at,
    case when count(found_on) = count(*) then max(found_on) end as found_on
from adds
group by playlist_id, track_id

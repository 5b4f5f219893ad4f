with listened as (
    select user_id, min(occurred_at) as first_listened_at from {{ ref('listens') }} group by user_id
)

select
    coalesce(accounts.user_id, listened.user_id) as user_id,
    territory, signup_date, explicit_allowed, adventurousness,
    {{ instant('least(cast(signup_date as timestamp), first_listened_at)') }} as first_seen_at
from {{ ref('accounts') }} as accounts
full join listened on accounts.user_id = listened.user_id

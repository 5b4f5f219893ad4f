select * from {{ ref('newest_users') }}

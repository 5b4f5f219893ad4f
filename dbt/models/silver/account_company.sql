{{ config(materialized='incremental', incremental_strategy='replace_days') }}

select breadth.user_id, breadth.day, max(share) as crowding
from {{ ref('account_breadth') }} as breadth
inner join {{ ref('listens') }} as listens on breadth.user_id = listens.user_id and breadth.day = listens.day
inner join {{ ref('crowded_tracks') }} as crowded on listens.track_id = crowded.track_id and listens.day = crowded.day
where breadth.faceless and breadth.day >= {{ first_day() }}
group by breadth.user_id, breadth.day

{{ config(materialized='view') }}

select * from {{ ref('stg_events') }}
union all
select * from {{ ref('stg_30music') }}
union all
select * from {{ ref('stg_lastfm_1k') }}
union all
select * from {{ ref('stg_listenbrainz') }}

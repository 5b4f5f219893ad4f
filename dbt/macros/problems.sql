{#- What is wrong with a row of `events` beside its row of `catalogue`, the first thing found, or null. It keeps `problem`, what the
    reader of its file said already. A clock that is wrong, which `clock_problem` says, takes nothing from a dislike: what somebody
    does not want to hear does not hang on when they said so. Copies are found later: only a sound event has any. -#}
{% macro problem_of_an_event() -%}
    case
        when problem is not null then problem
        when coalesce(event_id, '') = '' then 'missing_event_id'
        when coalesce(events.user_id, '') = '' then 'missing_user_id'
        when coalesce(events.track_id, '') = '' then 'missing_track_id'
        when occurred_at is null then 'missing_time'
        when not {{ is_id('event_id') }} or not {{ is_id('events.user_id') }} or not {{ is_id('events.track_id') }}
            then 'malformed_id'
        when event_type is null or event_type not in ('play', 'save', 'playlist_add', 'dislike', 'dislike_artist')
            then 'unknown_event_type'
        when event_type = 'playlist_add' and coalesce(playlist_id, '') = '' then 'missing_playlist_id'
        when clock_problem is not null and event_type not in ('dislike', 'dislike_artist') then clock_problem
        when ms_played < 0 or ms_played > 86400000 then 'impossible_ms_played'
        when has_catalogue and catalogue.track_id is null then 'unknown_track'
    end
{%- endmacro %}

{#- What is wrong with the clock by which an event happened, or null. -#}
{% macro problem_of_a_clock() -%}
    case
        when occurred_at < timestamp '2000-01-01' then 'impossible_time'
        when occurred_at >= {{ later('arrival_day', 1) }} or occurred_at > received_at + interval 10 minute then 'future_time'
    end
{%- endmacro %}

{#- When an event was told: its time where the clock by which it happened is wrong. -#}
{% macro told_at() -%}
    case when received_at >= timestamp '2000-01-01' and received_at < {{ later('arrival_day', 1) }} then received_at
        else cast(arrival_day as timestamp) end
{%- endmacro %}

{#- What a play counts for, by how far its account is trusted on its day (silver's `account_integrity`). -#}

{#- Days of listening that an account is judged by, the day itself the last of them. -#}
{% macro judged_days() %}{{ return(14) }}{% endmacro %}

{#- Plays of one track by one account within those days from which on it is a repeat. -#}
{% macro repeat_from() %}{{ return(3) }}{% endmacro %}

{#- A window over those days, in rows of one day each. -#}
{% macro over_judged_days(key) -%}
    (partition by {{ key }} order by day range between interval {{ judged_days() - 1 }} days preceding and current row)
{%- endmacro %}

{#- How many different values a window holds; Spark has no distinct windows. -#}
{% macro distinct_over(value, window) %}{{ return(adapter.dispatch('distinct_over')(value, window)) }}{% endmacro %}
{% macro default__distinct_over(value, window) %}count(distinct {{ value }}) over {{ window }}{% endmacro %}
{% macro spark__distinct_over(value, window) %}size(collect_set({{ value }}) over {{ window }}){% endmacro %}

{#- How far a number has come from where doubt begins to where none is left, 0 to 1; 0 where it is unknown. -#}
{% macro doubt(value, none_at, whole_at) -%}
    greatest(least((coalesce({{ value }}, {{ none_at }}) - {{ none_at }}) / {{ real((whole_at - none_at) | round(4)) }}, 1.0), 0.0)
{%- endmacro %}

{#- The days of accounts that were ever doubted: what a play of that day counts for, in thousandths, and the day after it on
    which the account was found to be a bot, from which on the play counts for nothing. Few, so joining them costs little. -#}
{% macro doubted_days() -%}
    select
        user_id, day, cast(round(1000 * weight) as bigint) as thousandths,
        min(case when weight = 0 then day end) over (
            partition by user_id order by day rows between 1 following and unbounded following
        ) as found_on
    from {{ ref('account_integrity') }}
    where user_id in (select user_id from {{ ref('account_integrity') }} where weight < 1)
{%- endmacro %}

{#- The day a play stops to count: the end of its window, or the day its account was found. -#}
{% macro until(day, found_on) %}least({{ day }}, coalesce({{ found_on }}, {{ day }})){% endmacro %}

{#- Thousandths of plays or listeners as a whole number; what counts at all counts as one at least. -#}
{% macro whole(thousandths) %}cast(ceil({{ thousandths }} / 1000) as bigint){% endmacro %}

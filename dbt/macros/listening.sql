{#- How a play ended. An early skip leaves within 30 seconds, or half of a track shorter than a minute; a late skip leaves
    before 80 % of the duration. Null when the source does not say how long was played, or how long the track is. -#}
{% macro outcome(ms_played, duration_ms) -%}
    case
        when {{ ms_played }} is null then null
        when {{ ms_played }} <= coalesce(least(30000, {{ duration_ms }} / 2), 30000) then 'early_skip'
        when {{ ms_played }} < 0.8 * {{ duration_ms }} then 'late_skip'
        when {{ duration_ms }} is not null then 'complete'
    end
{%- endmacro %}

{#- An outcome as a number that may be compared and packed: 2 heard to the end or not known, 1 skipped late, 0 skipped early. -#}
{% macro outcome_number(outcome) %}case {{ outcome }} when 'early_skip' then 0 when 'late_skip' then 1 else 2 end{% endmacro %}

{#- What a listen weighs as a label. -#}
{% macro label_weight(outcome, saved) -%}
    case
        when {{ saved }} then 5.0
        when {{ outcome }} = 'early_skip' then 0.0
        when {{ outcome }} = 'late_skip' then 0.5
        else 1.0
    end
{%- endmacro %}

{#- Sources that report saves; for the others a save is unknown, not absent. -#}
{% macro reports_saves(source) %}({{ source }} = 'events'){% endmacro %}

{#- The values of a group as a list, newest first, equal times by value; all of them, or the first n. -#}
{% macro newest_first(value, at, n=none) %}{{ return(adapter.dispatch('newest_first')(value, at, n)) }}{% endmacro %}
{% macro default__newest_first(value, at, n) %}list({{ value }} order by {{ at }} desc, {{ value }}){{ '[1:' ~ n ~ ']' if n }}{% endmacro %}
{% macro spark__newest_first(value, at, n) -%}
    {{ 'slice(' if n }}transform(sort_array(collect_list(struct(-unix_micros({{ at }}) as k, {{ value }} as v))), x -> x.v)
    {{- ', 1, ' ~ n ~ ')' if n }}
{%- endmacro %}

{#- How each engine spells instants, days and what lies between them. One dispatched macro each; `default__` is DuckDB. -#}

{#- A clock-free UTC timestamp as an instant, microseconds. -#}
{% macro instant(timestamp) %}{{ return(adapter.dispatch('instant')(timestamp)) }}{% endmacro %}
{% macro default__instant(timestamp) %}({{ timestamp }})::timestamptz{% endmacro %}
{% macro spark__instant(timestamp) %}cast({{ timestamp }} as timestamp){% endmacro %}

{#- Whole days from one date to another. -#}
{% macro days_between(first, last) %}{{ return(adapter.dispatch('days_between')(first, last)) }}{% endmacro %}
{% macro default__days_between(first, last) %}({{ last }} - {{ first }}){% endmacro %}
{% macro spark__days_between(first, last) %}datediff({{ last }}, {{ first }}){% endmacro %}

{#- A date some days later. -#}
{% macro later(day, days) %}{{ return(adapter.dispatch('later')(day, days)) }}{% endmacro %}
{% macro default__later(day, days) %}({{ day }} + ({{ days }})){% endmacro %}
{% macro spark__later(day, days) %}date_add({{ day }}, {{ days }}){% endmacro %}

{#- The milliseconds, as an interval to add to a timestamp. -#}
{% macro milliseconds(n) %}{{ return(adapter.dispatch('milliseconds')(n)) }}{% endmacro %}
{% macro default__milliseconds(n) %}to_milliseconds({{ n }}){% endmacro %}
{% macro spark__milliseconds(n) %}make_interval(0, 0, 0, 0, 0, 0, {{ n }} / 1000){% endmacro %}

{#- Microseconds since 1970. -#}
{% macro microseconds(timestamp) %}{{ return(adapter.dispatch('microseconds')(timestamp)) }}{% endmacro %}
{% macro default__microseconds(timestamp) %}epoch_us({{ timestamp }}){% endmacro %}
{% macro spark__microseconds(timestamp) %}unix_micros({{ timestamp }}){% endmacro %}

{#- Seconds since 1970 as a UTC timestamp. -#}
{% macro from_seconds(seconds) %}{{ return(adapter.dispatch('from_seconds')(seconds)) }}{% endmacro %}
{% macro default__from_seconds(seconds) -%}
    case when {{ seconds }} between 0 and 4102444800 then make_timestamp({{ seconds }}::bigint * 1000000) end
{%- endmacro %}
{% macro spark__from_seconds(seconds) -%}
    case when {{ seconds }} between 0 and 4102444800 then timestamp_seconds({{ seconds }}) end
{%- endmacro %}

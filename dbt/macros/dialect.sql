{#- What DuckDB and Spark spell differently, one dispatched macro each; `default__` is DuckDB. -#}

{#- One row per number in [0, n): multiplies the row it stands in. -#}
{% macro each_number_below(n) %}{{ return(adapter.dispatch('each_number_below')(n)) }}{% endmacro %}
{% macro default__each_number_below(n) %}unnest(range(0, {{ n }}))::integer{% endmacro %}
{% macro spark__each_number_below(n) %}explode(if({{ n }} > 0, sequence(0, {{ n }} - 1), cast(array() as array<int>))){% endmacro %}

{#- One row per element of a list. -#}
{% macro each_element(list) %}{{ return(adapter.dispatch('each_element')(list)) }}{% endmacro %}
{% macro default__each_element(list) %}unnest({{ list }}){% endmacro %}
{% macro spark__each_element(list) %}explode({{ list }}){% endmacro %}

{#- The n largest values of a group as a list, largest first. -#}
{% macro largest(value, n) %}{{ return(adapter.dispatch('largest')(value, n)) }}{% endmacro %}
{% macro default__largest(value, n) %}max({{ value }}, {{ n }}){% endmacro %}
{% macro spark__largest(value, n) %}slice(sort_array(collect_list({{ value }}), false), 1, {{ n }}){% endmacro %}

{#- The values of a group as a list, ordered by a number. -#}
{% macro list_by(value, order) %}{{ return(adapter.dispatch('list_by')(value, order)) }}{% endmacro %}
{% macro default__list_by(value, order) %}list({{ value }} order by {{ order }}){% endmacro %}
{% macro spark__list_by(value, order) %}transform(sort_array(collect_list(struct({{ order }} as k, {{ value }} as v))), x -> x.v){% endmacro %}

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

{#- A JSON object as a struct of text fields; null where the text is no JSON object. -#}
{% macro json_fields(text, columns) %}{{ return(adapter.dispatch('json_fields')(text, columns)) }}{% endmacro %}
{% macro default__json_fields(text, columns) -%}
    case when json_valid({{ text }}) and json_type({{ text }}) = 'OBJECT' then from_json({{ text }}, '{
        {%- for name in columns %}"{{ name }}": "VARCHAR"{{ ", " if not loop.last }}{% endfor -%}
    }') end
{%- endmacro %}
{% macro spark__json_fields(text, columns) -%}
    from_json({{ text }}, '{% for name in columns %}{{ name }} string{{ ", " if not loop.last }}{% endfor %}')
{%- endmacro %}

{#- A cast that gives null instead of an error. -#}
{% macro try_to(type, value) %}{{ return(adapter.dispatch('try_to')(type, value)) }}{% endmacro %}
{% macro default__try_to(type, value) %}try_cast({{ value }} as {{ type }}){% endmacro %}
{% macro spark__try_to(type, value) %}try_cast({{ value }} as {{ {'timestamptz': 'timestamp', 'varchar': 'string'}.get(type, type) }}){% endmacro %}

{% macro licence_list() %}{{ return(adapter.dispatch('licence_list')()) }}{% endmacro %}
{% macro default__licence_list() %}{{ return('struct(territory varchar, valid_from date, valid_to date)[]') }}{% endmacro %}
{% macro spark__licence_list() %}{{ return('array<struct<territory:string,valid_from:date,valid_to:date>>') }}{% endmacro %}

{#- The licences of a track in a JSON text. -#}
{% macro json_licences(text) %}{{ return(adapter.dispatch('json_licences')(text)) }}{% endmacro %}
{% macro default__json_licences(text) -%}
    from_json({{ text }}, '[{"territory": "VARCHAR", "valid_from": "DATE", "valid_to": "DATE"}]')
{%- endmacro %}
{% macro spark__json_licences(text) -%}from_json({{ text }}, '{{ licence_list() }}'){%- endmacro %}

{#- The n-th tab-separated field of a line, null when empty. -#}
{% macro tab_field(line, n) %}nullif(trim(split_part({{ line }}, chr(9), {{ n }})), ''){% endmacro %}

{#- Seconds since 1970 as a UTC timestamp. -#}
{% macro from_seconds(seconds) %}{{ return(adapter.dispatch('from_seconds')(seconds)) }}{% endmacro %}
{% macro default__from_seconds(seconds) -%}
    case when {{ seconds }} between 0 and 4102444800 then make_timestamp({{ seconds }}::bigint * 1000000) end
{%- endmacro %}
{% macro spark__from_seconds(seconds) %}timestamp_seconds({{ seconds }}){% endmacro %}

{#- The value of the row of a group with the smallest key; a struct compares field by field. -#}
{% macro first_by(value, key) %}{{ return(adapter.dispatch('first_by')(value, key)) }}{% endmacro %}
{% macro default__first_by(value, key) %}arg_min({{ value }}, {{ key }}){% endmacro %}
{% macro spark__first_by(value, key) %}min_by({{ value }}, {{ key }}){% endmacro %}

{#- Whether a text matches a regular expression. -#}
{% macro matches(text, pattern) %}{{ return(adapter.dispatch('matches')(text, pattern)) }}{% endmacro %}
{% macro default__matches(text, pattern) %}regexp_matches({{ text }}, '{{ pattern }}'){% endmacro %}
{% macro spark__matches(text, pattern) %}{{ text }} rlike r'{{ pattern }}'{% endmacro %}

{#- A list with an expression of `x` in place of each element. -#}
{% macro each_of(list, expression) %}{{ return(adapter.dispatch('each_of')(list, expression)) }}{% endmacro %}
{% macro default__each_of(list, expression) %}list_transform({{ list }}, lambda x: {{ expression }}){% endmacro %}
{% macro spark__each_of(list, expression) %}transform({{ list }}, x -> {{ expression }}){% endmacro %}

{#- The value of the row of a group with the largest key. -#}
{% macro last_by(value, key) %}{{ return(adapter.dispatch('last_by')(value, key)) }}{% endmacro %}
{% macro default__last_by(value, key) %}arg_max({{ value }}, {{ key }}){% endmacro %}
{% macro spark__last_by(value, key) %}max_by({{ value }}, {{ key }}){% endmacro %}

{#- The named columns of a row as a JSON object. -#}
{% macro as_json(columns) %}{{ return(adapter.dispatch('as_json')(columns)) }}{% endmacro %}
{% macro default__as_json(columns) -%}
    to_json({ {%- for name in columns %}'{{ name }}': {{ name }}{{ ", " if not loop.last }}{% endfor -%} })::varchar
{%- endmacro %}
{% macro spark__as_json(columns) %}to_json(struct({{ columns | join(', ') }})){% endmacro %}

{#- The n-th element of a list, counted from 1. -#}
{% macro nth(list, n) %}{{ return(adapter.dispatch('nth')(list, n)) }}{% endmacro %}
{% macro default__nth(list, n) %}{{ list }}[{{ n }}]{% endmacro %}
{% macro spark__nth(list, n) %}element_at({{ list }}, cast({{ n }} as int)){% endmacro %}

{#- An empty list instead of null. -#}
{% macro or_empty(list, type='varchar') %}{{ return(adapter.dispatch('or_empty')(list, type)) }}{% endmacro %}
{% macro default__or_empty(list, type) %}coalesce({{ list }}, []::{{ type }}[]){% endmacro %}
{% macro spark__or_empty(list, type) -%}
    coalesce({{ list }}, cast(array() as array<{{ {'varchar': 'string'}.get(type, type) }}>))
{%- endmacro %}

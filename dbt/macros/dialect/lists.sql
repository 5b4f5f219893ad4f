{#- How each engine spells rows out of lists, and lists and values out of groups. One dispatched macro each; `default__` is DuckDB. -#}

{#- One row per number in [0, n): multiplies the row it stands in. DuckDB's only: Spark wants it outermost, see `each_day`. -#}
{% macro each_number_below(n) %}unnest(range(0, {{ n }}))::integer{% endmacro %}

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

{#- The value of the row of a group with the smallest key, of those that have a value; a struct compares field by field. -#}
{% macro first_by(value, key) %}{{ return(adapter.dispatch('first_by')(value, key)) }}{% endmacro %}
{% macro default__first_by(value, key) %}arg_min({{ value }}, {{ key }}){% endmacro %}
{% macro spark__first_by(value, key) %}min_by({{ value }}, {{ key }}) filter (where {{ value }} is not null){% endmacro %}

{#- The value of the row of a group with the largest key, of those that have a value. -#}
{% macro last_by(value, key) %}{{ return(adapter.dispatch('last_by')(value, key)) }}{% endmacro %}
{% macro default__last_by(value, key) %}arg_max({{ value }}, {{ key }}){% endmacro %}
{% macro spark__last_by(value, key) %}max_by({{ value }}, {{ key }}) filter (where {{ value }} is not null){% endmacro %}

{#- A list with an expression of `x` in place of each element. -#}
{% macro each_of(list, expression) %}{{ return(adapter.dispatch('each_of')(list, expression)) }}{% endmacro %}
{% macro default__each_of(list, expression) %}list_transform({{ list }}, lambda x: {{ expression }}){% endmacro %}
{% macro spark__each_of(list, expression) %}transform({{ list }}, x -> {{ expression }}){% endmacro %}

{#- The n-th element of a list, counted from 1. -#}
{% macro nth(list, n) %}{{ return(adapter.dispatch('nth')(list, n)) }}{% endmacro %}
{% macro default__nth(list, n) %}{{ list }}[{{ n }}]{% endmacro %}
{% macro spark__nth(list, n) %}try_element_at({{ list }}, cast({{ n }} as int)){% endmacro %}

{#- An empty list instead of null. -#}
{% macro or_empty(list, type='varchar') %}{{ return(adapter.dispatch('or_empty')(list, type)) }}{% endmacro %}
{% macro default__or_empty(list, type) %}coalesce({{ list }}, []::{{ type }}[]){% endmacro %}
{% macro spark__or_empty(list, type) -%}
    coalesce({{ list }}, cast(array() as array<{{ type_of(type) }}>))
{%- endmacro %}

{#- A list of the given values. -#}
{% macro list_of(values) %}{{ return(adapter.dispatch('list_of')(values)) }}{% endmacro %}
{% macro default__list_of(values) %}[{{ values }}]{% endmacro %}
{% macro spark__list_of(values) %}array({{ values }}){% endmacro %}

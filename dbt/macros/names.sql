{#- One row with a list of names for each table `list: [table, name, code]`, the name of code n at place n: a join would carry
    the whole list along with each row. -#}
{% macro names_by_code(lists) -%}
    select {% for list, (table, name, code) in lists.items() -%}
        (select {{ list_by(name, code) }} from {{ table }}) as {{ list }}{{ ", " if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{#- What stands for a user in the steps of a model, made beside `user_id` in its table `users`: a small number on DuckDB. On Spark
    it is the id, because one task would have to count all users, and one row to hold all their ids. -#}
{% macro user_number(user) %}{{ return(adapter.dispatch('user_number')(user)) }}{% endmacro %}
{% macro default__user_number(user) %}row_number() over (order by {{ user }})::integer{% endmacro %}
{% macro spark__user_number(user) %}{{ user }}{% endmacro %}

{#- The lists for `names_by_code`, and with them that of the users where they have numbers. -#}
{% macro with_users(lists) %}{{ return(adapter.dispatch('with_users')(lists)) }}{% endmacro %}
{% macro default__with_users(lists) %}{{ return(dict(lists, user_names=['users', 'user_id', 'user_code'])) }}{% endmacro %}
{% macro spark__with_users(lists) %}{{ return(lists) }}{% endmacro %}

{#- The id behind a `user_number`. -#}
{% macro user_named(number) %}{{ return(adapter.dispatch('user_named')(number)) }}{% endmacro %}
{% macro default__user_named(number) %}{{ nth('user_names', number) }}{% endmacro %}
{% macro spark__user_named(number) %}{{ number }}{% endmacro %}

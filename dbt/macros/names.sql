{#- One row with a list of names for each table `list: [table, name, code]`, the name of code n at place n: a join would carry
    the whole list along with each row. -#}
{% macro names_by_code(lists) -%}
    select {% for list, (table, name, code) in lists.items() -%}
        (select {{ list_by(name, code) }} from {{ table }}) as {{ list }}{{ ", " if not loop.last }}
    {%- endfor %}
{%- endmacro %}

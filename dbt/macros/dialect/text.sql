{#- How each engine trims, matches and orders, and what its functions are called in the tests beside the models. One dispatched macro each; `default__` is DuckDB. -#}

{#- A text without the spaces around it; DuckDB knows those of every script. -#}
{% macro trimmed(text) %}{{ return(adapter.dispatch('trimmed')(text)) }}{% endmacro %}
{% macro default__trimmed(text) %}trim({{ text }}){% endmacro %}
{% macro spark__trimmed(text) %}regexp_replace({{ text }}, r'^\p{Zs}+|\p{Zs}+\z', ''){% endmacro %}

{#- The n-th tab-separated field of a line, null when empty. -#}
{% macro tab_field(line, n) %}nullif({{ trimmed('split_part(' ~ line ~ ', chr(9), ' ~ n ~ ')') }}, ''){% endmacro %}

{#- Whether a text matches a regular expression, whose `$` is the end of the text; Java's comes before a last line feed too. -#}
{% macro matches(text, pattern) %}{{ return(adapter.dispatch('matches')(text, pattern)) }}{% endmacro %}
{% macro default__matches(text, pattern) %}regexp_matches({{ text }}, '{{ pattern }}'){% endmacro %}
{% macro spark__matches(text, pattern) %}{{ text }} rlike r'{{ pattern | replace('$', '\\z') }}'{% endmacro %}

{#- Columns to order by, where null comes last as it does in DuckDB; Spark puts it first unless the order descends. -#}
{% macro nulls_last(columns) %}{{ return(adapter.dispatch('nulls_last')(columns)) }}{% endmacro %}
{% macro default__nulls_last(columns) %}{{ columns }}{% endmacro %}
{% macro spark__nulls_last(columns) -%}
    {%- for column in columns.split(',') -%}
    {{ column | trim }}{{ ' nulls last' if ' ' not in column | trim }}{{ ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{#- A rule of a test, which is written in YAML and so without macros, in the engine's names. -#}
{% macro rule_here(rule) %}{{ return(adapter.dispatch('rule_here')(rule)) }}{% endmacro %}
{% macro default__rule_here(rule) %}{{ rule }}{% endmacro %}
{% macro spark__rule_here(rule) %}{{ rule | replace('len(', 'size(') | replace('list_distinct(', 'array_distinct(') }}{% endmacro %}

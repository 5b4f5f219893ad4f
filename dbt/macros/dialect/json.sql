{#- How each engine reads and writes JSON. One dispatched macro each; `default__` is DuckDB. -#}

{#- A JSON object as a struct of text fields; null where the text is no JSON object. -#}
{% macro json_fields(text, columns) %}{{ return(adapter.dispatch('json_fields')(text, columns)) }}{% endmacro %}
{% macro default__json_fields(text, columns) -%}
    case when json_valid({{ text }}) and json_type({{ text }}) = 'OBJECT' then from_json({{ text }}, '{
        {%- for name in columns %}"{{ name }}": "VARCHAR"{{ ", " if not loop.last }}{% endfor -%}
    }') end
{%- endmacro %}
{% macro spark__json_fields(text, columns) -%}
    {#- Spark reads the first value of a text and forgives what follows, so the text must be the one element of a list. An object
        that has a key twice is none: DuckDB would take the first of the two, Spark the last. -#}
    case when json_array_length(concat('[', {{ text }}, ']')) = 1
        and schema_of_variant(try_parse_json(concat('[', {{ text }}, ']'))) like 'ARRAY<OBJECT%'
        then from_json({{ text }}, '{% for name in columns %}`{{ name }}` string{{ ", " if not loop.last }}{% endfor %}') end
{%- endmacro %}

{% macro licence_list() %}{{ return(adapter.dispatch('licence_list')()) }}{% endmacro %}
{% macro default__licence_list() %}{{ return('struct(territory varchar, valid_from date, valid_to date)[]') }}{% endmacro %}
{% macro spark__licence_list() %}{{ return('array<struct<territory:string,valid_from:date,valid_to:date>>') }}{% endmacro %}

{#- The licences of a track in a JSON text. -#}
{% macro json_licences(text) %}{{ return(adapter.dispatch('json_licences')(text)) }}{% endmacro %}
{% macro default__json_licences(text) -%}
    from_json({{ text }}, '[{"territory": "VARCHAR", "valid_from": "DATE", "valid_to": "DATE"}]')
{%- endmacro %}
{% macro spark__json_licences(text) -%}from_json({{ text }}, '{{ licence_list() }}'){%- endmacro %}

{#- The named columns of a row as a JSON object; `times` are those that hold timestamps. -#}
{% macro as_json(columns, times) %}{{ return(adapter.dispatch('as_json')(columns, times)) }}{% endmacro %}
{% macro default__as_json(columns, times) -%}
    to_json({ {%- for name in columns %}'{{ name }}': {{ name }}{{ ", " if not loop.last }}{% endfor -%} })::varchar
{%- endmacro %}
{% macro spark__as_json(columns, times) -%}
    to_json(struct({% for name in columns -%}
        {{ 'cast(' ~ name ~ ' as string) as ' ~ name if name in times else name }}{{ ", " if not loop.last }}
    {%- endfor %}), map('ignoreNullFields', 'false'))
{%- endmacro %}

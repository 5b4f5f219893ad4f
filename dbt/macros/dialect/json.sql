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

{% macro no_licence() %}{{ return(adapter.dispatch('no_licence')()) }}{% endmacro %}
{% macro default__no_licence() %}[]::{{ licence_list() }}{% endmacro %}
{% macro spark__no_licence() %}cast(array() as {{ licence_list() }}){% endmacro %}

{#- The licences of a track in a JSON text; null where it is no list, and in the list where a window cannot be read. -#}
{% macro json_licences(text) %}{{ return(adapter.dispatch('json_licences')(text)) }}{% endmacro %}
{% macro default__json_licences(text) -%}
    case when json_valid({{ text }}) and json_type({{ text }}) = 'ARRAY' then list_transform(
        from_json({{ text }}, '[{"territory": "VARCHAR", "valid_from": "VARCHAR", "valid_to": "VARCHAR"}]'),
        lambda x: case when {{ window_is_readable() }} then struct_pack(
            territory := x.territory, valid_from := {{ try_to('date', 'x.valid_from') }}, valid_to := {{ try_to('date', 'x.valid_to') }}
        ) end
    ) end
{%- endmacro %}
{#- As in `json_fields` for what follows a value; an object alone would be a list of one. -#}
{% macro spark__json_licences(text) -%}
    case when json_array_length(concat('[', {{ text }}, ']')) = 1 and json_array_length({{ text }}) is not null then transform(
        from_json({{ text }}, 'array<struct<territory:string,valid_from:string,valid_to:string>>'),
        x -> case when {{ window_is_readable() }} then named_struct(
            'territory', x.territory, 'valid_from', {{ try_to('date', 'x.valid_from') }}, 'valid_to', {{ try_to('date', 'x.valid_to') }}
        ) end
    ) end
{%- endmacro %}
{% macro window_is_readable() -%}
    (x.valid_from is null or {{ try_to('date', 'x.valid_from') }} is not null)
            and (x.valid_to is null or {{ try_to('date', 'x.valid_to') }} is not null)
{%- endmacro %}

{#- Whether a list of licences has a window that says nothing: unreadable, of no territory, or over before it begins. -#}
{% macro has_empty_window(licences) %}{{ return(adapter.dispatch('has_empty_window')(licences)) }}{% endmacro %}
{% macro default__has_empty_window(licences) -%}
    len(list_filter({{ licences }}, lambda x: x is null or x.territory is null or x.valid_to < x.valid_from)) > 0
{%- endmacro %}
{% macro spark__has_empty_window(licences) -%}
    exists({{ licences }}, x -> x is null or x.territory is null or coalesce(x.valid_to < x.valid_from, false))
{%- endmacro %}

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

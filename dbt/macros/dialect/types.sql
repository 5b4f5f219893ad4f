{#- What each engine calls a type, and how it casts, multiplies, divides and rounds. One dispatched macro each; `default__` is DuckDB. -#}

{#- A type of a contract or of a source's columns, as the engine calls it. -#}
{% macro type_of(type) %}{{ return(adapter.dispatch('type_of')(type)) }}{% endmacro %}
{% macro default__type_of(type) %}{{ return(type) }}{% endmacro %}
{% macro spark__type_of(type) %}
    {%- set names = {'varchar': 'string', 'timestamptz': 'timestamp', 'varchar[]': 'array<string>', 'double[]': 'array<double>',
                     'bigint[]': 'array<bigint>', default__licence_list(): spark__licence_list()} -%}
    {{ return(names.get(type, type)) }}
{% endmacro %}

{% macro text() %}{{ return(type_of('varchar')) }}{% endmacro %}

{#- A cast that gives null instead of an error. -#}
{% macro try_to(type, value) %}{{ return(adapter.dispatch('try_to')(type, value)) }}{% endmacro %}
{#- DuckDB takes `2026/05/31`, `epoch` and `infinity` for days. -#}
{% macro default__try_to(type, value) -%}
    {%- if type == licence_list() -%}
    {{ json_licences(value) }}
    {%- elif type == 'date' -%}
    case when not {{ matches(value, '^\\s*0000') }} then try_cast(regexp_extract({{ value }}, '{{ a_day() }}$', 1) as date) end
    {%- else -%}
    try_cast({{ value }} as {{ type }})
    {%- endif -%}
{%- endmacro %}
{#- Spark takes `T10:00` for a time of today, `2026` for a day, ` true ` for a boolean, and `1.0` for no whole number. -#}
{% macro spark__try_to(type, value) -%}
    {%- if type == licence_list() -%}
    {{ json_licences(value) }}
    {%- elif type == 'date' -%}
    case when not {{ matches(value, '^\\s*0000') }} then try_cast(regexp_extract({{ value }}, r'{{ a_day() }}\z', 1) as date) end
    {%- elif type == 'boolean' -%}
    case when {{ matches(value, '^\\S*$') }} then try_cast({{ value }} as boolean) end
    {%- elif type in ('timestamptz', 'timestamp') -%}
    case when {{ value }} rlike r'^\s*\d+-\d{1,2}-\d{1,2}' then try_cast({{ value }} as {{ type_of(type) }}) end
    {%- elif type == 'bigint' -%}
    coalesce(try_cast({{ value }} as bigint), try_cast(round(try_cast({{ value }} as decimal(38, 9))) as bigint))
    {%- else -%}
    try_cast({{ value }} as {{ type_of(type) }})
    {%- endif -%}
{%- endmacro %}

{#- A day of the years 1 to 9999, alone or before a time: the beginning of a regular expression. -#}
{% macro a_day() %}{{ return('^\\s*(\\d{4}-\\d{1,2}-\\d{1,2})(?:[T ].*)?') }}{% endmacro %}

{#- A row number that may be multiplied; Spark's has 32 bits. -#}
{% macro long(number) %}{{ return(adapter.dispatch('long')(number)) }}{% endmacro %}
{% macro default__long(number) %}{{ number }}{% endmacro %}
{% macro spark__long(number) %}cast({{ number }} as bigint){% endmacro %}

{#- A number whose quotients are doubles; by a decimal Spark divides in decimals. -#}
{% macro real(number) %}{{ return(adapter.dispatch('real')(number)) }}{% endmacro %}
{% macro default__real(number) %}{{ number }}{% endmacro %}
{% macro spark__real(number) %}{{ number }}D{% endmacro %}

{#- A whole number from 0 on divided by another, without the rest. -#}
{% macro whole_quotient(number, by) %}{{ return(adapter.dispatch('whole_quotient')(number, by)) }}{% endmacro %}
{% macro default__whole_quotient(number, by) %}({{ number }} // {{ by }}){% endmacro %}
{% macro spark__whole_quotient(number, by) %}({{ number }} div {{ by }}){% endmacro %}

{#- A double from 0 on with so many decimals. Spark rounds what it would print, DuckDB what it holds. -#}
{% macro rounded(number, decimals) %}{{ return(adapter.dispatch('rounded')(number, decimals)) }}{% endmacro %}
{% macro default__rounded(number, decimals) %}round({{ number }}, {{ decimals }}){% endmacro %}
{% macro spark__rounded(number, decimals) %}floor(({{ number }}) * 1e{{ decimals }} + 0.5D) / 1e{{ decimals }}{% endmacro %}

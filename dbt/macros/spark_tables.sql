{#- How tables are made on Spark: all of them anew in every build, as Parquet in an empty warehouse. Parquet has no transactions
    in which days could be replaced. -#}

{#- Replaces dbt-spark's, whose strategies are others than ours. -#}
{% materialization incremental, adapter='spark' %}
    {%- if load_relation(this) is not none -%}
        {% do exceptions.raise_compiler_error(this ~ ' is there already: on Spark every build begins with an empty warehouse') %}
    {%- endif -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {% call statement('main') %}{{ create_table_as(false, target_relation, sql) }}{% endcall %}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{#- Replaces the adapter's macro: a contract becomes a cast, and a refusal of nulls. The build on DuckDB compares types. -#}
{% macro spark__create_table_as(temporary, relation, compiled_code, language='sql') -%}
    create table {{ relation }} as
    {%- if config.get('contract').enforced %}
    {{ get_assert_columns_equivalent(compiled_code) }}
    select
        {% for column in model['columns'].values() -%}
        {{ as_contracted(column) }} as {{ column['name'] }}{{ ", " if not loop.last }}
        {% endfor -%}
    from ({{ compiled_code }}) as rows_made
    {%- else %}
    {{ compiled_code }}
    {%- endif %}
{%- endmacro %}

{% macro as_contracted(column) -%}
    {%- set value = 'cast(rows_made.' ~ column['name'] ~ ' as ' ~ type_of(column['data_type']) ~ ')' -%}
    {%- if column['constraints'] | selectattr('type', 'equalto', 'not_null') | list -%}
    coalesce({{ value }}, raise_error('null in {{ model['name'] }}.{{ column['name'] }}'))
    {%- else -%}
    {{ value }}
    {%- endif -%}
{%- endmacro %}

{#- The same columns by name. -#}
{% macro spark__get_assert_columns_equivalent(sql) %}
    {%- set found, promised = run_query('describe query ' ~ sql).columns[0].values(), model['columns'] | list -%}
    {%- if found | sort != promised | sort -%}
        {% do exceptions.raise_compiler_error('the contract of ' ~ model['name'] ~ ' has the columns ' ~ promised | join(', ')
            ~ '; the query has ' ~ found | join(', ')) %}
    {%- endif -%}
{% endmacro %}

{#- Replaces the adapter's macro: Parquet keeps no constraints, and `create_table_as` has refused the nulls. -#}
{% macro spark__persist_constraints(relation, model) %}{% endmacro %}

{#- Replaces the adapter's macro, which ends a text at its first quote. -#}
{% macro spark__load_csv_rows(model, agate_table) %}
    {%- set types = model['config']['column_types'] -%}
    {%- set sql %}
        insert into {{ this }} values
        {%- for row in agate_table.rows %}
        ({% for name in agate_table.column_names -%}
            cast({{ 'null' if row[name] is none else "'" ~ row[name] | string | replace('\\', '\\\\') | replace("'", "\\'") ~ "'" }} as {{ types[name] }}){{ ", " if not loop.last }}
        {%- endfor %}){{ "," if not loop.last }}
        {%- endfor %}
    {%- endset -%}
    {%- if agate_table.rows %}{% do adapter.add_query(sql, abridge_sql_log=true) %}{% endif -%}
    {{ return(sql) }}
{% endmacro %}

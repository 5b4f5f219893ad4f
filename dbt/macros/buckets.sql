{#- Models that hold lists or expand days, which DuckDB cannot spill, are built for one bucket of users after another: the
    memory of a build then does not grow with the number of users. Such a model says in its config how many listens make a
    bucket (`in_buckets`: `listens`, and `days` when it reads only those of so many days), and filters its users with
    `in_this_bucket`. -#}

{#- Whether a user belongs to the bucket at work; everybody does where there are no buckets, as in a unit test. -#}
{% macro in_this_bucket(user) %}{{ return(adapter.dispatch('in_this_bucket')(user)) }}{% endmacro %}
{% macro default__in_this_bucket(user) -%}
    (getvariable('bucket') is null or hash({{ user }}) % getvariable('buckets') = getvariable('bucket'))
{%- endmacro %}
{#- Spark cuts its work into partitions that spill. -#}
{% macro spark__in_this_bucket(user) %}true{% endmacro %}

{% macro number_of_buckets(sized) %}
    {% set query %}
        select 1 + count(*) // {{ sized['listens'] }} from {{ ref('listens') }}
        {% if 'days' in sized %}where day >= {{ later(first_day(), 1 - sized['days']) }}{% endif %}
    {% endset %}
    {{ return(run_query(query).columns[0].values()[0] | int) }}
{% endmacro %}

{#- Replaces the adapter's macro. One statement per bucket: DuckDB holds more than one bucket of a `union all`. -#}
{% macro duckdb__create_table_as(temporary, relation, compiled_code, language='sql', partitioned_by=none, sorted_by=none) -%}
    {%- set whole = dbt.duckdb__create_table_as(temporary, relation, compiled_code, language, partitioned_by, sorted_by) -%}
    {%- set sized = config.get('in_buckets') if model.resource_type == 'model' -%}
    {%- if not sized -%}
    {{ whole }}
    {%- else -%}
    {%- set buckets = number_of_buckets(sized) -%}
    set variable buckets = {{ buckets }};
    set variable bucket = {{ 0 if buckets > 1 else 'null' }};
    {{ whole }};
    {%- for bucket in range(1, buckets) %}
    set variable bucket = {{ bucket }};
    insert into {{ relation.include(database=not temporary, schema=not temporary) }} by name ({{ compiled_code }});
    {%- endfor %}
    reset variable bucket
    {%- endif -%}
{%- endmacro %}

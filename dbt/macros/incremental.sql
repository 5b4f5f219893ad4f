{#- Incremental by day: every model below silver's `changes` rebuilds its rows from the first changed day on. -#}

{% macro first_day() %}(select first_day from {{ ref('changes') }} order by run_number desc limit 1){% endmacro %}

{% macro as_of() %}(select max(as_of) from {{ ref('landed_files') }}){% endmacro %}

{#- The table a model built in an earlier run, or none: state, so it makes no edge in the graph. -#}
{% macro built_before(schema, table) %}
    {{ return(adapter.get_relation(database=target.database, schema=schema, identifier=table)) }}
{% endmacro %}

{#- Strategy of the daily tables: one transaction takes out everything from the first changed day on and puts it back. -#}
{% macro get_incremental_replace_days_sql(args) %}
    delete from {{ args['target_relation'] }} where day >= {{ first_day() }};
    insert into {{ args['target_relation'] }} ({{ args['dest_columns'] | map(attribute='quoted') | join(', ') }})
    select {{ args['dest_columns'] | map(attribute='quoted') | join(', ') }} from {{ args['temp_relation'] }}
{% endmacro %}

{#- Strategy of bronze: a file that grew, changed or left the inventory loses its rows, then the unread files are added. -#}
{% macro get_incremental_replace_files_sql(args) %}
    delete from {{ args['target_relation'] }}
    where (landed_file, file_size) not in (select landed_file, file_size from {{ ref('landed_files') }});
    insert into {{ args['target_relation'] }} ({{ args['dest_columns'] | map(attribute='quoted') | join(', ') }})
    select {{ args['dest_columns'] | map(attribute='quoted') | join(', ') }} from {{ args['temp_relation'] }}
{% endmacro %}

{#- Rows of two versions of a table that only one of them has, without regard to some columns. -#}
{% macro rows_that_differ(now, before, key, unimportant) %}
    {%- set columns = adapter.get_columns_in_relation(before) | map(attribute='name') | reject('in', unimportant) | join(', ') -%}
    (select {{ columns }} from {{ now }} except select {{ columns }} from {{ before }})
    union all
    (select {{ columns }} from {{ before }} except select {{ columns }} from {{ now }})
{% endmacro %}

{#- The first day a track can be listened to, as far as the platform knows. -#}
{% macro track_begins(release_date, first_arrival_day, first_listen_day) -%}
    least(greatest({{ release_date }}, {{ first_arrival_day }}), {{ first_listen_day }})
{%- endmacro %}

{#- One row per day from one to another, both included; none when the last comes before the first. -#}
{% macro each_day(first, last) %}{{ return(adapter.dispatch('each_day')(first, last)) }}{% endmacro %}
{% macro default__each_day(first, last) -%}
    {{ later(first, each_number_below(days_between(first, last) ~ ' + 1')) }}
{%- endmacro %}
{% macro spark__each_day(first, last) -%}
    explode(if({{ last }} >= {{ first }}, sequence({{ first }}, {{ last }}), cast(array() as array<date>)))
{%- endmacro %}

{#- One row per day of the n that begin with a day. -#}
{% macro each_later_day(day, n) %}{{ return(adapter.dispatch('each_later_day')(day, n)) }}{% endmacro %}
{% macro default__each_later_day(day, n) %}{{ later(day, each_number_below(n)) }}{% endmacro %}
{% macro spark__each_later_day(day, n) %}{{ each_day(day, later(day, n - 1)) }}{% endmacro %}

{#- A step of a running sum that begins at the first changed day. -#}
{% macro not_before_first_day(day) %}greatest({{ day }}, {{ first_day() }}){% endmacro %}

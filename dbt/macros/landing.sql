{#- How bronze reads landing: typed rows from Parquet, text lines from everything else. No file of a kind gives no row. -#}

{% macro not_read_yet() -%}
    {% if is_incremental() %}
        and not exists (
            select 1 from {{ this }} as seen
            where seen.landed_file = landed.landed_file and seen.file_size = landed.file_size
        )
    {% endif %}
{%- endmacro %}

{#- SQL list of the paths that this bronze model has not read at their present size. -#}
{% macro unread_paths(source, kind, format) %}
    {% set found = [] %}
    {% if execute %}
        {% set query %}
            select path from {{ ref('landed_files') }} as landed
            where source = '{{ source }}' and kind = '{{ kind }}' and format = '{{ format }}' and problem is null
            {{ not_read_yet() }}
            order by path
        {% endset %}
        {% for path in run_query(query).columns[0].values() %}{% do found.append("'" ~ path | replace("'", "''") ~ "'") %}{% endfor %}
    {% endif %}
    {{ return(found) }}
{% endmacro %}

{#- Rows of the unread Parquet files with the given columns; a column that no file has is null. -#}
{% macro parquet_rows(source, kind, columns) %}{{ return(adapter.dispatch('parquet_rows')(source, kind, columns)) }}{% endmacro %}
{% macro default__parquet_rows(source, kind, columns) %}
    {%- set paths = unread_paths(source, kind, 'parquet') -%}
    select {% for name, type in columns.items() %}{{ name }}::{{ type }} as {{ name }}, {% endfor %} filename as path
    from (
        select {% for name, type in columns.items() %}null::{{ type }} as {{ name }}, {% endfor %} null::varchar as filename
        where false
        {%- if paths %}
        union all by name
        select * from read_parquet([{{ paths | join(', ') }}], union_by_name = true, filename = true)
        {%- endif %}
    )
{% endmacro %}

{#- Lines of the unread text files. A byte that is no UTF-8 marks the file `latin-1` in the inventory, so that it is read too.
    The delimiter is no character, so that a control byte stays in its line; a bare carriage return ends a line. -#}
{% macro text_lines(source, kind, format) %}{{ return(adapter.dispatch('text_lines')(source, kind, format)) }}{% endmacro %}
{% macro default__text_lines(source, kind, format) %}
    select null::varchar as line, null::varchar as path where false
    {%- for encoding in ['utf-8', 'latin-1'] %}
    {%- set paths = unread_paths(source, kind, format ~ ('' if encoding == 'utf-8' else ':' ~ encoding)) %}
    {%- if paths %}
    union all
    select line, filename as path
    from read_csv(
        [{{ paths | join(', ') }}], columns = {'line': 'VARCHAR'}, header = false, auto_detect = false, delim = chr(1114111),
        strict_mode = false, quote = '', escape = '', filename = true, max_line_size = 8000000, encoding = '{{ encoding }}'
    )
    where trim(line) <> ''
    {%- endif %}
    {%- endfor %}
{% endmacro %}

{#- The files that `segue features` took into the inventory of this build. -#}
{% macro inventory_rows() %}{{ return(adapter.dispatch('inventory_rows')()) }}{% endmacro %}
{% macro default__inventory_rows() %}read_parquet('{{ env_var("SEGUE_MART_INVENTORY") | replace("'", "''") }}'){% endmacro %}
{% macro spark__inventory_rows() %}global_temp.landed_inventory{% endmacro %}

{#- Files of a source that could not be opened, as one row each with the columns (line, path, problem). -#}
{% macro lines_and_unreadable(source, format) %}
    select line, path, null::{{ text() }} as problem from ({{ text_lines(source, 'events', format) }})
    union all
    select problem as line, path, 'unreadable_file' as problem
    from {{ ref('landed_files') }} as landed
    where source = '{{ source }}' and kind = 'events' and problem is not null {{ not_read_yet() }}
{% endmacro %}

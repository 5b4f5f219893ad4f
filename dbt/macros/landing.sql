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

{#- The day a row belongs to: of its listening when its time can be true, else of its arrival. -#}
{% macro day_of(occurred_at, arrival_day) -%}
    case when {{ occurred_at }} >= timestamp '2000-01-01' and {{ occurred_at }} < {{ later(arrival_day, 1) }}
        then cast({{ occurred_at }} as date) else {{ arrival_day }} end
{%- endmacro %}

{#- What is wrong with a catalogue or account row as a whole: its own problem, or no id. -#}
{% macro row_problem(problem, id) -%}
    coalesce({{ problem }}, case when coalesce({{ id }}, '') = '' then 'missing_{{ id }}' end)
{%- endmacro %}

{#- Files of a source that could not be opened, as one row each with the columns (line, path, problem). -#}
{% macro lines_and_unreadable(source, format) %}
    select line, path, null::varchar as problem from ({{ text_lines(source, 'events', format) }})
    union all
    select problem as line, path, 'unreadable_file' as problem
    from {{ ref('landed_files') }} as landed
    where source = '{{ source }}' and kind = 'events' and problem is not null {{ not_read_yet() }}
{% endmacro %}

{#- Last select of a bronze model whose source knows plays only; `plays` has the named columns and `path`. -#}
{% macro plays_only(source) %}
    '{{ source }}' as source, landed.landed_file, landed.file_size, landed.arrival_day,
    {{ listen_key(source) }} as event_id,
    'play' as event_type, user_id, track_id, occurred_at,
    null::timestamp as received_at, null::bigint as ms_played, null::varchar as device, null::varchar as territory,
    null::varchar as surface, null::varchar as playlist_id, artist_id, artist_name, title,
    plays.problem, row_text,
    {{ day_of('occurred_at', 'landed.arrival_day') }} as day
{% endmacro %}

{#- Sources without event ids: the same user, track and moment is the same listen. -#}
{% macro listen_key(source) -%}
    md5('{{ source }}|' || coalesce(user_id, '') || '|' || coalesce(track_id, '') || '|' || coalesce(cast(occurred_at as varchar), ''))
{%- endmacro %}

{#- An id for what a source only names: the same words in any case are the same thing. -#}
{% macro id_of_names(names) -%}
    md5(lower({% for name in names %}coalesce({{ name }}, ''){{ " || '|' || " if not loop.last }}{% endfor %}))
{%- endmacro %}

{#- The shape of an id in `segue/events.py`. -#}
{% macro is_id(text) %}{{ matches(text, '^[^\\s\\x00-\\x1f]{1,128}$') }}{% endmacro %}

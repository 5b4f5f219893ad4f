{#- What bronze makes of a row that was read: its day, its id, its problem, and the columns of a source that knows plays only. -#}

{#- The day a row belongs to: of its listening when its time can be true, else of its arrival. -#}
{% macro day_of(occurred_at, arrival_day) -%}
    case when {{ occurred_at }} >= timestamp '2000-01-01' and {{ occurred_at }} < {{ later(arrival_day, 1) }}
        then cast({{ occurred_at }} as date) else {{ arrival_day }} end
{%- endmacro %}

{#- The columns of `row`, a struct of texts, in their types. Null is the permissive value of some of them, so what cannot be read
    becomes `closed[name]` there, which permits nothing. -#}
{% macro typed_columns(row, columns, closed) -%}
    {%- for name, type in columns.items() -%}
    {%- set text = row ~ '.' ~ name -%}
    {%- if name in closed -%}
    coalesce({{ try_to(type, text) }}, case when {{ text }} is not null then {{ closed[name] }} end) as {{ name }},
    {%- else -%}
    {{ try_to(type, text) }} as {{ name }},
    {%- endif %}
        {% endfor -%}
{%- endmacro %}

{#- What is wrong with `row`, a struct of texts: it is none, or the first of its columns that cannot be read. -#}
{% macro problem_of_texts(row, columns) -%}
    case
            when {{ row }} is null then 'malformed_json'
            {%- for name, type in columns.items() if type != 'varchar' %}
            when {{ row }}.{{ name }} is not null and {{ try_to(type, row ~ '.' ~ name) }} is null then 'unparsable_{{ name }}'
            {%- endfor %}
        end
{%- endmacro %}

{#- What is wrong with a catalogue or account row as a whole: its own problem, or no id. -#}
{% macro row_problem(problem, id) -%}
    coalesce({{ problem }}, case when coalesce({{ id }}, '') = '' then 'missing_{{ id }}' end)
{%- endmacro %}

{#- Last select of a bronze model whose source knows plays only; `plays` has the named columns and `path`. -#}
{% macro plays_only(source) %}
    '{{ source }}' as source, landed.landed_file, landed.file_size, landed.arrival_day,
    {{ listen_key(source) }} as event_id,
    'play' as event_type, user_id, track_id, occurred_at,
    null::timestamp as received_at, null::bigint as ms_played, null::{{ text() }} as device, null::{{ text() }} as territory,
    null::{{ text() }} as surface, null::{{ text() }} as playlist_id, artist_id, artist_name, title,
    plays.problem, row_text,
    {{ day_of('occurred_at', 'landed.arrival_day') }} as day
{% endmacro %}

{#- Sources without event ids: the same user, track and moment is the same listen. -#}
{% macro listen_key(source) -%}
    md5('{{ source }}|' || coalesce(user_id, '') || '|' || coalesce(track_id, '') || '|' || coalesce(cast(occurred_at as {{ text() }}), ''))
{%- endmacro %}

{#- An id for what a source only names: the same words in any case are the same thing. -#}
{% macro id_of_names(names) -%}
    md5(lower({% for name in names %}coalesce({{ name }}, ''){{ " || '|' || " if not loop.last }}{% endfor %}))
{%- endmacro %}

{#- The shape of an id in `segue/events.py`. -#}
{% macro is_id(text) %}{{ matches(text, '^[^\\s\\x00-\\x1f]{1,128}$') }}{% endmacro %}

{#- On Spark the files are views that `infra/mart/spark_landing.py` lays over those of the inventory: Spark cannot be told in
    SQL to read a list of them. -#}
{% macro spark__parquet_rows(source, kind, columns) %}
    select {% for name, type in columns.items() %}cast({{ name }} as {{ type_of(type) }}) as {{ name }}, {% endfor %} path
    from {{ landed_view(source, kind, 'parquet') }}
{% endmacro %}
{% macro spark__text_lines(source, kind, format) %}
    select line, path from {{ landed_view(source, kind, format) }} where {{ trimmed('line') }} <> ''
{% endmacro %}
{% macro landed_view(source, kind, format) %}global_temp.landed_{{ source | replace('-', '_') }}_{{ kind }}_{{ format }}{% endmacro %}

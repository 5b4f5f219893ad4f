{#- The grain: no two rows share the keys. -#}
{% test one_row_per(model, keys) %}
    select {{ keys | join(', ') }}, count(*) as rows_found from {{ model }} group by {{ keys | join(', ') }} having count(*) > 1
{% endtest %}

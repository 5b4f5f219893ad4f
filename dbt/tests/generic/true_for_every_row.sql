{#- An invariant: a row for which it is false or unknown fails. -#}
{% test true_for_every_row(model, rule) %}
    select * from {{ model }} where not coalesce({{ rule_here(rule) }}, false)
{% endtest %}

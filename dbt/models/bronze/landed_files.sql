-- The inventory `segue features` takes before a build: what has arrived by the end of the as-of day.
select
    source::varchar as source,
    kind::varchar as kind,
    arrival_day::date as arrival_day,
    landed_file::varchar as landed_file,
    path::varchar as path,
    file_size::bigint as file_size,
    format::varchar as format,
    problem::varchar as problem,
    as_of::date as as_of
from read_parquet('{{ env_var("SEGUE_MART_INVENTORY") | replace("'", "''") }}')

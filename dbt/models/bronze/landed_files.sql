-- The inventory `segue features` takes before a build: what has arrived by the end of the as-of day.
select
    source::{{ text() }} as source,
    kind::{{ text() }} as kind,
    arrival_day::date as arrival_day,
    landed_file::{{ text() }} as landed_file,
    path::{{ text() }} as path,
    file_size::bigint as file_size,
    format::{{ text() }} as format,
    problem::{{ text() }} as problem,
    as_of::date as as_of
from {{ inventory_rows() }}

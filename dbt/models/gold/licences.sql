with windows as (
    select track_id, {{ each_element('licences') }} as licence from {{ ref('catalogue') }} where licences is not null
)

select distinct
    track_id, licence.territory as territory, licence.valid_from as valid_from, licence.valid_to as valid_to
from windows

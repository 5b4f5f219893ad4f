"""Daily: bring events in, rebuild the features from them, and take a snapshot of what is played together."""

from __future__ import annotations

from airflow.sdk import DAG, Param

from segue.exit_codes import PARTLY_REFUSED
from segue.names import Dag, Source
from segue_assets import FEATURES
from segue_tasks import AS_OF, AS_OF_PARAM, dag_defaults, say_day, segue_task, tell_of_refused, when

NOTHING_TO_FETCH = 99

CHOOSE = f"""
case "$SOURCE" in
  service) echo "what the service received over HTTP is landed already" >&2; exit {NOTHING_TO_FETCH} ;;
  world) set -- world --start="$START" --days="$DAYS" --users="$USERS" --tracks="$TRACKS" --seed="$SEED" ;;
  *) [ -n "$LAND_PATH" ] || {{ echo "the form names no path to land $SOURCE from: fill in Path" >&2; exit 2; }}
     set -- land --source="$SOURCE" --path="$LAND_PATH" ;;
esac
"""

PARAMS = {
    "as_of": AS_OF_PARAM,
    "source": Param(
        "service",
        type="string",
        enum=["service", "world", *(source.value for source in Source)],
        title="Source of events",
        description="`service`: what arrived over HTTP is there already. `world`: simulate a streaming service. "
        "The others read the path below.",
    ),
    "path": Param(
        None,
        type=["null", "string"],
        pattern=r"^(?!-)(?!.*\{\{)(?!.*[\x00-\x1f\x7f]).+$",
        maxLength=500,
        title="Path",
        description="A file or a folder of files, for the sources that are read from one. No control characters, no "
        "leading dash, no template.",
    ),
    "full_refresh": Param(False, type="boolean", title="Full refresh", description="Rebuild every table from landing."),
    "start": Param(
        "2026-09-21", type="string", format="date", pattern=r"^\d{4}-\d{2}-\d{2}$", title="World: first day", section="World"
    ),
    "days": Param(56, type="integer", minimum=1, maximum=366, title="World: days to simulate", section="World"),
    "users": Param(2_000, type="integer", minimum=10, maximum=1_000_000, title="World: listeners", section="World"),
    "tracks": Param(10_000, type="integer", minimum=100, maximum=10_000_000, title="World: tracks", section="World"),
    "seed": Param(
        17,
        type="integer",
        minimum=0,
        maximum=2**31 - 1,
        title="World: seed",
        description="The same seed gives the same world.",
        section="World",
    ),
}

with DAG(
    dag_id=Dag.LISTENING.value,
    description="Daily: land events, then dbt, checks and Feast",
    doc_md=__doc__,
    schedule=when("0 2 * * *"),
    params=PARAMS,
    **dag_defaults(),
):
    land = segue_task(
        "land",
        '"$@"',
        before=CHOOSE,
        env={
            "SOURCE": "{{ params.source }}",
            "LAND_PATH": "{{ params.path or '' }}",
            "START": "{{ params.start }}",
            "DAYS": "{{ params.days }}",
            "USERS": "{{ params.users }}",
            "TRACKS": "{{ params.tracks }}",
            "SEED": "{{ params.seed }}",
        },
        skip_on_exit_code=NOTHING_TO_FETCH,
        passes_on=PARTLY_REFUSED,  # the day goes on without the refused files
        on_success_callback=tell_of_refused,
        doc_md="Lands events; skipped when there is nothing to fetch. On-call is told of refused files; the others go on.",
    )
    features = segue_task(
        "features",
        'features --as-of="$AS_OF" ${FULL_REFRESH:+--full-refresh}',
        env={"AS_OF": AS_OF, "FULL_REFRESH": "{{ '1' if params.full_refresh else '' }}"},
        trigger_rule="none_failed",
        outlets=[FEATURES],
        post_execute=say_day(FEATURES),
        doc_md="dbt build, its tests, Feast apply and materialise.",
    )
    embed = segue_task(
        "embed",
        'embed --as-of="$AS_OF"',
        env={"AS_OF": AS_OF},
        doc_md="Snapshots of track vectors: what is played together, the artist, the clip. Only training reads them.",
    )
    land >> features >> embed

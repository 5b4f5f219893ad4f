"""When a release is promoted, and every Sunday: make every user's playlist for the week that begins after the as-of day,
audit them all, and show the week at once. One command does the three, so that nothing unaudited can become visible. A failed
audit fails the task at once: the same release and the same features would make the same lists again."""

from __future__ import annotations

from airflow.sdk import DAG

from segue.exit_codes import AUDIT_FAILED
from segue.names import Dag
from segue_assets import PLAYLISTS, RELEASE
from segue_tasks import AS_OF_PARAM, WEEK, dag_defaults, say_day, segue_task, when

with DAG(
    dag_id=Dag.WEEKLY_PLAYLISTS.value,
    description="On a new release and every Sunday: generate, audit and publish the weekly playlists",
    doc_md=__doc__,
    schedule=when("0 5 * * 0", RELEASE),
    params={"as_of": AS_OF_PARAM},
    **dag_defaults(),
):
    segue_task(
        "playlists",
        'playlists --week="$WEEK"',
        env={"WEEK": WEEK},
        alarm_on_exit_code=AUDIT_FAILED,
        outlets=[PLAYLISTS],
        post_execute=say_day(PLAYLISTS),
        doc_md="Generate, audit, publish.",
    )

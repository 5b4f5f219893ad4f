"""Weekly, when drift asks, or by hand: train a candidate release, evaluate it, and promote it if it passes the gate.

It runs on Sunday, two hours before the clock of `weekly_playlists`: the new release and the new week are of one day, and a
list stays up for its seven days. A refused candidate is a result, not a failure: `promote` is skipped, on-call is told, the
live release stays, and no playlists are made from the candidate.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param

from segue.exit_codes import GATE_REFUSED
from segue.names import Dag
from segue.settings import get_settings
from segue_assets import RELEASE, RETRAINING
from segue_tasks import AS_OF, AS_OF_PARAM, dag_defaults, say_day, segue_task, tell_on_call, when

PARAMS = {
    "as_of": AS_OF_PARAM,
    "holdout_days": Param(
        get_settings().holdout_days,
        type="integer",
        minimum=1,
        maximum=28,
        title="Held-out days",
        description="Days before the end of the as-of day that are kept for the evaluation.",
    ),
    "train_rows": Param(
        get_settings().train_rows,
        type="integer",
        minimum=1_000,
        maximum=50_000_000,
        title="Training rows",
        description="The most listens that the training set samples.",
    ),
}
SWITCHES = {"SEGUE_HOLDOUT_DAYS": "{{ params.holdout_days }}", "SEGUE_TRAIN_ROWS": "{{ params.train_rows }}"}
CANDIDATE = SWITCHES | {"VERSION": "{{ ti.xcom_pull('train')['version'] }}"}

with DAG(
    dag_id=Dag.RECOMMENDER.value,
    description="Weekly or when drift asks: train, evaluate, and promote what passes the gate",
    doc_md=__doc__,
    schedule=when("0 3 * * 0", RETRAINING),
    params=PARAMS,
    **dag_defaults(),
):
    train = segue_task("train", 'train --as-of="$AS_OF"', env=SWITCHES | {"AS_OF": AS_OF})
    evaluate = segue_task("evaluate", 'evaluate "$VERSION"', env=CANDIDATE)
    promote = segue_task(
        "promote",
        'promote "$VERSION"',
        env=CANDIDATE,
        skip_on_exit_code=GATE_REFUSED,
        outlets=[RELEASE],
        post_execute=say_day(RELEASE, "version"),
        on_skipped_callback=tell_on_call("refused the candidate; the live release stays"),
        doc_md="The gate: not worse than the live release, better than popularity.",
    )
    train >> evaluate >> promote

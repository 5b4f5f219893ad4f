"""Daily: parity, drift and quality, the report and the e-mail; asks for a retraining when the monitor's rule says so."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, task
from airflow.sdk.exceptions import AirflowSkipException

from segue.exit_codes import ALARM
from segue.names import Dag
from segue_assets import RETRAINING
from segue_tasks import AS_OF, AS_OF_PARAM, dag_defaults, say_day, segue_task, when


@task(outlets=[RETRAINING], post_execute=say_day(RETRAINING))
def ask_for_retraining(summary: dict[str, Any]) -> None:
    """Start the recommender when the monitor asks for it; skipped otherwise."""
    if not summary["retrain"]:
        raise AirflowSkipException("the monitor sees no need to retrain")


with DAG(
    dag_id=Dag.DRIFT_REPORT.value,
    description="Daily: parity, drift, quality and the e-mail; asks for a retraining when the rule says so",
    doc_md=__doc__,
    schedule=when("0 6 * * *"),
    params={"as_of": AS_OF_PARAM},
    **dag_defaults(),
):
    monitor = segue_task("monitor", 'monitor --as-of="$AS_OF"', env={"AS_OF": AS_OF}, alarm_on_exit_code=ALARM)
    ask_for_retraining(monitor.output)

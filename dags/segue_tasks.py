"""What every DAG here shares: a task that runs one `segue` command, the rule for a run's day, when DAGs run, and the
e-mail to on-call. Values from a form reach the shell as environment variables, never as part of the command."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from airflow.providers.smtp.notifications.smtp import SmtpNotifier
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import Asset, AssetOrTimeSchedule, Context, CronTriggerTimetable, Param
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from segue.dates import week_after
from segue.settings import get_settings

REPOSITORY = Path(__file__).resolve().parent.parent
MAIL = "segue_mail"
AS_OF = "{{ as_of(params, dag_run, triggering_asset_events) }}"
WEEK = "{{ week(params, dag_run, triggering_asset_events) }}"

AS_OF_PARAM = Param(
    None,
    type=["null", "string"],
    format="date",
    pattern=r"^\d{4}-\d{2}-\d{2}$",
    title="As-of day",
    description="Last day whose events are known. Empty: the day of the dataset that started the run, else the day before it.",
)


def as_of(params: Mapping[str, Any], dag_run: Any, triggering_asset_events: Mapping[Any, Iterable[Any]]) -> date:
    """The day of a run: from the form, else from the newest asset event that started it, else the day before its start.

    `run_after` is the start that stays the same when a run is cleared and runs again; `start_date` would move.

    Raises:
        ValueError: the form or the event holds something that is not a day.
    """
    if params.get("as_of"):
        return date.fromisoformat(params["as_of"])
    events = [event for group in triggering_asset_events.values() for event in group if event.extra.get("as_of")]
    if events:
        return date.fromisoformat(max(events, key=lambda event: event.timestamp).extra["as_of"])
    return dag_run.run_after.date() - timedelta(days=1)


def week(params: Mapping[str, Any], dag_run: Any, triggering_asset_events: Mapping[Any, Iterable[Any]]) -> date:
    """First day of the weekly playlist that the run makes."""
    return week_after(as_of(params, dag_run, triggering_asset_events))


def when(cron: str, assets: Asset | None = None) -> Any:
    """The schedule of a DAG: its clock, its asset, or either; without clocks when `SEGUE_SCHEDULES` is off."""
    clock = CronTriggerTimetable(cron, timezone="UTC") if get_settings().schedules else None
    if clock and assets:
        return AssetOrTimeSchedule(timetable=clock, assets=assets)
    return clock or ([assets] if assets else None)


def tell_on_call(what: str) -> SmtpNotifier:
    """A callback that mails on-call about a task that `what` (a verb in the past)."""
    settings = get_settings()
    return SmtpNotifier(
        smtp_conn_id=MAIL,
        from_email=settings.mail_from,
        to=settings.mail_to,
        subject="Segue: {{ dag.dag_id }}." + "{{ ti.task_id }} " + what,
        html_content="<p>Run {{ run_id }}, try {{ ti.try_number }}.</p>"
        "<p style='white-space: pre-line'>{{ (exception or '') | string | e }}</p>"
        '<p><a href="{{ ti.log_url }}">The task\'s log</a></p>',
    )


def tell_of_refused(context: Any) -> None:
    """A callback that mails on-call what a task's command refused of its input, and nothing when it took everything."""
    refused = (context["ti"].xcom_pull() or {}).get("refused")
    if refused:
        sentences = "\n".join(f"{name}: {sentence}" for name, sentence in refused.items())
        tell_on_call("refused some of its files; the others landed")({**context, "exception": sentences})


def say_day(asset: Asset, *keys: str) -> Callable[[Any, Any], None]:
    """A hook for after a task: its event of `asset` says the run's day, and `keys` of the task's summary."""

    def hook(context: Any, result: Any) -> None:
        day = as_of(context["params"], context["dag_run"], context["triggering_asset_events"])
        context["outlet_events"][asset].extra = {"as_of": day.isoformat()} | {key: result[key] for key in keys}

    return hook


def dag_defaults() -> dict[str, Any]:
    """The arguments all four DAGs share."""
    settings = get_settings()
    return {
        "catchup": False,
        "max_active_runs": 1,
        "tags": ["segue"],
        "user_defined_macros": {"as_of": as_of, "week": week},
        "default_args": {
            "owner": "segue",
            # A task that hangs fails: runs come one at a time, so it would hold back every later day and tell nobody.
            "execution_timeout": timedelta(hours=settings.task_hours),
            "retries": 2,
            "retry_delay": timedelta(seconds=settings.retry_seconds),
            "retry_exponential_backoff": 2,
            "max_retry_delay": timedelta(hours=1),
            "on_failure_callback": tell_on_call("failed"),
        },
    }


class CommandOperator(BashOperator):
    """Runs one command. `alarm_on_exit_code` is a verdict that fails the task at once: trying again would change nothing."""

    def __init__(self, *, alarm_on_exit_code: int | None = None, **options: Any) -> None:
        super().__init__(**({"skip_on_exit_code": alarm_on_exit_code} | options))
        self.alarm_on_exit_code = alarm_on_exit_code

    def execute(self, context: Context) -> Any:
        try:
            return super().execute(context)
        except AirflowSkipException as verdict:
            if self.alarm_on_exit_code is None:
                raise
            raise AirflowFailException("the command's verdict is an alarm; its reason is above") from verdict


def segue_task(
    task_id: str, command: str, *, env: Mapping[str, str], before: str = "", passes_on: int = 0, **options: Any
) -> CommandOperator:
    """A task that runs `segue <command> --json` from the repository and keeps the summary as its result.

    Standard error goes to the task's log as it comes; standard output is held back until the end, because Airflow mixes
    the two and takes the last line as the result. `before` is shell that decides on the command. `passes_on` is a second exit
    code of a task that did its work.
    """
    run = f'{before}summary=$(segue {command} --json); code=$?; printf "%s\\n" "$summary"'
    return CommandOperator(
        task_id=task_id,
        bash_command=f"{run}; [ $code -ne {passes_on} ] || exit 0; exit $code",
        env=dict(env),
        append_env=True,
        cwd=str(REPOSITORY),
        output_processor=json.loads,
        **options,
    )


def mail_connection() -> str:
    """The SMTP settings as Airflow reads a connection from the environment, so that they live in one place."""
    settings = get_settings()
    extra = {
        "from_email": settings.mail_from,
        "disable_ssl": settings.smtp_security != "tls",
        "disable_tls": settings.smtp_security != "starttls",
    }
    password = settings.smtp_password.get_secret_value() if settings.smtp_password else None
    connection = {"conn_type": "smtp", "host": settings.smtp_host, "port": settings.smtp_port, "extra": extra}
    return json.dumps(connection | {"login": settings.smtp_user, "password": password})


os.environ[f"AIRFLOW_CONN_{MAIL.upper()}"] = mail_connection()

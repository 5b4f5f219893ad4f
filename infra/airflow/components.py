"""The processes of Airflow on one machine: what `airflow standalone` starts, without its log servers.

`standalone` cannot be told to bind them to 127.0.0.1 (see infra/decisions); the API server reads the log files itself.
"""

from __future__ import annotations

MIGRATE = ("airflow", "db", "migrate")

COMPONENTS: dict[str, tuple[str, ...]] = {
    "airflow-api-server": ("airflow", "api-server"),
    "airflow-scheduler": ("airflow", "scheduler", "--skip-serve-logs"),
    "airflow-dag-processor": ("airflow", "dag-processor"),
    "airflow-triggerer": ("airflow", "triggerer", "--skip-serve-logs"),
}
"""Name to command, in the order to start them."""

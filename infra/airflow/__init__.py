"""Airflow on one machine: its settings, and the processes that `airflow standalone` would start, all on 127.0.0.1."""

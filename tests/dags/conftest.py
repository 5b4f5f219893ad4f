"""The DAGs as Airflow reads them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from segue.settings import get_settings

DAGS = Path(__file__).resolve().parents[2] / "dags"


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """All DAGs, as Airflow's DAG processor reads them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_HOME", str(tmp_path_factory.mktemp("airflow")))
        patch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
        patch.delenv("SEGUE_SCHEDULES", raising=False)
        patch.syspath_prepend(str(DAGS))
        get_settings.cache_clear()
        from airflow.dag_processing.dagbag import DagBag

        yield DagBag(str(DAGS))
        get_settings.cache_clear()


@pytest.fixture
def tasks(bag: Any) -> Any:
    import segue_tasks

    return segue_tasks

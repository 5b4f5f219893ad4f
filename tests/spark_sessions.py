"""Sessions of Spark for the tests that need one in their own process."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

_QUICK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""Nothing here runs long enough for the second compiler."""
_OURS = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.extraJavaOptions": _QUICK,
    "spark.executor.extraJavaOptions": _QUICK,
}


@contextmanager
def session_of(master: str, conf: Mapping[str, str]) -> Iterator[Any]:
    """Spark under `master`, with `conf` beside what every test wants, in a Java of its own.

    `stop` alone would leave Java running, and the next session of this process would find the first one's settings in it.
    """
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        assert SparkContext._gateway is None, "another session left its Java"
        session = SparkSession.builder.master(master).config(map={**_OURS, **conf}).getOrCreate()
        try:
            session.sparkContext.setLogLevel("OFF")
            yield session
        finally:
            session.stop()
            gateway, SparkContext._gateway, SparkContext._jvm = SparkContext._gateway, None, None
            gateway.shutdown()
            gateway.proc.stdin.close()
            gateway.proc.wait(timeout=60)

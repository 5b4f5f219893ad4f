"""One Spark session per process, wherever `SEGUE_SPARK_MASTER` says. Java and pyspark are an extra: nothing is imported before
somebody asks for Spark.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from segue.errors import SegueError
from segue.settings import get_settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@contextmanager
def spark_session(asked_by: str, conf: Mapping[str, str] | None = None) -> Iterator[SparkSession]:
    """The session of this process as it is, or one made with `conf` that ends with the block. `asked_by` is what a person
    wrote to get here, for the refusal.

    Raises:
        SegueError: pyspark or Java is missing.
    """
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        raise SegueError(expected=f"Java 17 for {asked_by}", received="no `java`", mend="install openjdk-17-jre-headless")
    try:
        from pyspark.sql import SparkSession
    except ImportError as missing:
        raise SegueError(expected=f"pyspark for {asked_by}", received="none", mend="run `make spark`") from missing
    active = SparkSession.getActiveSession()
    if active is not None:
        yield active
        return
    session = _new_session(get_settings().spark_master, conf or {})
    try:
        yield session
    finally:
        session.stop()


def _new_session(master: str, conf: Mapping[str, str]) -> SparkSession:
    from pyspark.sql import SparkSession

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.master(master).appName("segue").config("spark.ui.enabled", "false")
    if master.startswith("local"):
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        for address in ("spark.driver.bindAddress", "spark.driver.host"):
            builder = builder.config(address, "127.0.0.1")
    session = builder.config("spark.ui.showConsoleProgress", "false").config(map=dict(conf)).getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session

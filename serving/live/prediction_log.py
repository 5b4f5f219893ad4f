"""Writes the prediction log beside the answers: a bounded queue, one thread, one file per process and day. An answer never
waits for it; what has no room is counted, not waited for."""

from __future__ import annotations

import logging
import queue
import threading
from datetime import date
from pathlib import Path
from typing import IO

from segue.home import get_home
from segue.predictions import Prediction
from serving.live.metrics import DROPPED

MOST_WAITING = 10_000
log = logging.getLogger("bentoml.segue")


class PredictionLog:
    """Appends predictions from any thread; `close` writes what is waiting."""

    def __init__(self, instance: str, most_waiting: int = MOST_WAITING) -> None:
        self._name = f"http-{instance}.jsonl"
        self._waiting: queue.Queue[Prediction | None] = queue.Queue(most_waiting)
        self._file: IO[str] | None = None
        self._day: date | None = None
        self._thread = threading.Thread(target=self._write_all, name="prediction-log", daemon=True)
        self._thread.start()

    def put(self, prediction: Prediction) -> None:
        """Queue one record, or count it as dropped."""
        try:
            self._waiting.put_nowait(prediction)
        except queue.Full:
            DROPPED.inc()

    def close(self, timeout: float = 10.0) -> None:
        """Write everything queued so far and stop."""
        try:
            self._waiting.put(None, timeout=timeout)
        except queue.Full:
            return
        self._thread.join(timeout)

    def _write_all(self) -> None:
        while (prediction := self._waiting.get()) is not None:
            try:
                self._write(prediction)
            except OSError as problem:
                DROPPED.inc()
                log.warning("a prediction could not be logged: %s", type(problem).__name__)
        if self._file is not None:
            self._file.close()

    def _write(self, prediction: Prediction) -> None:
        file = self._file_of(prediction.at.date())
        file.write(prediction.model_dump_json() + "\n")
        if self._waiting.empty():
            file.flush()

    def _file_of(self, day: date) -> IO[str]:
        if self._file is None or day != self._day:
            if self._file is not None:
                self._file.close()
            path = self._path(day)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file, self._day = path.open("a", encoding="utf-8"), day
        return self._file

    def _path(self, day: date) -> Path:
        return get_home().predictions / f"day={day.isoformat()}" / self._name

"""How the demo says that it did not work."""

from __future__ import annotations


class DemoFailureError(Exception):
    """A stage did not do its work.

    Args:
        stage: the name of the stage, such as `recommender.train`.
        reason: one sentence.
        log: the end of the stage's log, if it has one.
    """

    def __init__(self, stage: str, reason: str, log: str = "") -> None:
        self.stage, self.reason, self.log = stage, reason, log
        super().__init__(f"{stage}: {reason}")

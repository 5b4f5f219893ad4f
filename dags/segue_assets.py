"""The datasets the DAGs hand to one another, each named once. An event of one carries `as_of`, so that the run it starts
knows its day: a run started by an asset has no logical date in Airflow 3."""

from __future__ import annotations

from airflow.sdk import Asset

from segue.names import AssetName

FEATURES = Asset(AssetName.FEATURES.value)
RELEASE = Asset(AssetName.RELEASE.value)
PLAYLISTS = Asset(AssetName.PLAYLISTS.value)
RETRAINING = Asset(AssetName.RETRAINING.value)

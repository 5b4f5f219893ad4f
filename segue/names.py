"""Every name two rooms must spell alike: sources, gold tables, Feast services, DAGs, assets, fallbacks."""

from __future__ import annotations

from enum import StrEnum


class Source(StrEnum):
    """Where listening events come from; `events` is our own format, which `segue world` writes too."""

    EVENTS = "events"
    THIRTY_MUSIC = "30music"
    LASTFM_1K = "lastfm-1k"
    LISTENBRAINZ = "listenbrainz"


class Surface(StrEnum):
    """The place in the product where a list is shown or a play began."""

    WEEKLY = "weekly"
    RADIO = "radio"
    HOME = "home"
    SIMILAR = "similar"
    SEARCH = "search"
    LIBRARY = "library"
    PLAYLIST = "playlist"


class Table(StrEnum):
    """Gold tables exported as Parquet under `features/`; their columns are the contracts in `dbt/models/gold/*.yml`."""

    USER_FEATURES = "user_features"
    USER_HISTORY = "user_history"
    TRACK_FEATURES = "track_features"
    TRACK_TERRITORY_FEATURES = "track_territory_features"
    TRACKS = "tracks"
    LICENCES = "licences"
    USERS = "users"
    LABELS = "labels"
    USER_PLAYLISTS = "user_playlists"
    REJECTED_LISTENS = "rejected_listens"


DAILY_TABLES = (
    Table.USER_FEATURES,
    Table.TRACK_FEATURES,
    Table.TRACK_TERRITORY_FEATURES,
    Table.LABELS,
    Table.REJECTED_LISTENS,
)


TRACK_VECTORS = "track_vectors"
"""Snapshots of track embeddings by day, beside the gold tables under `features/`; `segue embed` writes them, dbt does not."""


class Service(StrEnum):
    """Feast FeatureServices, one per model, and the two that serving reads beside them."""

    RETRIEVER = "retriever"
    RANKER = "ranker"
    POLICY = "policy"
    WEEKLY_PLAYLISTS = "weekly_playlists"


MODEL_SERVICES = (Service.RETRIEVER, Service.RANKER)
"""What a release's feature fingerprint is taken over, in this order: whoever writes or checks one uses this."""


class Dag(StrEnum):
    LISTENING = "listening"
    RECOMMENDER = "recommender"
    WEEKLY_PLAYLISTS = "weekly_playlists"
    DRIFT_REPORT = "drift_report"


class AssetName(StrEnum):
    FEATURES = "segue_features"
    RELEASE = "segue_release"
    PLAYLISTS = "segue_weekly_playlists"
    RETRAINING = "segue_retraining_request"


class CandidateSource(StrEnum):
    """Where a candidate came from."""

    RETRIEVER = "retriever"
    SESSION = "session"
    SIMILAR = "similar"
    POPULAR = "popular"


class Fallback(StrEnum):
    """Why a list is not personal; absent from an answer that is."""

    NEW_USER = "popular-in-territory"
    WORLDWIDE = "popular-worldwide"
    NO_RELEASE = "no-release"
    UNKNOWN_TRACK = "unknown-track"


UNKNOWN_TERRITORY = "ZZ"
"""ISO 3166 user-assigned code, used where a source does not say; never a licence territory."""

RELEASE_MODEL = "segue"
"""Name of the release in the BentoML model store."""

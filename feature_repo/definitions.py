"""What the feature store serves: entities, views over the gold tables, one feature service per model.

Feast imports this file by itself, so it imports nothing of its own folder. No arithmetic happens here: a history feature is
a column of gold, a request feature is a pure function of `segue.request_features`. A feature that a user and a track both
have is called `track_...` on the track, because a service's columns share one name space.

No view has a time to live. A user who comes back after forty days gets the closing row that gold wrote when their month
ran empty, offline and online alike; a time to live would turn that row into nothing on one side only.
"""

from __future__ import annotations

import pandas as pd
from feast import Entity, FeatureService, FeatureView, Field, PushSource, RequestSource
from feast.data_source import DataSource
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import Array, Bool, Float32, Float64, Int64, String, UnixTimestamp
from feast.value_type import ValueType

from segue.features import OPTIONAL, SHARED_NAMES, TIMESTAMP
from segue.home import get_home
from segue.names import TRACK_VECTORS, Service, Table
from segue.parquet_source import parquet_source
from segue.request_features import REQUEST_FEATURES

user = Entity(name="user", join_keys=["user_id"], value_type=ValueType.STRING, description="a listener's account")
track = Entity(name="track", join_keys=["track_id"], value_type=ValueType.STRING, description="a recording in the catalogue")
territory = Entity(name="territory", join_keys=["territory"], value_type=ValueType.STRING, description="ISO 3166 country")
week = Entity(name="week", join_keys=["week"], value_type=ValueType.STRING, description="segue.playlists.week_key")


def _gold(table: Table, renamed: dict[str, str] | None = None) -> DataSource:
    return parquet_source(str(table), get_home().table(table), TIMESTAMP, renamed)


user_features = FeatureView(
    name="user_features",
    description="what a user listened to in the 7 and 30 days before a midnight UTC",
    entities=[user],
    ttl=None,
    source=_gold(Table.USER_FEATURES),
    schema=[
        Field(name="user_id", dtype=String),
        Field(name="territory", dtype=String),
        Field(name="explicit_allowed", dtype=Bool),
        Field(name="plays_7d", dtype=Int64),
        Field(name="plays_30d", dtype=Int64),
        Field(name="active_days_30d", dtype=Int64),
        Field(name="distinct_artists_30d", dtype=Int64),
        Field(name="early_skip_rate_7d", dtype=Float64),
        Field(name="early_skip_rate_30d", dtype=Float64),
        Field(name="save_rate_30d", dtype=Float64),
        Field(name="mean_tempo_30d", dtype=Float64),
        Field(name="mean_energy_30d", dtype=Float64),
        Field(name="days_since_last_play", dtype=Int64),
        Field(name="top_genres", dtype=Array(String)),
        Field(name="top_genre_shares", dtype=Array(Float64)),
        Field(name="top_artists", dtype=Array(String)),
        Field(name="top_artist_shares", dtype=Array(Float64)),
        Field(name="hour_shares", dtype=Array(Float64)),
        Field(name="top_device", dtype=String),
        Field(name="recent_tracks", dtype=Array(String)),
        Field(name="recent_outcomes", dtype=Array(Int64)),
    ],
)

user_history = FeatureView(
    name="user_history",
    description="all a user heard, saved, disliked and set for their lists, as known at the as-of day; never for a model",
    entities=[user],
    ttl=None,
    source=_gold(Table.USER_HISTORY),
    schema=[
        Field(name="user_id", dtype=String),
        Field(name="heard_tracks", dtype=Array(String)),
        Field(name="saved_tracks", dtype=Array(String)),
        Field(name="disliked_tracks", dtype=Array(String)),
        Field(name="disliked_artists", dtype=Array(String)),
        Field(name="heard_60d", dtype=Int64),
        Field(name="adventurousness", dtype=Float64),
    ],
)

track_features = FeatureView(
    name="track_features",
    description="what a track is, and how it was received in the 7 and 30 days before a midnight UTC",
    entities=[track],
    ttl=None,
    source=_gold(Table.TRACK_FEATURES, SHARED_NAMES),
    schema=[
        Field(name="track_id", dtype=String),
        Field(name="artist_id", dtype=String),
        Field(name="genre", dtype=String),
        Field(name="tempo", dtype=Float64),
        Field(name="energy", dtype=Float64),
        Field(name="duration_s", dtype=Float64),
        Field(name="explicit", dtype=Bool),
        Field(name="age_days", dtype=Int64),
        Field(name="track_plays_7d", dtype=Int64),
        Field(name="track_plays_30d", dtype=Int64),
        Field(name="users_30d", dtype=Int64),
        Field(name="complete_rate_30d", dtype=Float64),
        Field(name="track_early_skip_rate_30d", dtype=Float64),
        Field(name="track_save_rate_30d", dtype=Float64),
    ],
)

track_territory_features = FeatureView(
    name="track_territory_features",
    description="how much a track is played in a territory; at serving time the release holds it, the online store never",
    entities=[track, territory],
    ttl=None,
    online=False,
    source=_gold(Table.TRACK_TERRITORY_FEATURES),
    schema=[
        Field(name="track_id", dtype=String),
        Field(name="territory", dtype=String),
        Field(name="territory_plays_30d", dtype=Int64),
        Field(name="territory_users_30d", dtype=Int64),
        Field(name="territory_rank", dtype=Int64),
    ],
)

track_vectors = FeatureView(
    name=TRACK_VECTORS,
    description="what is known of a track before it is played; serving has what a release made of it",
    entities=[track],
    ttl=None,
    online=False,
    source=parquet_source(TRACK_VECTORS, get_home().features / TRACK_VECTORS, TIMESTAMP),
    schema=[
        Field(name="track_id", dtype=String),
        Field(name="artist_vector", dtype=Array(Float32)),
        Field(name="track2vec", dtype=Array(Float32)),
        Field(name="audio_vector", dtype=Array(Float32)),
        Field(name="artist_plays", dtype=Float32),
    ],
    tags={OPTIONAL: "nobody need run `segue embed`: without a snapshot every vector is null"},
)

weekly_playlists = FeatureView(
    name="weekly_playlists",
    description="a user's playlist of one week by one release; written to the online store by `segue playlists`, never joined",
    entities=[user, week],
    ttl=None,
    source=PushSource(
        name="finished_playlists",
        # for the timestamp's name; it is never read
        batch_source=parquet_source("weekly_playlists", get_home().playlists, TIMESTAMP),
    ),
    schema=[
        Field(name="user_id", dtype=String),
        Field(name="week", dtype=String),
        Field(name="track_ids", dtype=Array(String)),
        Field(name="scores", dtype=Array(Float32)),
        Field(name="sources", dtype=Array(String)),
        Field(name="reasons", dtype=Array(String)),
        Field(name="release", dtype=String),
    ],
)

moment = RequestSource(
    name="moment",
    description="when the listener asks, or when the listen began; null when a list has no moment",
    schema=[Field(name="requested_at", dtype=UnixTimestamp)],
)


@on_demand_feature_view(
    name="request_features",
    description="features of the moment of a request",
    sources=[moment],
    schema=[Field(name=name, dtype=Int64) for name in REQUEST_FEATURES],
    mode="pandas",
)
def request_features(inputs: pd.DataFrame) -> pd.DataFrame:
    from segue.request_features import request_columns  # in here, because Feast stores this function by value

    times = pd.to_datetime(inputs["requested_at"], utc=True).dt.tz_localize(None)
    return pd.DataFrame(request_columns(times.to_numpy("datetime64[us]")), index=inputs.index)


retriever = FeatureService(
    name=str(Service.RETRIEVER), features=[user_features, track_features, track_vectors, request_features]
)
ranker = FeatureService(
    name=str(Service.RANKER), features=[user_features, track_features, track_territory_features, request_features]
)
policy = FeatureService(
    name=str(Service.POLICY),
    features=[user_history, user_features[["territory", "explicit_allowed", "top_genres", "top_genre_shares"]]],
)
weekly = FeatureService(name=str(Service.WEEKLY_PLAYLISTS), features=[weekly_playlists])

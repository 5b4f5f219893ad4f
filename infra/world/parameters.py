"""The numbers that shape the world, as frozen dataclasses; every one of them is written beside the truth of a run.

Time is counted in days from the first day of the world (day 0). Tastes and tracks are unit vectors of one latent space;
`spread` of a child around its parent is the length of the noise relative to the parent, so the expected cosine between
the two is 1 / sqrt(1 + spread squared).
"""

from __future__ import annotations

from dataclasses import dataclass, field

CALIBRATION_DAYS = 56
"""`--users` and `--tracks` are reached after this many days; a longer world goes on growing at the same pace."""

TERRITORIES = ("US", "GB", "DE", "FR", "BR", "SE", "JP", "MX")
TERRITORY_SHARES = (0.28, 0.14, 0.13, 0.11, 0.12, 0.06, 0.08, 0.08)
UTC_OFFSETS = (-6, 0, 1, 1, -3, 1, 9, -6)
"""Hours, standard time, one per territory."""

DAY_PARTS = ((6.5, 9.0), (11.5, 13.5), (17.0, 19.5), (21.75, 23.25))
"""Local hours between which a session begins. The gaps are longer than a session, so a user's sessions do not overlap."""

DEVICES = ("phone", "desktop", "speaker", "tv", "car", "web")
GENRES = (
    "pop", "indie", "rock", "metal", "punk", "folk", "country", "soul",
    "hip-hop", "r&b", "house", "techno", "ambient", "jazz", "classical", "reggae",
)  # fmt: skip


@dataclass(frozen=True)
class SpaceParameters:
    """The latent space. Genres fall into `parents` families, so that neighbouring genres share listeners."""

    dimensions: int = 16
    parents: int = 6
    genre_spread: float = 1.1
    artist_spread: float = 0.75
    track_spread: float = 0.8
    version_spread: float = 0.15
    taste_spread: float = 0.9


@dataclass(frozen=True)
class CatalogueParameters:
    """Artists and tracks. Popularity is log-normal per artist and per track: a heavy tail."""

    tracks_per_artist: float = 8.0
    released_during: float = 0.15
    """Share of the tracks of day 56 that are released after day 0."""
    debut_share: float = 0.15
    version_share: float = 0.09
    artist_popularity_sigma: float = 1.3
    track_popularity_sigma: float = 1.0
    home_boost: float = 1.2
    """Added to the log popularity of an artist in the home territory."""
    fresh_boost: float = 2.0
    fresh_days: float = 10.0
    explicit_share: float = 0.14
    restricted_share: float = 0.15
    territory_kept: float = 0.7
    """Chance that a restricted track is licensed in a given territory at all."""
    window_ends: float = 0.3
    missing_attribute: float = 0.01


@dataclass(frozen=True)
class ListenerParameters:
    """Users: up to `tastes` tastes each, their weights drawn from a Dirichlet, drifting week by week."""

    joined_during: float = 0.2
    tastes: int = 3
    taste_concentration: float = 0.7
    drift: float = 0.16
    """Length of a week's step of a taste: the cosine from week to week is about 0.99."""
    weight_drift: float = 0.25
    sessions_per_day: float = 1.2
    activity_sigma: float = 0.8
    plays_per_session: float = 10.5
    familiarity: tuple[float, float] = (3.5, 3.8)
    """Beta parameters of the share of plays taken from the own library."""
    explicit_refused: float = 0.1
    bot_share: float = 0.002
    weekend_factor: float = 1.15
    dial_set: float = 0.6
    """Share of the users who set how adventurous their lists are, to one of the levels, each as likely."""
    dial_levels: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class ListeningParameters:
    """How a listener finds the next track and judges it."""

    candidates: int = 128
    charts_share: float = 0.12
    """Candidates drawn from what is popular in the territory, whatever the genre."""
    library_candidates: int = 32
    library_size: int = 160
    genre_sharpness: float = 5.0
    taste_sharpness: float = 11.0
    artist_continuation: float = 0.24
    artist_candidates: int = 8
    proximity: float = 0.6
    """Weight of the squared distance in tempo and energy to the last track."""
    heard_penalty: float = 4.0
    longest_session: int = 32
    judgement_sharpness: float = 7.0
    judgement_centre: float = 0.42
    """Affinity at which a play is completed as often as not."""
    familiar_bonus: float = 0.9
    early_given_skip: float = 0.62
    save_rate: float = 0.16
    playlist_rate: float = 0.05
    dislike_rate: float = 0.03


@dataclass(frozen=True)
class BotParameters:
    """Streaming fraud, by kind (see `bots.py`): how much an account plays on a day that is not idle, and of what."""

    idle_days: float = 0.2
    loop: int = 6
    plays_per_day: int = 330
    repeats_per_day: int = 150
    slow_plays_per_day: int = 42
    slow_targets: int = 12
    slow_cover: float = 0.4
    """Share of plays that hides the others: what is popular in the territory."""
    slow_save_rate: float = 0.02
    cluster_plays_per_day: int = 18
    cluster_targets: int = 25
    cluster_cover: float = 0.05


@dataclass(frozen=True)
class DirtParameters:
    """Chance of each defect per event; an event carries at most one."""

    duplicate: float = 0.01
    late: float = 0.015
    clock_ahead: float = 0.0015
    clock_reset: float = 0.0005
    missing_event_id: float = 0.0002
    missing_user: float = 0.001
    missing_track: float = 0.001
    missing_time: float = 0.0005
    missing_ms: float = 0.003
    missing_device: float = 0.01
    missing_territory: float = 0.005
    unknown_track: float = 0.002
    garbage_type: float = 0.0005
    garbage_ms: float = 0.0005
    garbage_user: float = 0.0003
    latest_days: int = 5


@dataclass(frozen=True)
class ClipParameters:
    """How tracks sound: `timbre` is how much of the log strength of a partial follows the track, `mastering` how much not."""

    rate: int = 8_000
    seconds: float = 2.0
    partials: int = 16
    timbre: float = 0.8
    mastering: float = 0.6


@dataclass(frozen=True)
class WorldParameters:
    space: SpaceParameters = field(default_factory=SpaceParameters)
    catalogue: CatalogueParameters = field(default_factory=CatalogueParameters)
    listeners: ListenerParameters = field(default_factory=ListenerParameters)
    listening: ListeningParameters = field(default_factory=ListeningParameters)
    bots: BotParameters = field(default_factory=BotParameters)
    dirt: DirtParameters = field(default_factory=DirtParameters)

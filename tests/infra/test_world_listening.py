"""What a recommender can learn from a world: taste, discovery, sessions, skips; and what it must not be fooled by: bots."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from worlds import SMALL, START, clean_plays, landed, truth

from infra.world.command import run
from segue.settings import get_settings


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGUE_HOME", str(folder))
        get_settings.cache_clear()
        run(**SMALL)
    get_settings.cache_clear()
    return folder


@pytest.fixture(scope="module")
def plays(root: Path) -> pd.DataFrame:
    found = clean_plays(root)
    return found.assign(liking=_liking(root, found))


@pytest.fixture(scope="module")
def honest(plays: pd.DataFrame) -> pd.DataFrame:
    return plays[~plays.bot]


def _liking(root: Path, rows: pd.DataFrame) -> np.ndarray:
    """Weighted mean of the cosine with the tastes of the first week: simpler than the world's own measure, and enough."""
    tastes = truth(root, "tastes").query("week == 0")
    weighted = np.stack(tastes.vector) * tastes.weight.to_numpy()[:, None]
    wanted = pd.DataFrame(weighted).groupby(tastes.user_id.to_numpy()).sum()
    return (wanted.reindex(rows.user_id).to_numpy() * np.stack(rows.vector)).sum(axis=1)


def test_listeners_play_what_they_like(root: Path, honest: pd.DataFrame) -> None:
    known = honest.dropna(subset="liking")
    others = known.assign(vector=known.vector.sample(frac=1, random_state=1).to_numpy())
    wins = known.liking.to_numpy() > _liking(root, others)
    assert wins.mean() > 0.8


def test_tastes_of_other_people_explain_nothing(root: Path, honest: pd.DataFrame) -> None:
    strangers = honest.assign(user_id=honest.user_id.sample(frac=1, random_state=1).to_numpy()).dropna(subset="liking")
    others = strangers.assign(vector=strangers.vector.sample(frac=1, random_state=2).to_numpy())
    wins = _liking(root, strangers) > _liking(root, others)
    assert np.nanmean(wins) == pytest.approx(0.5, abs=0.05)


def test_discovery_is_frequent_in_every_week(honest: pd.DataFrame) -> None:
    first = ~honest.duplicated(["user_id", "track_id"])
    week = (honest.occurred_at - pd.Timestamp(START, tz="UTC")).dt.days // 7
    assert first.groupby(week).mean().loc[[0, 1]].min() > 0.4
    assert first.mean() < 0.9


def test_what_is_skipped_early_is_liked_less(honest: pd.DataFrame) -> None:
    early = honest.ms_played <= 30_000
    complete = honest.ms_played >= 0.8 * honest.duration_ms
    assert 0.05 < early.mean() < 0.3
    assert 0.03 < (~early & ~complete).mean() < 0.2
    assert honest.liking[complete].mean() > honest.liking[early].mean() + 0.1


def test_the_next_track_depends_on_the_last(honest: pd.DataFrame) -> None:
    same_user = honest.user_id == honest.user_id.shift()
    near = same_user & (honest.occurred_at - honest.occurred_at.shift() < pd.Timedelta(minutes=30))
    far = same_user & ~near
    artist = honest.artist_id == honest.artist_id.shift()
    tempo = (honest.tempo - honest.tempo.shift()).abs()
    assert artist[near].mean() > 0.2
    assert artist[near].mean() > 2 * artist[far].mean()
    assert tempo[near].mean() < tempo[far].mean()


def test_a_user_listens_to_one_session_at_a_time(honest: pd.DataFrame) -> None:
    ended = (honest.occurred_at + pd.to_timedelta(honest.ms_played, unit="ms")).shift()
    overlaps = (honest.user_id == honest.user_id.shift()) & (honest.occurred_at < ended)
    assert overlaps.mean() < 0.001


def test_listening_follows_the_clock_of_the_territory(honest: pd.DataFrame) -> None:
    hours = honest.assign(hour=honest.occurred_at.dt.hour).groupby("territory").hour
    night_in_utc = hours.apply(lambda hour: hour.isin([2, 3, 4]).mean())
    assert night_in_utc["GB"] < 0.05 < night_in_utc["US"]


def test_content_tells_about_tracks_nobody_has_heard(root: Path) -> None:
    tracks = truth(root, "tracks.parquet")
    vectors = np.stack(tracks.vector)

    def within(column: str) -> float:
        groups = pd.DataFrame(vectors).groupby(tracks[column].to_numpy())
        return float(1 - groups.transform(lambda group: group - group.mean()).pow(2).sum().sum() / len(vectors))

    assert 0.2 < within("genre") < within("artist_id") < 0.85
    near = np.abs(np.corrcoef(vectors.T, np.log(tracks.energy / (1 - tracks.energy)))[-1, :-1])
    assert near.max() > 0.3


def test_popularity_has_a_heavy_tail(honest: pd.DataFrame) -> None:
    counts = honest.track_id.value_counts()
    assert counts.iloc[: SMALL["tracks"] // 10].sum() / counts.sum() > 0.35
    assert counts.median() < counts.mean()


def test_nothing_is_played_before_its_release_or_without_a_licence(root: Path, honest: pd.DataFrame) -> None:
    windows = landed(root, "tracks").to_pandas()[["track_id", "licences"]].dropna().explode("licences").dropna()
    windows = windows.join(windows.licences.apply(pd.Series)).drop(columns="licences")
    restricted = honest[honest.track_id.isin(landed(root, "tracks").to_pandas().dropna(subset="licences").track_id)]
    day = (restricted.event_id.str.slice(1, 9)).pipe(pd.to_datetime).dt.date
    there = restricted.assign(day=day).merge(windows, on=["track_id", "territory"], how="left")
    assert len(restricted) > 100
    assert ((there.valid_from <= there.day) & (there.valid_to.isna() | (there.day < there.valid_to))).all()
    assert (honest.occurred_at.dt.date >= honest.release_date).all()


def test_who_refuses_explicit_tracks_hears_none(root: Path, honest: pd.DataFrame) -> None:
    refusing = landed(root, "users").to_pandas().query("not explicit_allowed").user_id
    assert len(refusing) > 5
    assert not honest[honest.user_id.isin(refusing)].explicit.any()
    assert honest.explicit.mean() > 0.05


def test_bots_loop_a_few_tracks_at_a_high_rate_without_skipping(plays: pd.DataFrame) -> None:
    groups = plays.assign(short=plays.ms_played < 60_000).groupby("user_id")
    by_user = pd.DataFrame({"bot": groups.bot.first(), "plays": groups.size(), "tracks": groups.track_id.nunique()})
    by_user["skips"] = groups.short.sum()
    bots, people = by_user[by_user.bot], by_user[~by_user.bot]
    assert 1 <= len(bots) <= 0.02 * len(by_user)
    assert bots.plays.min() > 5 * people.plays.quantile(0.99)
    assert bots.tracks.max() <= 6
    assert bots.skips.sum() == 0


def test_saves_playlists_and_dislikes_follow_the_plays(root: Path, honest: pd.DataFrame) -> None:
    events = landed(root, "events").to_pandas()
    counts = events.event_type.value_counts()
    assert counts["save"] > counts["playlist_add"] > counts["dislike"] > 0
    lists = events[events.event_type == "playlist_add"]
    assert lists.playlist_id.notna().all()
    assert set(events[events.surface == "playlist"].playlist_id.dropna()) <= set(lists.playlist_id)
    saved = honest.merge(events[events.event_type == "save"][["user_id", "track_id"]].drop_duplicates())
    assert saved.liking.mean() > honest.liking.mean()


def test_tracks_and_users_arrive_through_the_weeks(root: Path) -> None:
    tracks, users = landed(root, "tracks").to_pandas(), landed(root, "users").to_pandas()
    assert tracks.day.nunique() >= SMALL["days"] - 2
    assert users.day.nunique() > 5
    later = tracks[tracks.day.astype(str) > START.isoformat()]
    assert (later.release_date.astype(str) == later.day.astype(str)).all()


def test_tastes_drift_slowly(root: Path) -> None:
    tastes = truth(root, "tastes")
    first, second = (tastes[tastes.week == week].set_index(["user_id", "taste"]).vector for week in (0, 1))
    both = first.index.intersection(second.index)
    cosine = (np.stack(first[both]) * np.stack(second[both])).sum(axis=1)
    assert 0.97 < cosine.mean() < 0.999
    assert np.allclose(tastes.groupby(["week", "user_id"]).weight.sum(), 1, atol=1e-5)


def test_versions_of_a_recording_lie_together_and_say_what_they_are(root: Path) -> None:
    tracks = landed(root, "tracks").to_pandas().merge(truth(root, "tracks.parquet")[["track_id", "vector"]])
    versions = tracks[tracks.version_kind != "original"]
    pairs = versions.merge(tracks, left_on="version_family", right_on="track_id", suffixes=("", "_of"))
    assert set(versions.version_kind) == {"remaster", "live", "radio_edit"}
    assert (pairs.artist_id == pairs.artist_id_of).all()
    assert (np.stack(pairs.vector) * np.stack(pairs.vector_of)).sum(axis=1).mean() > 0.97
    assert pairs.apply(lambda row: row.title.startswith(row.title_of), axis=1).all()
    assert not pairs[pairs.version_kind == "radio_edit"].explicit.any()

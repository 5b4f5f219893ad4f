"""The audio network over the life of a home: when it is trained anew, and what it makes of the clips of a snapshot."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path

from trainers.sources import audio
from trainers.sources.audio import AudioConfig, Heard
from trainers.sources.track2vec import Floats, Vectors


@dataclass
class Ears:
    """Hears the `clips` of tracks, by id, each at most once in a run; `refused` says why some could not be."""

    clips: Mapping[str, Path]
    config: AudioConfig
    seed: int
    refused: dict[str, str] = field(default_factory=dict)

    @cached_property
    def everything(self) -> Heard:
        """Every clip as the network takes it."""
        return self._heard(self.clips)

    def learn(self, day: date, played: Mapping[str, Floats]) -> bool:
        """Train the network on what listening said by `day`, when that was not done for weeks; whether it was."""
        last = self._network_of(day)
        if not self.clips or (last and (day - last).days < self.config.refit_days):
            return False
        if len(self.clips.keys() & played.keys()) < self.config.fewest_tracks:
            return False
        model = audio.fit(self.everything, played, self.config, seed=self.seed)
        if model is not None:
            audio.save(model, day.isoformat())
        return model is not None

    def guess(self, day: date, tracks: Collection[str]) -> Vectors:
        """What the network of `day` makes of the clips of `tracks`; nothing before there is one."""
        last = self._network_of(day)
        wanted = {track: self.clips[track] for track in tracks if track in self.clips}
        if last is None or not wanted:
            return {}
        heard = self.everything if len(wanted) == len(self.clips) else self._heard(wanted)
        return audio.guesses(audio.load(last.isoformat(), self.config), heard)

    def _heard(self, clips: Mapping[str, Path]) -> Heard:
        heard = audio.hear(clips, self.config)
        self.refused |= heard.refused
        return heard

    def _network_of(self, day: date) -> date | None:
        """The newest network that was trained by `day`."""
        return max((made for name in audio.saved() if (made := date.fromisoformat(name)) <= day), default=None)

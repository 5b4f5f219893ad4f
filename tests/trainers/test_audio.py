"""What is heard in a clip, whatever its format, and what becomes of a clip that cannot be heard."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from segue.errors import SegueError
from segue.home import get_home
from segue.settings import get_settings
from trainers.inputs import VECTOR_LENGTH
from trainers.sources import audio
from trainers.sources.audio import AudioConfig, Heard, find_clips, fit, guesses, hear, load, log_mel, read_clip, save

CONFIG = AudioConfig(filters=32, hidden=64, dropout=0.0, epochs=250, batch=12, learning_rate=3e-3, fewest_tracks=8)
SECONDS = np.arange(16_000) / 8_000


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEGUE_HOME", str(tmp_path))
    get_settings.cache_clear()
    get_home().audio.mkdir(parents=True)
    return tmp_path


def _sound(*, hertz: float = 220.0, tempo: float = 120.0, overtone: float = 0.0) -> np.ndarray:
    tone = np.sin(2 * np.pi * hertz * SECONDS) + overtone * np.sin(2 * np.pi * 5 * hertz * SECONDS)
    return (0.3 * tone * np.exp(-4 * ((SECONDS * tempo / 60) % 1))).astype(np.float32)


def _heard(sound: np.ndarray) -> np.ndarray:
    return log_mel(sound[None].astype(np.float32), CONFIG)[0].astype(np.float32)


@pytest.mark.parametrize("other", [{"tempo": 170.0}, {"overtone": 1.0}, {"hertz": 330.0}])
def test_another_tempo_timbre_or_key_gives_another_spectrogram(other: dict[str, float]) -> None:
    assert np.abs(_heard(_sound()) - _heard(_sound(**other))).mean() > 0.2
    assert np.abs(_heard(_sound()) - _heard(0.5 * _sound())).mean() < 0.02  # loudness alone says nothing


@pytest.mark.parametrize(("suffix", "rate"), [(".wav", 8_000), (".flac", 8_000), (".mp3", 16_000), (".wav", 22_050)])
def test_wav_flac_and_mp3_are_heard_alike(suffix: str, rate: int) -> None:
    time = np.arange(3 * rate) / rate
    sound = 0.3 * np.sin(2 * np.pi * 220 * time) + 0.1 * np.sin(2 * np.pi * 660 * time)
    soundfile.write(get_home().audio / f"t{suffix}", np.stack([sound, sound], axis=1), rate)
    heard = log_mel(read_clip(find_clips(["t"])["t"], CONFIG)[None], CONFIG)[0].astype(np.float32)
    expected = _heard((0.3 * np.sin(2 * np.pi * 220 * SECONDS) + 0.1 * np.sin(2 * np.pi * 660 * SECONDS)).astype(np.float32))
    assert set(heard.mean(axis=0).argsort()[-4:]) == set(expected.mean(axis=0).argsort()[-4:])


@pytest.mark.parametrize("at_once", [1, 4, 256])
def test_clips_that_cannot_be_heard_are_passed_over_with_a_reason(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio, "_AT_ONCE", at_once)  # of some blocks there is nothing to hear
    folder = get_home().audio
    soundfile.write(folder / "good.flac", _sound(), 8_000)
    (folder / "empty.wav").touch()
    (folder / "broken.flac").write_bytes(b"fLaC" + b"x" * 99)
    (folder / "garbled.mp3").write_bytes(b"\xff\xfb\x90\x00" + b"x" * 99)
    (folder / "nothing.mp3").touch()
    (folder / "text.wav").write_text("no sound at all")
    soundfile.write(folder / "headed.wav", np.zeros(0), 8_000)  # a whole header, and no sample behind it
    soundfile.write(folder / "silent.flac", np.zeros(16_000), 8_000)
    soundfile.write(folder / "hushed.mp3", np.zeros(16_000), 8_000)
    soundfile.write(folder / "short.flac", _sound()[:800], 8_000)
    soundfile.write(folder / "nan.wav", np.where(SECONDS > 1, np.nan, _sound()), 8_000, subtype="FLOAT")
    refused = {path.stem for path in folder.iterdir()} - {"good"}
    assert not hear(find_clips(sorted(refused)), CONFIG).ids
    heard = hear(find_clips([*sorted(refused), "good", "absent"]), CONFIG)
    assert heard.ids == ["good"]
    assert set(heard.refused) == refused
    assert np.isfinite(heard.spectrograms).all()
    assert "0.10 s" in heard.refused["short"]
    assert "silence" in heard.refused["silent"]


@pytest.mark.parametrize("track", ["../../etc/x", "a/b", "..", ".", "/x"])
def test_the_clip_of_an_odd_id_lies_in_the_folder(track: str) -> None:
    assert get_home().clip(track).parent == get_home().audio
    assert get_home().clip(track).resolve().parent == get_home().audio.resolve()


def test_the_network_learns_a_small_set_by_heart_and_comes_back_from_disk_the_same() -> None:
    rng = np.random.default_rng(3)
    sounds = np.stack([_sound(hertz=200 + 40 * n, tempo=70 + 9 * n) for n in range(12)])
    sounds += 0.02 * rng.standard_normal(sounds.shape).astype(np.float32)
    heard = Heard([f"t{n}" for n in range(12)], log_mel(sounds, CONFIG), {})
    targets = {track: v / np.linalg.norm(v) for track, v in zip(heard.ids, rng.normal(size=(12, VECTOR_LENGTH)), strict=True)}
    model = fit(heard, targets, CONFIG, seed=17)
    learned = guesses(model, heard)
    assert np.mean([learned[track] @ targets[track] for track in heard.ids]) > 0.9
    save(model, "2026-11-15")
    again = guesses(load("2026-11-15", CONFIG), heard)
    assert all(again[track].tobytes() == learned[track].tobytes() for track in heard.ids)
    assert guesses(fit(heard, targets, CONFIG, seed=17), heard)["t3"].tobytes() == learned["t3"].tobytes()


def test_many_steps_in_one_call_learn_what_single_steps_do(monkeypatch: pytest.MonkeyPatch) -> None:
    rng, small = np.random.default_rng(5), replace(CONFIG, batch=3, epochs=2)
    heard = Heard([f"t{n}" for n in range(20)], rng.normal(size=(20, CONFIG.frames, CONFIG.bands)).astype(np.float16), {})
    targets = {track: rng.normal(size=VECTOR_LENGTH).astype(np.float32) for track in heard.ids}
    weights = []
    for steps in (1, 2):  # of seven steps a pass
        monkeypatch.setattr(audio, "STEPS_AT_ONCE", steps)
        weights.append([values.tobytes() for values in fit(heard, targets, small, seed=17).get_weights()])
    assert weights[0] == weights[1]


def test_too_few_clips_train_no_network() -> None:
    heard = Heard(["t0"], log_mel(_sound()[None], CONFIG), {})
    assert fit(heard, {"t0": np.ones(VECTOR_LENGTH, np.float32)}, CONFIG, seed=17) is None


@pytest.mark.parametrize(("rate", "epochs"), [(float("inf"), 1), (float("nan"), 1), (1e30, 20)])
def test_a_network_that_diverged_is_refused_even_by_its_only_step(rate: float, epochs: int) -> None:
    """The loss of the last step is of the weights before it, so it does not tell what the step did to them."""
    rng = np.random.default_rng(5)
    heard = Heard([f"t{n}" for n in range(8)], rng.normal(size=(8, CONFIG.frames, CONFIG.bands)).astype(np.float16), {})
    targets = {track: rng.normal(size=VECTOR_LENGTH).astype(np.float32) for track in heard.ids}
    wild = replace(CONFIG, epochs=epochs, learning_rate=rate)
    with pytest.raises(SegueError, match="stay finite"):
        fit(heard, targets, wild, seed=17)
    assert fit(heard, targets, replace(wild, learning_rate=1e-3), seed=17) is not None

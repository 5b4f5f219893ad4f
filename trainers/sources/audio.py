"""`audio`: a small convolutional network that hears a clip and guesses the track's `track2vec` vector.

After van den Oord, Dieleman and Schrauwen 2013, "Deep content-based music recommendation": the log-mel spectrogram of a clip
in, the vector that listening gave the track as target. A release has a clip before it has a listener, so the guess stands in
where the vector is missing. The network is trained anew every few weeks, on targets that keep their space
(`trainers.sources.track2vec`), so its guesses keep it too.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from segue.atomic import replacing_file
from segue.errors import SegueError
from segue.home import get_home
from segue.machine import cores
from trainers.inputs import VECTOR_LENGTH
from trainers.sources.track2vec import Floats, Vectors

SUFFIXES = (".flac", ".wav", ".mp3")
_AT_ONCE = 256
STEPS_AT_ONCE = 16
"""Steps of training in one call of TensorFlow, which takes as long as a step of this network does."""


@dataclass(frozen=True)
class AudioConfig:
    """`rate` in Hz is what clips are brought to; of each the first `seconds` are heard, and at least `shortest` are needed.
    The spectrogram has `bands` mel bands of windows of `window` samples, one every `hop`."""

    rate: int = 8_000
    seconds: float = 2.0
    shortest: float = 0.5
    window: int = 1_024
    hop: int = 512
    bands: int = 64
    filters: int = 64
    hidden: int = 128
    dropout: float = 0.2
    epochs: int = 15
    batch: int = 64
    learning_rate: float = 2e-3
    fewest_tracks: int = 200
    refit_days: int = 28

    @property
    def frames(self) -> int:
        """Windows in the `seconds` that are heard."""
        return 1 + (round(self.seconds * self.rate) - self.window) // self.hop


def find_clips(track_ids: Sequence[str]) -> dict[str, Path]:
    """The clip of each track that has one."""
    home = get_home()
    there = {path.name for path in home.audio.iterdir()} if home.audio.is_dir() else set()
    found = {}
    for track in track_ids if there else ():
        paths = (home.clip(track, suffix) for suffix in SUFFIXES)
        path = next((path for path in paths if path.name in there), None)
        if path:
            found[track] = path
    return found


def read_clip(path: Path, config: AudioConfig) -> Floats:
    """The first seconds of a WAV, FLAC or MP3 file as mono samples at `config.rate`, padded with silence to that length.

    Raises:
        SegueError: it is no such file, too short, silent, or holds numbers that are none.
    """
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            rate = file.samplerate
            sound = file.read(round(config.seconds * rate) + rate, dtype="float32", always_2d=True).mean(axis=1)
    except (soundfile.LibsndfileError, OSError, RuntimeError, ValueError) as problem:
        raise _refusal(path, "a file that cannot be read as one") from problem
    if not np.isfinite(sound).all():
        raise _refusal(path, "samples that are no numbers")
    if len(sound) < config.shortest * rate:
        raise _refusal(path, f"{len(sound) / rate:.2f} s of it")
    sound = _resampled(sound, rate, config.rate)[: round(config.seconds * config.rate)]
    if np.abs(sound).max() < 1e-4:
        raise _refusal(path, "silence")
    return np.pad(sound, (0, round(config.seconds * config.rate) - len(sound))).astype(np.float32)


def _resampled(sound: Floats, rate: int, wanted: int) -> Floats:
    from scipy.signal import resample_poly

    if rate == wanted:
        return sound
    shared = int(np.gcd(rate, wanted))
    resampled: Floats = resample_poly(sound, wanted // shared, rate // shared).astype(np.float32)
    return resampled


def _refusal(path: Path, received: str) -> SegueError:
    return SegueError(
        expected=f"a clip of half a second or more in {path.name}",
        received=received,
        mend="put a whole WAV, FLAC or MP3 there",
    )


def log_mel(sounds: Floats, config: AudioConfig) -> npt.NDArray[np.float16]:
    """Log-mel spectrograms (n, frames, bands) of sounds (n, samples), each brought to one loudness, which says nothing."""
    from scipy.fft import rfft  # NumPy's would make it twice as wide

    loud = np.sqrt((sounds**2).mean(axis=1, keepdims=True))
    frames = np.lib.stride_tricks.sliding_window_view(sounds / np.maximum(loud, 1e-6), config.window, axis=1)[:, :: config.hop]
    waves = rfft(frames * np.hanning(config.window).astype(np.float32), axis=2)
    power = (waves.real**2 + waves.imag**2).reshape(-1, waves.shape[2])  # one product, where three dimensions would be many
    logs = np.log((power @ mel_filters(config).T).reshape(*waves.shape[:2], -1) + np.float32(1e-4))
    return (logs - logs.mean(axis=(1, 2), keepdims=True)).astype(np.float16)


def mel_filters(config: AudioConfig) -> Floats:
    """Triangles (bands, window / 2 + 1), evenly spaced in mel: 2595 log10(1 + f / 700) (O'Shaughnessy 1987)."""
    top = 2595 * np.log10(1 + config.rate / 2 / 700)
    corners = 700 * (10 ** (np.linspace(0, top, config.bands + 2) / 2595) - 1)
    bins = np.arange(config.window // 2 + 1) * config.rate / config.window
    width = config.rate / config.window  # a triangle narrower than a bin would hear nothing
    rising = (bins - corners[:-2, None]) / np.maximum(np.diff(corners)[:-1, None], width)
    falling = (corners[2:, None] - bins) / np.maximum(np.diff(corners)[1:, None], width)
    return np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)


@dataclass
class Heard:
    """Spectrograms (n, frames, bands) of the tracks whose clip could be read, and why others could not."""

    ids: list[str]
    spectrograms: npt.NDArray[np.float16]
    refused: dict[str, str]


def hear(clips: Mapping[str, Path], config: AudioConfig) -> Heard:
    """Read every clip; one that cannot be read is passed over and its reason kept."""
    names = sorted(clips)
    some = [{name: clips[name] for name in names[at : at + _AT_ONCE]} for at in range(0, len(names), _AT_ONCE)]
    with ThreadPoolExecutor(cores()) as pool:  # files are decoded outside of the interpreter's lock
        parts = [*pool.map(partial(_hear, config), some or [{}])]
    ids = [name for part in parts for name in part.ids]
    refused = {name: why for part in parts for name, why in part.refused.items()}
    return Heard(ids, np.concatenate([part.spectrograms for part in parts]), refused)


def _hear(config: AudioConfig, clips: Mapping[str, Path]) -> Heard:
    sounds, refused = {}, {}
    for track, path in clips.items():
        try:
            sounds[track] = read_clip(path, config)
        except SegueError as problem:
            refused[track] = str(problem)
    if not sounds:
        return Heard([], np.empty((0, config.frames, config.bands), np.float16), refused)
    return Heard([*sounds], log_mel(np.stack([*sounds.values()]), config), refused)


def network(config: AudioConfig) -> Any:
    """Convolutions over time, the bands as channels, then the mean and the peak over time: (n, frames, bands) to (n, d)."""
    import tensorflow as tf

    layers = tf.keras.layers
    spectrogram = layers.Input((config.frames, config.bands))
    x = layers.Conv1D(config.filters, 3, strides=2, activation="relu")(spectrogram)
    x = layers.Conv1D(config.filters, 3, strides=2, activation="relu")(x)
    pooled = layers.Concatenate()([layers.GlobalAveragePooling1D()(x), layers.GlobalMaxPooling1D()(x)])
    x = layers.Dropout(config.dropout)(layers.Dense(config.hidden, activation="relu")(pooled))
    return tf.keras.Model(spectrogram, layers.Dense(VECTOR_LENGTH)(x))


def fit(heard: Heard, targets: Mapping[str, Floats], config: AudioConfig, *, seed: int) -> Any | None:
    """The network trained on the tracks with clip and target; None when there are too few to learn from.

    Raises:
        SegueError: its loss or a weight became infinite or no number.
    """
    import tensorflow as tf

    rows = [row for row, track in enumerate(heard.ids) if track in targets]
    if len(rows) < config.fewest_tracks:
        return None
    tf.keras.utils.set_random_seed(seed)
    model = network(config)
    optimizer = tf.keras.optimizers.legacy.Adam(config.learning_rate)
    model.compile(optimizer=optimizer, loss="mse", steps_per_execution=STEPS_AT_ONCE)
    wanted = np.stack([targets[heard.ids[row]] for row in rows])
    history = model.fit(heard.spectrograms[rows].astype(np.float32), wanted, config.batch, config.epochs, verbose=0)
    weights = all(np.isfinite(values).all() for values in model.get_weights())
    if not weights or not np.isfinite(history.history["loss"]).all():
        raise SegueError(
            expected="an audio network whose loss and weights stay finite",
            received=f"a loss of {history.history['loss'][-1]:.4g} in the last pass and weights that are"
            f" {'' if weights else 'not '}finite",
            mend="lower the learning rate in AudioConfig",
        )
    return model


def guesses(model: Any, heard: Heard) -> Vectors:
    """What the network makes of every clip, by track id."""
    if not heard.ids:
        return {}
    parts = [
        np.asarray(model(heard.spectrograms[at : at + _AT_ONCE].astype(np.float32), training=False))
        for at in range(0, len(heard.ids), _AT_ONCE)
    ]
    return dict(zip(heard.ids, np.concatenate(parts), strict=True))


def save(model: Any, name: str) -> None:
    """Keep the weights as `embeddings/audio-NAME.npz`, no pickle in it."""
    content = io.BytesIO()
    np.savez(content, **{f"w{place}": values for place, values in enumerate(model.get_weights())})
    with replacing_file(get_home().embeddings / f"audio-{name}.npz") as temporary:
        temporary.write_bytes(content.getvalue())


def load(name: str, config: AudioConfig) -> Any:
    """The network that `save` kept."""
    with np.load(get_home().embeddings / f"audio-{name}.npz", allow_pickle=False) as kept:
        model = network(config)
        model.set_weights([kept[f"w{place}"] for place in range(len(kept.files))])
    return model


def saved() -> list[str]:
    """The names there are, which are days: oldest first."""
    return sorted(path.stem.removeprefix("audio-") for path in get_home().embeddings.glob("audio-*.npz"))

"""`segue bench training`: what a training example costs the platform's retriever, and what it costs the plain TFRS quickstart.

Short spells of both alternate in one process on the same log, batch and width, so that a machine's moods meet both; a ratio is
the median over the pairs of neighbouring spells. Seconds of the processors are counted too: they say the same on a machine
that is busy with other things. The platform trains whole: every feature, mask and correction of `segue
train`, through the same batches and the same compiled step. `trainers.benches.quickstart` says what it is compared with.
"""

from __future__ import annotations

import resource
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segue.errors import SegueError
from segue.home import get_home
from segue.settings import get_settings
from segue.stage import Outcome, Progress
from trainers.benches.training_table import Contender, Step, as_text, draw, row_of


@dataclass(frozen=True)
class BenchConfig:
    """`examples` as many as a training of the platform samples, `heard` pairs per user; a spell is `steps` batches.

    The quickstart with its metrics ranks the whole catalogue in every step: it gets one step a spell, and none where there
    are more than `ranked_tracks`, which would take minutes.
    """

    examples: int = 400_000
    heard: int = 30
    spells: int = 7
    steps: int = 20
    warm_up: int = 3
    ranked_tracks: int = 100_000
    twin: int = 10
    """How many times smaller the twin is whose step time is compared."""


def bench_training(
    *, users: int = 100_000, tracks: int = 100_000, out: Path | None = None, config: BenchConfig | None = None
) -> Outcome:
    """Examples per second at that many users and tracks, and the most memory the platform's training held; the chart goes to
    `out`, or where the charts of benches are.

    Raises:
        SegueError: fewer than ten users or tracks, or `out` is no .png.
    """
    import tensorflow as tf

    from trainers.retriever.config import RetrieverConfig

    if min(users, tracks) < 10:
        raise SegueError(
            expected="--users and --tracks of at least 10", received=f"{users} and {tracks}", mend="give --users 100000"
        )
    sizes, config = RetrieverConfig(), config or BenchConfig()
    tf.keras.utils.set_random_seed(get_settings().seed)
    progress, memory = Progress("bench training"), dict[str, float]()
    contenders = _contenders(users, tracks, sizes, config, progress, memory)
    with progress.step("spells"):
        _take_turns(contenders, sizes.batch, config)
    rows = [row_of(contender, contenders) for contender in contenders]
    path = draw(out or get_home().chart("training"), rows, memory, f"Training, {users:,} users and {tracks:,} tracks")
    summary = {
        "users": users,
        "tracks": tracks,
        "batch": sizes.batch,
        "dimensions": sizes.dimensions,
        "rows": rows,
        "peak_gib": memory,
        "seconds": progress.seconds,
        "config": asdict(config),
        "chart": str(path),
    }
    return Outcome(summary, f"{as_text(rows, memory, sizes.batch)}\n\nThe chart is {path}")


def _contenders(
    users: int, tracks: int, sizes: Any, config: BenchConfig, progress: Progress, memory: dict[str, float]
) -> list[Contender]:
    """The platform first, then its smaller twin and the plain models."""
    from trainers.benches.quickstart import Quickstart, SameTowers, feature_batches, id_batches
    from trainers.retriever.ids_only import track_ids, user_ids

    retriever, examples, ours = _platform(users, tracks, sizes, config, progress, memory)
    with progress.step("vectors of everyone"):
        _everyone(retriever, examples)
    _note(memory, "everyone's vectors", progress)
    _, _, twin = _platform(max(users // config.twin, 10), max(tracks // config.twin, 10), sizes, config, progress, {})
    with progress.step("the quickstart"):
        ids, names = id_batches(examples, sizes.batch), (user_ids(users), track_ids(tracks))
        bare = Quickstart(*names, sizes.dimensions, metrics=False)
        same = SameTowers(new_retriever(users, tracks, sizes))
        found = [
            Contender("segue", ours, config.steps),
            Contender(f"segue, {config.twin} times smaller", twin, config.steps),
            Contender("quickstart, our towers", _keras(same, feature_batches(examples, sizes.batch)), config.steps),
            Contender("segue, ids only", _ids_alone(examples, retriever.heard, sizes), config.steps, ids_alone=True),
            Contender("quickstart, ids only, no metrics", _keras(bare, ids), config.steps, ids_alone=True),
        ]
        if tracks <= config.ranked_tracks:
            documented = Quickstart(*names, sizes.dimensions, metrics=True)
            found.append(Contender("quickstart as documented", _keras(documented, ids), 1, ids_alone=True))
    return found


def new_retriever(users: int, tracks: int, sizes: Any) -> Any:
    """The platform's retriever for a log of `trainers.benches.synthetic_log`."""
    from trainers.benches import synthetic_log as log
    from trainers.retriever.ids_only import track_ids, user_ids
    from trainers.retriever.model import Retriever, Vocabularies

    names = (log.artist_ids(tracks), log.genre_ids(), log.territory_ids())
    return Retriever(sizes, Vocabularies(user_ids(users), track_ids(tracks), *map(list, names)))


def _platform(
    users: int, tracks: int, sizes: Any, config: BenchConfig, progress: Progress, memory: dict[str, float]
) -> tuple[Any, Any, Step]:
    """The platform's retriever, its examples, and a step of its training; the peak after each phase goes to `memory`."""
    from trainers.benches import synthetic_log as log

    seed, at = get_settings().seed, f"{users} users, {tracks} tracks"
    with progress.step(f"examples, {at}"):
        examples = log.synthetic_examples(users, tracks, config.examples, seed=seed)
    _note(memory, "examples", progress)
    with progress.step(f"retriever, {at}"):
        retriever = new_retriever(users, tracks, sizes)
        retriever.adapt(examples)
    _note(memory, "tables and vocabularies", progress)
    with progress.step(f"pairs heard, {at}"):
        heard = log.synthetic_pairs(users, tracks, users * config.heard, seed=seed)
    _note(memory, "pairs heard", progress)
    with progress.step(f"encode, {at}"):
        data, _ = retriever.ready(examples, heard, seed=seed)
    _note(memory, "encoded", progress)
    step = _keras(retriever, data)
    with progress.step(f"first steps, {at}"):
        _run(step, config.warm_up)
    _note(memory, "training", progress)
    return retriever, examples, step


def _ids_alone(examples: Any, heard: Any, sizes: Any) -> Step:
    """A step of the platform's retriever on the ids of `examples`, as `segue bench retrieval` trains it on a public log."""
    from trainers.interactions import Interactions
    from trainers.retriever.ids_only import examples_of, track_ids, user_ids
    from trainers.retriever.model import Retriever, Vocabularies

    counts = len(examples.users), len(examples.tracks)
    retriever = Retriever(sizes, Vocabularies(user_ids(counts[0]), track_ids(counts[1]), [], [], []))
    listens = Interactions(examples.user_row, examples.track_row, examples.weight, *counts)
    alone = examples_of(listens, skipped=examples.skipped)
    retriever.adapt(alone)
    return _keras(retriever, retriever.ready(alone, heard, seed=get_settings().seed)[0])


def _keras(model: Any, data: Any) -> Step:
    """One step of what Keras's `fit` runs: its compiled training function on the next batch."""
    function, batches = model.make_train_function(), iter(data.repeat())
    return lambda: function(batches)


def _everyone(retriever: Any, examples: Any) -> None:
    """The vectors of all users and tracks, as a release would hold them."""
    from trainers.retriever.retrieval import vectors_of

    for saved, frame in ((retriever.query, examples.users), (retriever.track, examples.tracks)):
        vectors = vectors_of(saved, frame)
        if not np.isfinite(vectors).all():
            raise SegueError(expected="finite vectors", received="others", mend="this is a defect of the bench: report it")


def _take_turns(contenders: list[Contender], batch: int, config: BenchConfig) -> None:
    for contender in contenders:
        _run(contender.step, min(config.warm_up, contender.steps))
    for _ in range(config.spells):
        for contender in contenders:
            seconds, busy = _run(contender.step, contender.steps)
            contender.rates.append(contender.steps * batch / seconds)
            contender.work.append(busy / contender.steps * 1_000)


def _run(step: Step, steps: int) -> tuple[float, float]:
    """Seconds of so many steps, and of the processors in them; the last loss is read, so that all of them are over."""
    started, busy = time.perf_counter(), time.process_time()
    for _ in range(steps):
        logs = step()
    float(logs["loss"])
    return time.perf_counter() - started, time.process_time() - busy


def _note(memory: dict[str, float], phase: str, progress: Progress) -> None:
    memory[phase] = peak_gib()
    progress.say(f"{phase}: {memory[phase]} GiB at most so far")


def peak_gib() -> float:
    """The most memory this process has held so far, in GiB (Linux counts it in KiB)."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)

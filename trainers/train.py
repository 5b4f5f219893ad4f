"""`segue train`: a candidate release from the gold tables, as known at a day. Here are its steps; the work is elsewhere:
`fitting` fits the models in order of time, `contents` writes the files, `sealing` names and seals the release.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from segue.dates import Split, split_at
from segue.errors import NotBegunError, SegueError
from segue.features import fingerprint, shared_store
from segue.home import get_home
from segue.lock import locked
from segue.names import MODEL_SERVICES
from segue.own_process import beside
from segue.policy import chosen_policy
from segue.release import MANIFEST, Manifest, read_manifest, release_path
from segue.settings import get_settings
from segue.stage import Outcome, Progress
from trainers import contents, sealing
from trainers.fitting import Fitted, fit_models
from trainers.gold import label_files
from trainers.hyperparameters import Hyperparameters
from trainers.made_from import Inputs, ids_digest
from trainers.ranker.ranking import RankerKind
from trainers.release_rows import ReleaseRows, read_release_rows
from trainers.retriever.workers import worker_number
from trainers.sessions.radio import TrainedSessions, train_sessions

GATE_IS_EXACT = "`segue evaluate` and the gate search exactly; recall is the share of it that the index finds when it serves"


def run(*, as_of: date, hyper: Hyperparameters | None = None) -> Outcome:
    """Train, and seal a candidate release; when one of the same inputs exists, say so and change nothing.

    With several workers in `TF_CONFIG`, each runs this on the same gold tables, and the first of them seals the release.

    Raises:
        SegueError: too little history before the held-out days, a model diverged, another training runs, or gold was
            written again meanwhile.
    """
    settings, worker = get_settings(), worker_number()
    hyper = hyper or chosen(Hyperparameters(), settings.ranker)
    progress, split = Progress("train"), split_at(as_of, settings.holdout_days)
    _require_gold(as_of, split)
    with locked(get_home().tmp / (f"train-{worker}.lock" if worker else "train.lock"), what="`segue train`"):
        present = fingerprint(shared_store(), MODEL_SERVICES)
        inputs = Inputs.present(split)
        made_from = {
            "inputs": inputs.digests,
            "hyperparameters": hyper.as_dict(),
            "features": present,
            "policy": chosen_policy().model_dump(),
            "settings": [settings.seed, settings.holdout_days, settings.train_rows, settings.exact_search_below],
        }
        version = sealing.name_of(as_of, made_from)
        if (release_path(version) / MANIFEST).exists():
            return _outcome(read_manifest(release_path(version)), progress, existed=True)
        fit = partial(fit_models, split, hyper, progress, rows=settings.train_rows, seed=settings.seed)
        if worker:
            fit(meanwhile=lambda: None)
            return Outcome(
                {"worker": worker, "seconds": progress.seconds}, f"worker {worker} did its share; worker 0 seals it"
            )
        with sealing.new_release(version) as folder, _session_model(folder, split, hyper, progress) as session_model:
            fitted, rows = fit(meanwhile=partial(read_release_rows, split, seed=settings.seed))
            with progress.step("release"):
                manifest = _write(folder, fitted, rows, split, hyper)
            sessions = session_model()
            _require_same_tracks(rows, sessions)
            manifest.metrics |= sessions.said
            progress.seconds |= sessions.seconds
            manifest = manifest.model_copy(update={"version": version, "as_of": as_of, "feature_fingerprint": present})
            manifest.metrics["seconds"] = dict(progress.seconds)
            inputs.require_unchanged()
            sealing.seal(folder, manifest)
    return _outcome(manifest, progress, existed=False)


def chosen(hyper: Hyperparameters, kind: RankerKind) -> Hyperparameters:
    """`hyper` with the ranker that was set."""
    return replace(hyper, ranker=replace(hyper.ranker, kind=kind))


@contextmanager
def _session_model(
    folder: Path, split: Split, hyper: Hyperparameters, progress: Progress
) -> Iterator[Callable[[], TrainedSessions]]:
    """Train the session model beside the other models, which it needs nothing of and which leave half of two cores idle; what
    is yielded waits for it. If it fails, no further step of `progress` begins."""
    if not hyper.sessions.passes:
        yield lambda: TrainedSessions({"sessions": 0}, {}, None)
        return
    train = partial(train_sessions, folder, split, hyper.sessions, hyper.order, seed=get_settings().seed)
    with beside(train) as trained:
        progress.before_step = trained.check
        yield trained


def _require_same_tracks(rows: ReleaseRows, sessions: TrainedSessions) -> None:
    """The session model numbers tracks as its process read them, and everything else as this one did."""
    if sessions.tracks not in (None, ids_digest(rows.catalogue.track_ids)):
        raise SegueError(
            expected="one catalogue for all models of a release",
            received="another one in the process of the session model",
            mend="run `segue train` again when `segue features` has ended",
        )


def _require_gold(as_of: date, split: Split) -> None:
    files = label_files(None, split.end)
    first, last = (file.parent.name.removeprefix("day=") for file in (files[0], files[-1]))
    if last < as_of.isoformat() or first >= split.rank_from.date().isoformat():
        held = (split.end - split.cutoff).days
        raise NotBegunError(
            expected=f"more than {2 * held} days of listens up to {as_of} ({held} are held out, {held} teach the ranker)",
            received=f"listens from {first} to {last}",
            mend="choose another as-of day, run `segue features` for it, or hold out fewer days with SEGUE_HOLDOUT_DAYS",
        )


def _write(folder: Path, fitted: Fitted, rows: ReleaseRows, split: Split, hyper: Hyperparameters) -> Manifest:
    """Every file of the release but its manifest; that, with what is not known here left empty."""
    settings, policy = get_settings(), chosen_policy()
    vectors = contents.write_catalogue(folder, fitted, rows.catalogue)
    sample, queries = contents.reference(fitted, rows, policy.staying)
    sample.to_parquet(folder / "reference.parquet", index=False)
    index = contents.write_index(folder, vectors, queries, hyper.index, exact_below=settings.exact_search_below)
    return Manifest(
        version="",
        created_at=sealing.stamp(),
        as_of=split.end.date(),
        trained_through=split.cutoff,
        feature_fingerprint="",
        hyperparameters=_described(hyper, fitted),
        policy=policy.model_dump(),
        metrics=fitted.metrics | {"index": index, "reference_rows": len(sample)},
        libraries=sealing.libraries(),
        inputs={name: [(s.name, s.kind, s.length) for s in specs] for name, specs in contents.INPUTS.items()},
        tracks=len(vectors),
        dimensions=int(vectors.shape[1]),
        files={},
    )


def _described(hyper: Hyperparameters, fitted: Fitted) -> dict[str, Any]:
    """The hyperparameters, with the blend as it was used, the territories of the ranker's rows, and the seed."""
    blend = {"save": fitted.blend.save, "early_skip": fitted.blend.early_skip}
    settings = get_settings()
    return hyper.as_dict() | {
        "blend": blend,
        "territories": list(fitted.territories),
        "seed": settings.seed,
        "holdout_days": settings.holdout_days,
        "train_rows": settings.train_rows,
    }


def _outcome(manifest: Manifest, progress: Progress, *, existed: bool) -> Outcome:
    summary = {
        "version": manifest.version,
        "existed": existed,
        "as_of": manifest.as_of.isoformat(),
        "trained_through": manifest.trained_through.isoformat(),
        "tracks": manifest.tracks,
        "metrics": manifest.metrics,
        "seconds": progress.seconds,
    }
    if existed:
        return Outcome(summary, f"{manifest.version}: made before from the same listens, settings and code; nothing to do")
    index = manifest.metrics["index"]
    recall = ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in index.items() if name != "kind")
    lines = [
        f"candidate release {manifest.version}",
        f"  {manifest.tracks} tracks, {manifest.dimensions} dimensions, {index['kind']} search ({recall})",
        *([f"  {GATE_IS_EXACT}"] if index["kind"] == "scann" else []),
        f"  trained on {manifest.metrics['examples']} first listens before {manifest.trained_through:%Y-%m-%d}",
        f"next: segue evaluate {manifest.version}",
    ]
    return Outcome(summary, "\n".join(lines))

"""`segue bench retrieval`: the platform's retriever on a public split, full ranking, beside `implicit` ALS and item-kNN.

The towers, the loss and the training loop are those of `segue train`; only the examples know nothing but ids. Two things
are chosen on `--valid`: when to stop, and the exponent by which popularity lengthens the track vectors. With `--refit` the
model is trained once more, on train and valid together, as often as was best. Without `--valid` it trains as often as the
settings say, with the exponent they name.
"""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from segue.errors import SegueError
from segue.settings import get_settings
from segue.stage import Outcome, Progress
from trainers.baselines.ials import Ials
from trainers.baselines.item_knn import ItemKnn
from trainers.benches import retrieval_table
from trainers.benches.given_settings import with_settings
from trainers.benches.ids_only_settings import IdsOnlyConfig, Measured, measured_for
from trainers.benches.item_lists import Numbers, read_item_lists, write_recommendations
from trainers.benches.retrieval_table import Pass, Scores
from trainers.interactions import Floats, Indices, Interactions, Recommender, recommend_by_score

EXPONENTS = (0.0, 0.05, 0.1, 0.15)
CHOSEN_BY, PATIENCE = 4_000, 4


@dataclass(frozen=True)
class Vectors:
    """`users` (n_users, d) and `tracks` (n_tracks, d); a score is a dot product."""

    users: Floats
    tracks: Floats


@dataclass(frozen=True)
class Chosen:
    """The best moment of a training: passes done, recall and NDCG on valid added, vectors, popularity exponent."""

    passes: int
    score: float
    vectors: Vectors
    exponent: float


@dataclass(frozen=True)
class Truth:
    """What the validation part holds (n_users, n_tracks), and the users (n,) that choices are made by."""

    held: sp.csr_matrix
    users: Indices

    @classmethod
    def of(cls, held: Interactions) -> Truth:
        """At most `CHOSEN_BY` users, drawn evenly."""
        matrix = held.matrix()
        users = np.flatnonzero(np.diff(matrix.indptr))
        drawn = np.random.default_rng(get_settings().seed).permutation(users)[:CHOSEN_BY]
        return cls(matrix, np.sort(drawn))

    def scores(self, lists: Indices) -> Scores:
        """Recall and NDCG of the lists (n, k) of `users`."""
        return Scores.of(lists, self.held[self.users])


@dataclass
class Run:
    """One training on `known`, with what it has to say; its clock stands still while the validation part is asked."""

    known: Interactions
    truth: Truth | None
    config: IdsOnlyConfig
    k: int
    progress: Progress
    passes: list[Pass] = field(default_factory=list)
    since: float = field(default_factory=time.perf_counter)

    def note(self, done: int, loss: float) -> None:
        """A pass is done."""
        self.passes.append(Pass(done, loss, round(time.perf_counter() - self.since, 2)))
        self.progress.say(f"pass {done}: loss {loss:.4f}")
        self.since = time.perf_counter()

    def note_scores(self, recall: float, ndcg: float, exponent: float) -> None:
        """What the validation part says after it."""
        done = replace(self.passes[-1], recall=recall, ndcg=ndcg, exponent=exponent)
        self.passes[-1] = done
        self.progress.say(f"pass {done.number}: recall@{self.k} {recall:.4f}, NDCG@{self.k} {ndcg:.4f}")
        self.since = time.perf_counter()

    def score(self, vectors: Vectors, truth: Truth) -> tuple[float, float]:
        """Mean recall and NDCG on the validation part."""
        scores = self.scores(vectors, truth)
        return float(scores.recall.mean()), float(scores.ndcg.mean())

    def scores(self, vectors: Vectors, truth: Truth) -> Scores:
        """Recall and NDCG of each user that choices are made by."""
        return truth.scores(lists_of(vectors, self.known, truth.users, self.k))


def bench_retrieval(
    *, train: Path, k: int, out: Path, valid: Path | None = None, config: str | None = None, refit: bool = False
) -> Outcome:
    """Train, choose on `valid`, and write the `k` best unseen items of every user of `train` to `out`.

    Users and items of `valid` that `train` does not name are there, without a listen.

    Raises:
        SegueError: a file that is not as described, a bad setting, or a training that diverged.
    """
    if k < 1:
        raise SegueError(expected="--k of at least 1", received=str(k), mend="give --k 20")
    run, every, numbers, measured = _read(train, valid, k, config)
    with run.progress.step(
        f"retriever on {run.known.n_users} users, {run.known.n_tracks} items, {len(run.known.users)} pairs"
    ):
        best = fit(run)
    rows = _beside(run, run.truth, measured, best) if run.truth else []
    known, passes = run.known, {retrieval_table.TRAINING: run.passes}
    if refit and run.truth:
        known = every
        again = Run(known, None, at_best(run.config, best), k, run.progress)
        with run.progress.step(f"again with the validation part, {best.passes} passes"):
            best = fit(again)
        passes[retrieval_table.AGAIN] = again.passes
    asked = np.unique(known.users)
    write_recommendations(out, numbers.users[asked], numbers.named(lists_of(best.vectors, known, asked, k)))
    chart = retrieval_table.draw(out.with_name(f"{out.name}.png"), rows, passes, k)
    told = f"{best.passes} passes. The lists are in {out}, the chart is {chart}."
    text = f"{retrieval_table.as_text(rows, passes, k)}\n\n{told}"
    return Outcome(_summary(run, best) | {"valid": rows, "chart": str(chart)}, text)


def _read(train: Path, valid: Path | None, k: int, config: str | None) -> tuple[Run, Interactions, Numbers, Measured]:
    """A run on `train`, the pairs of both files together, who is who in the files, and the measured settings for so many."""
    heard, held = read_item_lists(train), read_item_lists(valid) if valid else None
    every = heard + held if held else heard
    numbers, measured = Numbers.of(every), measured_for(len(heard.users))
    truth = Truth.of(numbers.interactions(held)) if held else None
    settings = with_settings(measured.retriever, config)
    run = Run(numbers.interactions(heard), truth, settings, k, Progress("bench retrieval"))
    return run, numbers.interactions(every), numbers, measured


def _summary(run: Run, best: Chosen) -> dict[str, Any]:
    return {
        "users": run.known.n_users,
        "items": run.known.n_tracks,
        "passes": best.passes,
        "each_pass": [dataclasses.asdict(one) for one in run.passes],
        "popularity_exponent": best.exponent,
        "seconds": run.progress.seconds,
        "config": dataclasses.asdict(run.config),
    }


def at_best(settings: IdsOnlyConfig, best: Chosen) -> IdsOnlyConfig:
    """`settings` with what was chosen in place of what there was to choose."""
    return replace(settings, passes=best.passes, popularity_exponent=best.exponent)


def fit(run: Run) -> Chosen:
    """Train the retriever; the best moment by recall and NDCG on the validation part together, else the last.

    Together they scatter less from pass to pass than either alone, and the first peak is not taken for the last."""
    import tensorflow as tf

    from trainers.retriever.encoding import encode_everyone
    from trainers.retriever.ids_only import examples_of, heard_in, track_ids, user_ids
    from trainers.retriever.model import Retriever, Vocabularies

    seed, known, config = get_settings().seed, run.known, run.config
    tf.keras.utils.set_random_seed(seed)
    retriever = Retriever(config, Vocabularies(user_ids(known.n_users), track_ids(known.n_tracks), [], [], []))
    examples = examples_of(known)
    retriever.adapt(examples)
    users, tracks = encode_everyone(examples, retriever.query_tower, retriever.track_tower)
    moments: list[Chosen] = []

    def vectors() -> Vectors:
        tables = retriever.tables
        found = retriever.query_tower.embed(users, tables), retriever.track_tower.embed(tracks, tables)
        return Vectors(*(part.numpy() for part in found))

    def after_pass(done: int, loss: float) -> bool:
        run.note(done, loss)
        if run.truth is None or (done % config.evaluate_every and done != config.passes):
            return True
        now = _best_exponent(run, run.truth, done, vectors())
        moments[:] = [max([*moments, now], key=lambda moment: moment.score)]
        return done - moments[0].passes < PATIENCE * config.evaluate_every

    heard, run.since = heard_in(known), time.perf_counter()
    losses = retriever.fit_examples(examples, heard, seed=seed, after_pass=after_pass)
    if moments:
        return moments[0]
    exponent = config.popularity_exponent
    return Chosen(len(losses), float("nan"), lengthened(vectors(), known, exponent), exponent)


def _best_exponent(run: Run, truth: Truth, done: int, vectors: Vectors) -> Chosen:
    """This moment with the exponent that was best on the validation part, noted in the table of passes."""
    found = {exponent: lengthened(vectors, run.known, exponent) for exponent in EXPONENTS}
    scores = {exponent: run.score(lengths, truth) for exponent, lengths in found.items()}
    exponent = max(scores, key=lambda exponent: sum(scores[exponent]))
    recall, ndcg = scores[exponent]
    run.note_scores(recall, ndcg, exponent)
    return Chosen(done, recall + ndcg, found[exponent], exponent)


def lengthened(vectors: Vectors, known: Interactions, exponent: float) -> Vectors:
    """`vectors` with each track's multiplied by its number of listeners to the power `exponent`."""
    popularity = np.maximum(np.bincount(known.tracks, minlength=known.n_tracks), 1.0) ** exponent
    return Vectors(vectors.users, (vectors.tracks * popularity[:, None]).astype(np.float32))


def lists_of(vectors: Vectors, known: Interactions, users: Indices, k: int) -> Indices:
    """The k best tracks (n, k) of `users` (n,) that they have not heard."""

    def scores(some: Indices) -> Floats:
        return vectors.users[some] @ vectors.tracks.T

    return recommend_by_score(scores, users, k, known.matrix()[users], known.n_tracks)


def _beside(run: Run, truth: Truth, measured: Measured, best: Chosen) -> list[dict[str, Any]]:
    """Scores on the validation part: the retriever, and the two baselines with the settings that decision 8's grid found best
    on the validation part of the public split of the nearer size."""
    models = {"retriever": run.scores(best.vectors, truth)}
    baselines: dict[str, Recommender] = {"iALS": Ials(measured.ials), "item-kNN": ItemKnn(measured.item_knn)}
    heard = run.known.matrix()[truth.users]
    for name, model in baselines.items():
        with run.progress.step(name):
            models[name] = truth.scores(model.fit(run.known).recommend(truth.users, run.k, heard))
    return retrieval_table.rows_of(models)

"""`segue bench retrieval`: the platform's retriever on a public split, full ranking, beside `implicit` ALS and item-kNN.

The towers, the loss and the training loop are those of `segue train`; only the examples know nothing but ids. Every choice is
made on `--valid`: when to stop, and the exponent by which popularity lengthens the track vectors. With `--refit` the model is
then trained once more, on train and valid together, as often as was best.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import scipy.sparse as sp

from segue.errors import SegueError
from segue.settings import get_settings
from segue.stage import Outcome, Progress
from trainers import retrieval_table
from trainers.baselines.ials import Ials, IalsConfig
from trainers.baselines.item_knn import ItemKnn
from trainers.interactions import Floats, Indices, Interactions, Recommender, recommend_by_score
from trainers.item_lists import read_item_lists, write_recommendations
from trainers.retrieval_table import Scores
from trainers.retriever_config import RetrieverConfig

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

IDS_ONLY = RetrieverConfig(
    temperature=0.15,
    batch=2048,
    smallest_batch=16,
    random_negatives=0.0,
    table_rate=2e-3,
    table_optimizer="adam",
    context_dropout=0.0,
    id_dropout=0.0,
    shuffled_at_once=10_000_000,
    passes=30,
    smoothing_rounds=2,
    spectral_start=True,
)
"""What was best on the validation part of Last.fm-2k; infra/decisions/0008 has what each option gains."""

Config = TypeVar("Config", bound="DataclassInstance")
EXPONENTS = (0.0, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2)
EVALUATE_EVERY, PATIENCE = 2, 4


@dataclass
class Chosen:
    """The best moment of a training: passes done, score on valid, unit vectors of users and tracks, popularity exponent."""

    passes: int = 0
    ndcg: float = -1.0
    queries: Floats = field(default_factory=lambda: np.empty((0, 0), np.float32))
    vectors: Floats = field(default_factory=lambda: np.empty((0, 0), np.float32))
    exponent: float = 0.0


def bench_retrieval(
    *, train: Path, k: int, out: Path, valid: Path | None = None, config: str | None = None, refit: bool = False
) -> Outcome:
    """Train, choose on `valid`, and write the `k` best unseen items of every user of `train` to `out`.

    Raises:
        SegueError: a file that is not as described, an item or user of `valid` that `train` does not number, a bad setting,
            or a training that diverged.
    """
    if k < 1:
        raise SegueError(expected="--k of at least 1", received=str(k), mend="give --k 20")
    chosen_config = with_settings(IDS_ONLY, config)
    heard = read_item_lists(train)
    held = read_item_lists(valid) if valid else None
    every = heard + held if held else heard
    n_users, n_items = int(every.users.max()) + 1, int(every.items.max()) + 1
    known, truth = heard.interactions(n_users, n_items), None
    if held:
        truth = held.interactions(n_users, n_items).matrix()
    progress = Progress("bench retrieval")
    with progress.step(f"retriever on {n_users} users, {n_items} items, {len(known.users)} pairs"):
        best, passes = fit(known, truth, chosen_config, k, progress)
    rows = _beside(known, truth, best, k, progress) if truth is not None else []
    chart = retrieval_table.draw(out.with_name(f"{out.name}.png"), rows, passes, k) if rows else None
    if refit and held:
        with progress.step(f"again with the validation part, {best.passes} passes"):
            known = every.interactions(n_users, n_items)
            again, _ = fit(known, None, replace(chosen_config, passes=best.passes), k, progress)
            again.exponent = best.exponent
            best = again
    asked = np.unique(known.users)
    write_recommendations(out, asked, lists_of(best, known, asked, k))
    summary = {
        "users": n_users,
        "items": n_items,
        "passes": best.passes,
        "popularity_exponent": best.exponent,
        "valid": rows,
        "chart": str(chart) if chart else None,
        "seconds": progress.seconds,
        "config": dataclasses.asdict(chosen_config),
    }
    told = f"{best.passes} passes, popularity exponent {best.exponent}. The lists are in {out}"
    told += f", the chart is {chart}." if chart else "."
    return Outcome(summary, "\n\n".join(filter(None, [retrieval_table.as_text(rows, passes, k), told])))


def with_settings(config: Config, text: str | None) -> Config:
    """`config` with the fields that `text`, a JSON object or the path of one, names.

    Raises:
        SegueError: it is no JSON object, or names what is no setting or has another type.
    """
    if text is None:
        return config
    source = Path(text).read_text(encoding="utf-8") if not text.lstrip().startswith("{") and Path(text).is_file() else text
    try:
        given = json.loads(source)
    except json.JSONDecodeError:
        given = None
    kinds = {field.name: type(getattr(config, field.name)) for field in dataclasses.fields(config)}
    wrong = [
        name
        for name, value in (given if isinstance(given, dict) else {}).items()
        if name not in kinds or not _is(value, kinds[name])
    ]
    if not isinstance(given, dict) or wrong:
        raise SegueError(
            expected="--config as a JSON object of " + ", ".join(f"{name} ({kind.__name__})" for name, kind in kinds.items()),
            received=f"{', '.join(wrong)} in it" if isinstance(given, dict) else text[:60],
            mend="write for example --config '{\"temperature\": 0.12}'",
        )
    return replace(config, **given)


def _is(value: Any, kind: type) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def fit(
    known: Interactions, truth: sp.csr_matrix | None, config: RetrieverConfig, k: int, progress: Progress
) -> tuple[Chosen, list[list[Any]]]:
    """Train the retriever on `known`; the best moment by NDCG on `truth` (else the last), and a row for each evaluation."""
    import tensorflow as tf

    from trainers.encoding import encode_everyone
    from trainers.ids_only import examples_of, heard_in, track_ids, user_ids
    from trainers.retriever import Retriever, Vocabularies

    seed = get_settings().seed
    tf.keras.utils.set_random_seed(seed)
    names = Vocabularies(user_ids(known.n_users), track_ids(known.n_tracks), [], [], [])
    retriever, examples, best, rows = Retriever(config, names), examples_of(known), Chosen(), list[list[Any]]()
    retriever.adapt(examples)
    users, tracks = encode_everyone(examples, retriever.query_tower, retriever.track_tower)

    def vectors() -> tuple[Floats, Floats]:
        tables = retriever.id_tables.used()
        return retriever.query_tower.embed(users, *tables).numpy(), retriever.track_tower.embed(tracks, tables[1]).numpy()

    def after_pass(done: int, loss: float) -> bool:
        if truth is None or (done % EVALUATE_EVERY and done != config.passes):
            return True
        now = Chosen(done, -1.0, *vectors())
        recall, now.ndcg, now.exponent = max(
            ((*_score(replace(now, exponent=e), known, truth, k), e) for e in EXPONENTS), key=lambda found: found[1]
        )
        rows.append([done, loss, recall, now.ndcg, now.exponent])
        progress.say(f"pass {done}: loss {loss:.4f}, recall@{k} {recall:.4f}, NDCG@{k} {now.ndcg:.4f}")
        if now.ndcg > best.ndcg:
            best.__dict__.update(vars(now))
        return done - best.passes < PATIENCE * EVALUATE_EVERY

    losses = retriever.fit_examples(examples, heard_in(known), seed=seed, after_pass=after_pass)
    if truth is None:
        best = Chosen(len(losses), -1.0, *vectors())
    return best, rows


def lists_of(model: Chosen, known: Interactions, users: Indices, k: int) -> Indices:
    """The k best tracks (n, k) of `users` (n,) that they have not heard."""
    queries, heard = model.queries, known.matrix()
    popularity = np.maximum(np.bincount(known.tracks, minlength=known.n_tracks), 1.0) ** model.exponent
    vectors = (model.vectors * popularity[:, None]).astype(np.float32)
    return recommend_by_score(lambda some: queries[some] @ vectors.T, users, k, heard[users], len(vectors))


def _score(model: Chosen, known: Interactions, truth: sp.csr_matrix, k: int) -> tuple[float, float]:
    scores = _scores(model, known, truth, k)
    return float(scores.recall.mean()), float(scores.ndcg.mean())


def _scores(model: Chosen, known: Interactions, truth: sp.csr_matrix, k: int) -> Scores:
    users = np.flatnonzero(np.diff(truth.indptr))
    return Scores.of(lists_of(model, known, users, k), truth[users])


def _beside(known: Interactions, truth: sp.csr_matrix, best: Chosen, k: int, progress: Progress) -> list[dict[str, Any]]:
    """Scores on the validation part: the retriever, and both baselines with the settings that were best there."""
    users = np.flatnonzero(np.diff(truth.indptr))
    heard = known.matrix()[users]
    models = {"retriever": _scores(best, known, truth, k)}
    baselines: dict[str, Recommender] = {"iALS": Ials(IalsConfig(alpha=14.4, half_life_days=None)), "item-kNN": ItemKnn()}
    for name, model in baselines.items():
        with progress.step(name):
            models[name] = Scores.of(model.fit(known).recommend(users, k, heard), truth[users])
    return retrieval_table.rows_of(models)

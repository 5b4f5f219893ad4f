"""`segue evaluate`: a candidate release beside the live one and the baselines, on days none of them has seen.

It judges and stores; it decides nothing: that is the gate's. Running it again replaces what it stored.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from segue.dates import Split, split_at
from segue.errors import SegueError
from segue.features import fingerprint, shared_store
from segue.live_release import read_pointer
from segue.names import MODEL_SERVICES
from segue.policy import policy_of, read_policy
from segue.release import Manifest, read_manifest, release_path, require_release
from segue.settings import get_settings
from segue.stage import Outcome, Progress
from trainers.evaluation.charts import chart
from trainers.evaluation.contenders import baselines, rank, retrieve, shares_found
from trainers.evaluation.explored import exploration_report, exploration_text
from trainers.evaluation.heldout import HeldOut, held_out
from trainers.evaluation.result import FUNNEL, LIVE_FUNNEL, RETRIEVER, LiveState, as_text, chart_path, store, summary
from trainers.evaluation.scoreboard import Answers, EvaluateConfig, per_user, report
from trainers.evaluation.target_policies import targets_of
from trainers.interactions import Indices


def run(*, version: str, policy: str | None = None) -> Outcome:
    """Evaluate `version` and store the result at `segue.release.evaluation_path(version)`. `policy` has settings to tell of
    from the logs beside those of the release: JSON, or the path of a file of it.

    Raises:
        SegueError: no such release, changed bytes, it has seen the days that are to be held out, or `policy` is none.
    """
    progress, config = Progress("evaluate"), EvaluateConfig()
    require_release(version)
    manifest = read_manifest(release_path(version))
    targets = targets_of(policy_of(manifest.policy), read_policy(policy, "--policy", "correct it") if policy else None)
    split = _split(manifest)
    with progress.step("held-out question"):
        held = held_out(split)
    # One limit for both sides of the thread: set by one of them alone, it would change what the other computes with.
    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(1) as beside:
        of_baselines = beside.submit(_ask_baselines, held, config, progress)
        answers = _ask_releases(version, held, config, progress)
        answers.lists |= of_baselines.result()
    with progress.step("metrics"):
        found = report(manifest, held, answers, config)
    with progress.step("exploration"):
        found["exploration"] = exploration_report(targets)
    with progress.step("chart"):
        store(version, found, per_user(held, answers), chart(found))
    path = str(chart_path(version))
    text = f"{as_text(found)}\n\n{exploration_text(found['exploration'])}\n\nThe chart is {path}"
    return Outcome(summary(found) | {"chart": path}, text)


def _split(manifest: Manifest) -> Split:
    days = get_settings().holdout_days
    split = split_at(manifest.as_of, days)
    if manifest.trained_through > split.cutoff:
        raise SegueError(
            expected=f"a release that has not seen the {days} days before {split.end:%Y-%m-%d}",
            received=f"{manifest.version}, trained through {manifest.trained_through:%Y-%m-%d}",
            mend="evaluate with the SEGUE_HOLDOUT_DAYS it was trained with, or train again",
        )
    return split


def _ask_releases(version: str, held: HeldOut, config: EvaluateConfig, progress: Progress) -> Answers:
    from trainers.loading import load

    answers = Answers()
    with progress.step(f"candidate {version}"):
        candidate = load(version)
        found, scores = retrieve(candidate, held)
        answers.found_among_candidates = shares_found(found, held.truth)
        answers.lists[RETRIEVER] = found[:, : config.k]
        answers.lists[FUNNEL] = rank(candidate, held, found, scores, config.k)
    answers.live, answers.live_state = _live(version, held.split)
    if answers.live and answers.live_state is LiveState.COMPARED:
        with progress.step(f"live {answers.live}"):
            live = load(answers.live)
            answers.lists[LIVE_FUNNEL] = rank(live, held, *retrieve(live, held), config.k)
    return answers


def _ask_baselines(held: HeldOut, config: EvaluateConfig, progress: Progress) -> dict[str, Indices]:
    lists = {}
    for name, model in baselines(config.baselines).items():
        with progress.step(name):
            lists[name] = model.fit(held.interactions).recommend(held.asked, config.k, held.heard)
    return lists


def _live(version: str, split: Split) -> tuple[str | None, LiveState]:
    """The live release, and whether it can be compared."""
    pointer = read_pointer()
    if pointer is None:
        return None, LiveState.NONE
    if pointer.version == version:
        return version, LiveState.SAME
    live = read_manifest(release_path(pointer.version))
    if live.trained_through > split.cutoff:
        return live.version, LiveState.SEEN
    same_features = live.feature_fingerprint == fingerprint(shared_store(), MODEL_SERVICES)
    return live.version, LiveState.COMPARED if same_features else LiveState.FEATURES

"""What can be set about the retriever, and within which bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class RetrieverConfig:
    """Hyperparameters.

    `table_rate` is Adagrad's, for the embedding tables; `rate` is Adam's, for the rest: Adam would update every row of every
    table at every step. `table_start` is where Adagrad's sums of squares begin: Keras's 0.1 is so large beside the gradient
    of one row of a mean loss (about 0.001) that tables would hardly move. `random_negatives` are a share of the batch. A
    small training set gets a smaller batch, and several passes, so that it has `fewest_steps`. `context_dropout` is how
    often the moment of a listen is hidden, because a weekly playlist has none; `id_dropout` how often an id is, so that an
    unknown one is in distribution; `vector_dropout` how often each vector from another source is, for the same reason.
    `cold_dropout` is how often a track loses its id and all that listening says of it, together (Volkovs et al. 2017,
    "DropoutNet"), and `release_weight` what an example counts whose track has just come out: decision 11 has what they gain.

    `smoothing_rounds` above 0 smooths the id tables over who heard what (`trainers.layers.neighbourhood`), and
    `spectral_start` begins them at the leading singular vectors of that graph; what they gain where there are ids only is
    measured by `segue bench retrieval`. `passes` is for logs without an order of time; `table_optimizer` "adam" for tables
    whose every row moves at every step, as it does under smoothing. A step takes `batches_per_step` batches, each with its own
    negatives, and smooths once for all of them: on a large graph the smoothing costs more than a batch does.
    """

    dimensions: Count = 64
    hidden: Count = 128
    temperature: Positive = 0.1
    batch: Count = 1024
    batches_per_step: Count = 1
    smallest_batch: Count = 64
    fewest_steps: Count = 50
    random_negatives: NotNegative = 0.25
    shuffled_at_once: Count = 20_000
    table_rate: Positive = 0.1
    table_start: Positive = 1e-8
    rate: Positive = 1e-3
    skip_weight: NotNegative = 0.3
    context_dropout: Share = 0.3
    id_dropout: Share = 0.1
    vector_dropout: Share = 0.2
    cold_dropout: Share = 0.15
    release_weight: Positive = 1.5
    log_q: bool = True
    passes: Count = 1
    smoothing_rounds: Annotated[int, Field(ge=0)] = 0
    smoothing_receiver: NotNegative = 0.5
    smoothing_sender: NotNegative = 0.3
    spectral_start: bool = False
    table_optimizer: Literal["adagrad", "adam"] = "adagrad"

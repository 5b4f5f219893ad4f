"""What can be set about the session model, and within which bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from trainers.retriever.config import Count, Positive

NoneOrMore = Annotated[int, Field(ge=0)]
Dropout = Annotated[float, Field(ge=0, lt=1)]
"""Not 1: TensorFlow refuses to drop everything."""


@dataclass(frozen=True)
class SessionConfig:
    """The network and its training; `infra/decisions/0009` has what was measured.

    Args:
        length: tracks of a session that are looked at, the last ones.
        temperature: of the softmax over cosines, where it begins; it is learned.
        dropout: of a track's vector and of the state.
        plays: plays in a batch, fewer for a small set, so that a pass has `fewest_steps` steps.
        sampled: tracks a batch is compared with, drawn by how often they are next; `uniform` more are drawn evenly.
        rate, table_rate: of Adam for the network, of lazy Adam for the table; both fall to a tenth in a straight line.
        passes: over the sessions; with none a release has no session model.
        spectral: whether the table begins at the spectrum of which tracks share sessions.
    """

    dimensions: Count = 96
    length: Count = 20
    temperature: Positive = 0.08
    dropout: Dropout = 0.25
    plays: Count = 3_000
    fewest_steps: Count = 20
    sampled: Count = 1_024
    uniform: NoneOrMore = 1_024
    rate: Positive = 1e-3
    table_rate: Positive = 3e-3
    bias_rate: Positive = 1e-3
    passes: NoneOrMore = 6
    spectral: bool = True

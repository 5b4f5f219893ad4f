"""What can be set about the session model, and within which bounds."""

from __future__ import annotations

from dataclasses import dataclass


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
        spectral: whether the table begins at the spectrum of which tracks share sessions.
    """

    dimensions: int = 96
    length: int = 20
    temperature: float = 0.08
    dropout: float = 0.25
    plays: int = 3_000
    fewest_steps: int = 20
    sampled: int = 1_024
    uniform: int = 1_024
    rate: float = 1e-3
    table_rate: float = 3e-3
    bias_rate: float = 1e-3
    passes: int = 6
    spectral: bool = True

"""Gold tables of six users, for the tests that apply and materialise them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from gold_listens import user_id
from gold_tables import AS_OF, write_gold

from segue.home import Home

ROOT = Path(__file__).resolve().parents[2]
USERS = [user_id(n) for n in range(6)]


def small_gold(home: Home, end: date = AS_OF, seed: int = 17) -> None:
    write_gold(home, users=6, tracks=24, days=3, end=end, seed=seed)

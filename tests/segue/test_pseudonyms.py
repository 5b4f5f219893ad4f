"""A log with pseudonyms names nobody, and one user stays one pseudonym."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b

from segue import pseudonyms
from segue.home import Home
from segue.pseudonyms import pseudonym


def test_one_user_is_one_pseudonym_also_after_a_restart(home: Home) -> None:
    first = pseudonym("u1")
    pseudonyms._key.cache_clear()
    assert pseudonym("u1") == first != pseudonym("u2")
    assert len(first) == 16
    assert int(first, 16) >= 0


def test_the_id_cannot_be_found_by_hashing_guesses(home: Home) -> None:
    assert pseudonym("u1") != blake2b(b"u1", digest_size=8).hexdigest()


def test_another_home_has_another_key(home: Home, monkeypatch: object) -> None:
    first = pseudonym("u1")
    (home.secrets / "pseudonym.key").unlink()
    pseudonyms._key.cache_clear()
    assert pseudonym("u1") != first


def test_the_key_is_for_its_owner_only(home: Home) -> None:
    pseudonym("u1")
    assert home.secrets.stat().st_mode & 0o777 == 0o700
    assert (home.secrets / "pseudonym.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in home.secrets.iterdir()] == ["pseudonym.key"]


def test_processes_that_start_together_agree_on_the_key(home: Home) -> None:
    def without_memory(_: int) -> bytes:
        return pseudonyms._key.__wrapped__(home.secrets)

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(without_memory, range(32)))) == 1

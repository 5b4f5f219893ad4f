"""What every recommender must do, whatever it learns: a test class inherits `RecommenderSuite` and says how it is made.

The data has a known answer, a checkerboard: user and track numbers of one parity belong together, and of its own half every
user has heard all but the track of its own number, so that track is what a personal model must put first.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from trainers.interactions import NOTHING, Interactions, Recommender

SIZE = 40


def checkerboard(size: int = SIZE) -> sp.csr_matrix:
    """(size, size) float32, 1 where the parities agree, 0 on the diagonal."""
    users, tracks = np.indices((size, size))
    return sp.csr_matrix(((users % 2 == tracks % 2) & (users != tracks)).astype(np.float32))


class RecommenderSuite:
    """Inherit and implement `make`; set `personal` to False for a model that knows no tastes."""

    personal = True

    def make(self) -> Recommender:
        raise NotImplementedError

    def fitted(self, matrix: sp.csr_matrix | None = None) -> Recommender:
        return self.make().fit(Interactions.from_matrix(checkerboard() if matrix is None else matrix))

    def test_the_one_track_of_its_group_a_user_has_not_heard_comes_first(self) -> None:
        heard, users = checkerboard(), np.arange(SIZE)
        first = self.fitted().recommend(users, 1, heard)[:, 0]
        right = float((first == users).mean())
        assert right == 1.0 if self.personal else right < 1.0

    def test_what_a_user_may_not_get_is_never_in_the_list(self) -> None:
        heard, users = checkerboard(), np.arange(SIZE)
        lists = self.fitted().recommend(users, 10, heard)
        assert (lists != NOTHING).all()
        assert not heard[np.repeat(users, 10), lists.ravel()].any()

    def test_without_exclusion_a_user_may_get_what_they_heard(self) -> None:
        lists = self.fitted().recommend(np.arange(SIZE), 10)
        assert checkerboard()[np.repeat(np.arange(SIZE), 10), lists.ravel()].any()

    def test_the_same_listens_give_the_same_lists(self) -> None:
        users = np.arange(SIZE)
        np.testing.assert_array_equal(self.fitted().recommend(users, 10), self.fitted().recommend(users, 10))

    def test_a_list_depends_on_the_user_alone_and_not_on_who_else_is_asked(self) -> None:
        model, heard = self.fitted(), checkerboard()
        together = model.recommend(np.arange(SIZE), 8, heard)
        np.testing.assert_array_equal(model.recommend(np.array([7, 3]), 8, heard[[7, 3]]), together[[7, 3]])

    def test_no_track_comes_twice_in_a_list(self) -> None:
        lists = self.fitted().recommend(np.arange(SIZE), SIZE)
        assert all(len(set(row)) == SIZE for row in lists)

    def test_a_list_ends_with_nothing_when_no_track_is_left(self) -> None:
        lists = self.fitted().recommend(np.arange(2), SIZE + 3, checkerboard()[:2])
        left = SIZE - checkerboard()[:2].getnnz(axis=1)
        np.testing.assert_array_equal((lists != NOTHING).sum(axis=1), left)
        assert (lists[:, left.max() :] == NOTHING).all()

    def test_a_user_who_never_listened_gets_a_full_list(self) -> None:
        silent = checkerboard().tolil()
        silent[5] = 0
        lists = self.fitted(silent.tocsr()).recommend(np.array([5]), 10)
        assert lists.shape == (1, 10)
        assert (lists != NOTHING).all()

    def test_asking_for_nobody_gives_no_list(self) -> None:
        assert self.fitted().recommend(np.array([], dtype=np.int64), 10).shape == (0, 10)

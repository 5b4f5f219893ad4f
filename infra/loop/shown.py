"""`python -m infra.loop.shown WEEK`: the playlists visible now in this home, read one by one as a reader reads them."""

from __future__ import annotations

import json
import sys
from datetime import date

from segue.errors import SegueError
from segue.features import playlist_row
from segue.playlists import read_visible_week, stored_folder


def shown(week: date) -> dict[str, list[str]]:
    """The tracks of every stored playlist of the visible week, by user.

    Raises:
        SegueError: another week is visible, or a playlist is missing from what was written down or from the store.
    """
    import pyarrow.parquet as pq

    visible = read_visible_week()
    if visible is None or visible.week != week:
        received = f"the week of {visible.week}" if visible else "none"
        raise SegueError(expected=f"the week of {week} to be visible", received=received, mend="run `segue playlists`")
    files = sorted(stored_folder(visible.key).glob("users-*.parquet"))
    users = {user for file in files for user in pq.ParquetFile(file).read().column("user_id").to_pylist()}
    if len(users) < visible.users:
        received = f"{len(users)} written down"
        raise SegueError(expected=f"{visible.users} playlists in {visible.key}", received=received, mend="make the week again")
    lists = {}
    for user in sorted(users):
        row = playlist_row(user, visible.key)
        if row is None:
            raise SegueError(
                expected=f"a playlist of every user in {visible.key}", received="one without", mend="run it again"
            )
        lists[user] = list(row["track_ids"])
    return lists


if __name__ == "__main__":
    sys.stdout.write(json.dumps(shown(date.fromisoformat(sys.argv[1]))))

"""Whether the feature store answers the same offline and online, value for value, for sampled users."""

from __future__ import annotations

from datetime import date
from typing import Any

from monitoring.findings import Finding, State, alarm, note
from monitoring.listening import Window, files_of
from monitoring.rules import Rules
from segue.dates import end_of
from segue.features import TIMESTAMP, materialised_through, online_rows, shared_store, views_of
from segue.names import Service, Table
from segue.parity import differences


def check(rules: Rules) -> list[Finding]:
    """The historical read at the materialisation's midnight beside the online rows, over every user view of the ranker."""
    through = materialised_through()
    if through is None:
        return [alarm("parity", "online features", "nothing was ever materialised: run `segue features --as-of D`")]
    users = _sampled_users(through, rules)
    if not users:
        return [alarm("parity", "online features", f"no user features on {through}, the day the online store holds")]
    offline, online = _offline(users, through), online_rows(Service.RANKER, users)
    online = {name: values for name, values in online.items() if name in offline}
    found = differences(offline, online)
    checked = f"{len(users)} users, {len(offline)} features, as of {through}"
    if found:
        first = found[0]
        says = f"{len(found)} values differ ({checked}), the first in {first.feature}: {first.offline!r} offline, "
        return [alarm("parity", "offline and online", f"{says}{first.online!r} online", now=len(found))]
    if all(value is None for values in online.values() for value in values):
        return [alarm("parity", "online features", f"the online store knows none of the sampled users ({checked})")]
    return [Finding("parity", "offline and online", State.OK, 0, says=f"every value agrees: {checked}"), _age(through)]


def _age(through: date) -> Finding:
    return note("parity", "online features", "the day the online store holds", now=through.isoformat())


def _sampled_users(through: date, rules: Rules) -> list[str]:
    import pyarrow.parquet as pq

    files = files_of(Table.USER_FEATURES, Window(through, through))
    users = sorted({str(u) for path in files for u in pq.read_table(path, columns=["user_id"])["user_id"].to_pylist()})
    return users[:: max(1, -(-len(users) // rules.parity_users))]


def _offline(users: list[str], through: date) -> dict[str, list[Any]]:
    """The online rows' twins: the user's features at the midnight that ends `through`, in the order of `users`."""
    import pandas as pd

    store = shared_store()
    refs = views_of(store, Service.RANKER)[("user_id",)]
    asked = pd.DataFrame(
        {"user_id": users, TIMESTAMP: pd.Series([end_of(through)] * len(users)).astype("datetime64[us, UTC]")}
    )
    found = store.get_historical_features(entity_df=asked, features=refs).to_df().set_index("user_id").loc[users]
    return {name: list(found[name]) for name in (ref.partition(":")[2] for ref in refs)}

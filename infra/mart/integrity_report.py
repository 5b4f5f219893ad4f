"""What `segue bench integrity` found, over all its seeds: the figures beside their bars, in words and as a chart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import sqrt
from pathlib import Path
from typing import Any

from infra.mart.attacks import ATTACKS, LIFT, WIDE
from segue.charts import draw_page
from segue.panels import Bar, Bars, Panel
from segue.stage import table

CAUGHT_BAR, WRONGED_BAR, PLACES_BAR = 0.95, 0.005, 10
LISTENER = "listener"
_NAMES = [attack.name for attack in (*ATTACKS, WIDE)]


def measured(seeds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The figures of all seeds together, and whether every bar is met.

    `places_moved` is of each attack alone and `places_moved_together` of all that are landed at once, where most moves most.
    `doubted_in_attacks` is the share of listeners who lose weight beside one attack, where most do.
    """
    shares = {share: _share([seed["worlds"][share] for seed in seeds]) for share in seeds[0]["worlds"]}
    attacks = [attack | {"seed": seed["seed"]} for seed in seeds for attack in seed["attacks"]]
    moved = {name: max(abs(a["moved"]) for a in attacks if a["name"] == name and not a["together"]) for name in _NAMES}
    beside, beside_all = (max(_beside(seed, together=t) for seed in seeds) for t in (False, True))
    wronged, listeners = sum(s["doubted"] for s in shares.values()), sum(s["listeners"] for s in shares.values())
    low, high = interval(wronged, listeners)
    return {
        "shares": shares,
        "listeners_down_weighted": round(wronged / listeners, 5),
        "listeners_down_weighted_low": round(low, 5),
        "listeners_down_weighted_high": round(high, 5),
        "doubted_in_attacks": round(beside, 5),
        "doubted_in_attacks_together": round(beside_all, 5),
        "places_moved": moved,
        "places_moved_together": max(abs(a["moved"]) for a in attacks if a["together"]),
        "attacks": attacks,
        "newcomers": {name: sum(seed["newcomers"][name] for seed in seeds) for name in seeds[0]["newcomers"]},
        "releases_moved": max(abs(row["place"] - row["true_place"]) for seed in seeds for row in seed["releases"]),
        "met": all(share["caught"] >= CAUGHT_BAR for share in shares.values())
        and max(beside, wronged / listeners) < WRONGED_BAR
        and max(moved.values()) < PLACES_BAR,
    }


def _beside(seed: dict[str, Any], *, together: bool) -> float:
    listeners: int = sum(row["accounts"] for row in seed["worlds"]["default"] if row["kind"] == LISTENER)
    return max(a["listeners_doubted"] for a in seed["attacks"] if a["together"] is together) / listeners


def interval(count: int, of: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's 95 % interval of a share, which holds for small counts too."""
    share, spread = count / of, z * z / of
    half = z * sqrt(share * (1 - share) / of + spread / (4 * of))
    return (share + spread / 2 - half) / (1 + spread), (share + spread / 2 + half) / (1 + spread)


def _share(worlds: Iterable[Sequence[dict[str, Any]]]) -> dict[str, Any]:
    """The worlds with one share of bots: plays of bots caught, by kind and as the mean over the kinds."""
    kinds: dict[str, dict[str, int]] = {}
    for row in (row for world in worlds for row in world):
        sums = kinds.setdefault(row["kind"], dict.fromkeys(("accounts", "plays", "caught", "counted_out", "doubted"), 0))
        for name in sums:
            sums[name] += row[name]
    listeners = kinds.pop(LISTENER)
    plays = sum(kind["plays"] for kind in kinds.values())
    return {
        "caught": round(sum(kind["caught"] for kind in kinds.values()) / plays, 4),
        "caught_mean_of_kinds": round(sum(kind["caught"] / kind["plays"] for kind in kinds.values()) / len(kinds), 4),
        "counted_out": round(sum(kind["counted_out"] for kind in kinds.values()) / plays, 4),
        "doubted": listeners["doubted"],
        "listeners": listeners["accounts"],
        "kinds": kinds,
    }


def told(found: dict[str, Any]) -> str:
    """The figures as tables, and a sentence with the bars."""
    kinds = table(
        ["bots", "accounts are", "accounts", "plays", "caught that day", "counted out by the end"],
        [
            [share, kind, row["accounts"], row["plays"], row["caught"] / row["plays"], row["counted_out"] / row["plays"]]
            for share, worlds in found["shares"].items()
            for kind, row in sorted(worlds["kinds"].items())
        ],
    )
    attacks = table(
        ["seed", "attack", "landed", "accounts", "place before", "place after", "if all plays counted", "listeners doubted"],
        [
            [a["seed"], a["name"], _landed(a), a["accounts"], a["before"], a["after"], a["unguarded"], a["listeners_doubted"]]
            for a in found["attacks"]
        ],
    )
    caught = "\n".join(
        f"Bots at their {share} share: {row['caught']:.1%} of their plays caught (bar {CAUGHT_BAR:.0%}), "
        f"{row['caught_mean_of_kinds']:.1%} in the mean of the kinds."
        for share, row in found["shares"].items()
    )
    newcomers = found["newcomers"]
    low, high = found["listeners_down_weighted_low"], found["listeners_down_weighted_high"]
    moved = ", ".join(f"{places} places ({name})" for name, places in found["places_moved"].items())
    bars = (
        f"{found['listeners_down_weighted']:.2%} of listeners down-weighted ({low:.2%} to {high:.2%}, bar below "
        f"{WRONGED_BAR:.1%}), beside the attackers up to {found['doubted_in_attacks']:.1%}; of "
        f"{newcomers['accounts']} newcomers {newcomers['doubted']}. Releases stand {found['releases_moved']} places at most "
        f"from where the plays of listeners alone put them. An attack of {LIFT} times the plays moves its track at most "
        f"(bar below {PLACES_BAR}) {moved}: {'all met' if found['met'] else 'not all met'}.\n"
        f"{len(ATTACKS)} attacks at once move their tracks {found['places_moved_together']} places at most, with "
        f"{found['doubted_in_attacks_together']:.1%} of listeners down-weighted."
    )
    return f"{kinds}\n\n{attacks}\n\n{caught}\n{bars}"


def _landed(attack: dict[str, Any]) -> str:
    return "together" if attack["together"] else "alone"


def draw(path: Path, found: dict[str, Any]) -> Path:
    """One page: what is caught of each kind, and where the attacked tracks stand."""
    kinds = [
        Bar(f"{kind}, {share} share", row["caught"] / row["plays"], ours=True)
        for share, worlds in found["shares"].items()
        for kind, row in sorted(worlds["kinds"].items())
    ]
    places = [
        bar
        for a in found["attacks"]
        if a["seed"] == found["attacks"][0]["seed"] and not a["together"]
        for bar in (
            Bar(f"{a['name']}: before", a["before"]),
            Bar(f"{a['name']}: after", a["after"], ours=True),
            Bar(f"{a['name']}: if all plays counted", a["unguarded"]),
        )
    ]
    unit = f"share of plays; the dashed line is the bar of {CAUGHT_BAR:.0%}"
    panels: list[Panel] = [
        Bars("plays of bots caught on their day", unit, kinds, form=".1%", mark=CAUGHT_BAR),
        Bars("place of the attacked track", f"by plays of 30 days, seed {found['attacks'][0]['seed']}", places, form=".0f"),
    ]
    return draw_page(path, "Bots found, and what attacks move", panels, note="Simulated worlds whose truth is known.")

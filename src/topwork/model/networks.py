"""Networks of a model folder.

One lies in the folder itself; of several, each in a folder of its own, `network-1`, `network-2`.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from topwork.backbones.base import Backbone
from topwork.backbones.joined import MOST, join_backbones
from topwork.backbones.saved.restore import restore_backbone
from topwork.core.digests import digest_file
from topwork.errors import ModelError
from topwork.examples.texts.preprocessing import TOKENIZER, TextInput
from topwork.examples.windows import input_from
from topwork.executors.base import order_pools
from topwork.executors.compiled_folder import LAYOUT, NETWORK, NUMBERS
from topwork.model.description import COMPILED, WEIGHTS, altered, read_description

FOLDERS = tuple(f"network-{i + 1}" for i in range(MOST))


def _places(count: int) -> list[str]:
    """Return what the names of each network's files begin with: nothing, of one alone."""
    return [""] if count == 1 else [f"{folder}/" for folder in FOLDERS[:count]]


def write_networks(
    backbone: Backbone, pools: Sequence[str], folder: Path, *, weights: bool
) -> None:
    """Write what each network is run with; without `weights`, what no name finds again."""
    networks = backbone.networks
    for place, network in zip(_places(len(networks)), networks, strict=True):
        (folder / place).mkdir(exist_ok=True)
        if isinstance(network.input, TextInput):
            shutil.copyfile(network.input.tokenizer, folder / place / TOKENIZER)
        if weights:
            _copy_network(network, order_pools(pools), folder / place)


def required_by_networks(description: Mapping[str, Any], there: Mapping[str, str]) -> set[str]:
    """Return the files of the networks that a model of this description cannot do without.

    Raises KeyError, TypeError or ValueError where it is none.
    """
    required = set()
    for place in _places(len(_networks(description))):
        if description["backbone"]["input"].get("modality") == "text":
            required.add(f"{place}{TOKENIZER}")
        if any(name.startswith(f"{place}{COMPILED}/") for name in there):
            required |= {f"{place}{COMPILED}/{name}" for name in (LAYOUT, NETWORK, NUMBERS)}
    return required


def read_networks(folder: Path, description: Mapping[str, Any], pools: tuple[str, ...]) -> Backbone:
    """Return the backbone; its weights are read when they are used.

    Raises KeyError, TypeError or ValueError on a description of none.
    """
    there, networks = description["files"], _networks(description)
    found = []
    for place, record in zip(_places(len(networks)), networks, strict=True):
        weights = f"{place}{WEIGHTS}"
        network = restore_backbone(
            record,
            input=input_from(record["input"], folder / place),
            weights=folder / weights if weights in there else None,
            weights_digest=there.get(weights),
        )
        if f"{place}{COMPILED}/{LAYOUT}" in there:
            # whoever runs it with these pools need not make it anew
            compiled = {order_pools(pools): folder / place / COMPILED}
            network = replace(network, compiled=compiled)
        found.append(network)
    return join_backbones(found)


def _networks(description: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the description of each network. Raises ValueError where there are none, or many."""
    record = description["backbone"]
    if "networks" not in record:
        return [record]
    networks: list[Mapping[str, Any]] = list(record["networks"])
    if not 2 <= len(networks) <= MOST:
        raise ValueError(f"a backbone of {len(networks)} networks")
    return networks


def _copy_network(network: Backbone, pools: tuple[str, ...], folder: Path) -> None:
    """Write the compiled form and the weights: those the model was read from, if there are any."""
    compiled = network.compiled.get(pools)
    if compiled is not None and _copy_read(compiled.parent, folder, network):
        return
    from topwork.executors.compiled_folder import WEIGHTS as COMPILED_WEIGHTS
    from topwork.executors.compiled_folder import check_files as check_compiled
    from topwork.executors.compiled_folder import read_layout
    from topwork.executors.openvino import ConversionError, ensure_compiled

    try:
        compiled = ensure_compiled(network, pools)
    except ConversionError:
        from safetensors.torch import save_file as save_torch

        save_torch(network.build().module.state_dict(), folder / WEIGHTS)
        return
    shutil.copytree(compiled, folder / COMPILED)
    check_compiled(folder / COMPILED, read_layout(folder / COMPILED), whole=True)
    (folder / COMPILED / COMPILED_WEIGHTS).rename(folder / WEIGHTS)


def _copy_read(source: Path, folder: Path, network: Backbone) -> bool:
    """Copy them from where the model was read; False where they are there no more."""
    for root, place in ((source, ""), (source.parent, f"{source.name}/")):
        try:
            description = read_description(root)
        except ModelError:
            continue
        expected: dict[str, str] = description["files"]
        digests = [record["digest"] for record in _networks(description)]
        if network.digest not in digests or f"{place}{WEIGHTS}" not in expected:
            return False
        (folder / COMPILED).mkdir()
        for name in expected:
            own = name.removeprefix(place)
            if name.startswith(place) and (own == WEIGHTS or own.startswith(f"{COMPILED}/")):
                shutil.copyfile(root / name, folder / own)
                if digest_file(folder / own) != expected[name]:
                    raise altered(root / name)
        return True
    return False

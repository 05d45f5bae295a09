"""Descriptions of models from earlier formats."""

from __future__ import annotations

from typing import Any


def from_format_1(description: dict[str, Any]) -> dict[str, Any]:
    """Return what format 2 says of the same model.

    Format 1 knew images, float32 and timm alone, and so said none of them; of a network it gave
    timm's name. Its heads were fitted before scores were bent on their way to the softmax.

    Raises KeyError or TypeError on what is no such description.
    """
    record = description["backbone"]
    network = record["architecture"]
    if isinstance(network, str):
        network = {"library": "timm", "model": network, "fixed_size": None, "arguments": {}}
    backbone = {
        "precision": "f32",
        **record,
        "architecture": network,
        "input": {"modality": "image", **record["input"]},
    }
    head = {**description["head"], "linked": False}
    return {**description, "format": 2, "backbone": backbone, "head": head}

"""Image patches that excite units most.

A unit is one channel of a block. What excites it is cut out to the size of what its place sees, so
that edges and colours, then textures, then parts are there to be seen (Zeiler and Fergus 2014,
"Visualizing and understanding convolutional networks", figure 2, who show the top nine patches).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
import numpy.typing as npt

from topwork.backbones.base import Backbone, Network
from topwork.core.progress import report
from topwork.core.shapes import Floats, Indices, Pixels, UInt8
from topwork.errors import ExampleError
from topwork.evidence.attribution.receptive_field import Field, receptive_fields
from topwork.examples.example import Example
from topwork.examples.folds import stratified_sample
from topwork.examples.images.decode import decode_image
from topwork.examples.images.preprocessing import ImageInput
from topwork.executors.block_shapes import BlockShape, block_shapes, listening

if TYPE_CHECKING:
    import torch

Report = Callable[[int, int], None]

MAX_IMAGES = 200
BATCH = 4
"""Images at a time: of all blocks of a network at 224 px, some 20 MB each."""

ALIKE = 0.7
"""Two units whose peaks correlate more than this over the images are shown once: on 192 photos of
clothes half of the units that differ most between classes repeat another one's patches."""

INSIDE = 0.25
"""Where at least this share of a block's places see nothing beyond the picture's edge, only these
are taken: at the edge a unit often answers to the padding."""

GREY = 128


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Unit:
    """One channel of a block, and what excites it most, strongest first.

    Attributes:
        index: of the channel.
        images: uint8 [f, f, 3] each, f the block's `field_size`; grey beyond the picture's edge.
        names: of the examples that they were cut from, each another one.
        labels: of these examples; None where one has none.
        activations: what the unit gave there.
        between: share of the variance of its peaks that lies between classes, 0 to 1; None where
            there are fewer than two classes.
    """

    index: int
    images: tuple[Pixels, ...]
    names: tuple[str, ...]
    labels: tuple[str | None, ...]
    activations: tuple[float, ...]
    between: float | None


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Patches:
    """What excites some units of one block, the units that tell most first.

    Attributes:
        field_size: pixels on each side of a patch, of the network's input.
        receptive_size: pixels on each side of all that a place sees.
        input_size: pixels on each side of the network's input.
        num_images: how many images were looked at.
    """

    block: str
    units: tuple[Unit, ...]
    field_size: int
    receptive_size: int
    input_size: int
    num_images: int


def find_patches(
    backbone: Backbone,
    examples: Sequence[Example],
    *,
    blocks: Sequence[str] | int = 4,
    num_units: int = 8,
    num_patches: int = 9,
    max_images: int = MAX_IMAGES,
    seed: int = 0,
) -> tuple[Patches, ...]:
    """Return the patches of some blocks, early to late; none where no block has places.

    Shown are the units whose peaks differ most between the classes (the share of their variance
    that lies between them, eta squared); without two classes, those whose peaks vary most beside
    their own mean. A unit whose peaks go up and down with those of one shown already is left out.

    Args:
        examples: images; a seeded sample of `max_images`, even over the classes, is looked at.
        blocks: names; or how many of those that have places, from the first to the last.

    Raises:
        BackboneError: the network cannot be built or run.
        ExampleError: none of the images can be read; of many, those that can are looked at.
    """
    preprocessing = backbone.input
    if not isinstance(preprocessing, ImageInput):
        return ()
    network = backbone.build()
    shapes = [shape for shape in block_shapes(network, preprocessing, backbone.name) if shape.side]
    there = [shape.block for shape in shapes]
    wanted = _spread(there, blocks) if isinstance(blocks, int) else blocks
    shapes = [shape for shape in shapes if shape.block in wanted]
    if not shapes or not examples:
        return ()
    fields = {f.block: f for f in receptive_fields(network, preprocessing, wanted, seed=seed)}
    if len(examples) > max_images:
        labels = [example.label or "" for example in examples]
        examples = [examples[i] for i in stratified_sample(labels, max(1, max_images), seed)]
    chosen, pixels = _read(examples, preprocessing)
    found = _peaks(network, shapes, preprocessing, fields, pixels)
    return tuple(
        _block_patches(fields[shape.block], found[shape.block], chosen, pixels, preprocessing,
                       num_units, num_patches)
        for shape in shapes
    )  # fmt: skip


def _spread(blocks: Sequence[str], count: int) -> list[str]:
    """Return `count` of the blocks, evenly from the first to the last."""
    at = np.unique(np.linspace(0, len(blocks) - 1, max(1, count)).round().astype(int))
    return [blocks[i] for i in at] if blocks else []


def _read(
    examples: Sequence[Example], preprocessing: ImageInput
) -> tuple[list[Example], list[Pixels]]:
    chosen, pixels = [], []
    reason: ExampleError | None = None
    for example in examples:
        try:
            pixels.append(decode_image(example.read(), preprocessing))
        except ExampleError as error:
            reason = error
        else:
            chosen.append(example)
    if not chosen and reason is not None:
        raise ExampleError(
            f"None of {len(examples)} images can be read; the last: {examples[-1].name}: {reason}. "
            "Give images that can be."
        ) from reason
    return chosen, pixels


def _peaks(
    network: Network,
    shapes: Sequence[BlockShape],
    preprocessing: ImageInput,
    fields: dict[str, Field],
    pixels: Sequence[Pixels],
) -> dict[str, tuple[Floats, Indices]]:
    """Run the images through the network once; return every channel's peak in every image.

    Of each block: the largest values [N, C], and their places [N, C].
    """
    import torch

    by_name = {shape.block: shape for shape in shapes}
    inside = {s.block: _inside(fields[s.block], preprocessing) for s in shapes}
    kept: dict[str, list[tuple[Floats, Indices]]] = {shape.block: [] for shape in shapes}

    def hear(block: str, output: torch.Tensor) -> None:
        if block in by_name:
            tokens = _place_rows(output, by_name[block])[:, torch.from_numpy(inside[block])]
            values, at = tokens.max(1)
            kept[block].append((values.numpy(), inside[block][at.numpy()]))

    done = 0
    with torch.inference_mode(), listening(network, hear):
        for batch in _batches(pixels, preprocessing):
            network.module(batch)
            done += len(batch)
            report("patches", done, len(pixels))
    return {
        block: (np.concatenate([v for v, _ in parts]), np.concatenate([p for _, p in parts]))
        for block, parts in kept.items()
    }


def _place_rows(output: torch.Tensor, shape: BlockShape) -> torch.Tensor:
    """Return a block's output as float32 [N, places, C], without prefix tokens."""
    tokens = output.permute(0, 2, 3, 1) if shape.layout == "NCHW" else output
    tokens = tokens if tokens.ndim == 3 else tokens.flatten(1, 2)
    return tokens[:, shape.num_prefix_tokens :].float()


def _batches(pixels: Sequence[Pixels], preprocessing: ImageInput) -> Iterator[Any]:
    import torch

    mean, std = torch.tensor(preprocessing.mean), torch.tensor(preprocessing.std)
    for start in range(0, len(pixels), BATCH):
        batch = torch.from_numpy(np.stack(pixels[start : start + BATCH])).float()
        yield ((batch / 255 - mean) / std).permute(0, 3, 1, 2)


def _inside(field: Field, preprocessing: ImageInput) -> Indices:
    """Return the places that see nothing beyond the picture's edge; all, where these are few."""
    starts = np.array([field.box(i, i)[0] for i in range(field.side)])
    good = (starts >= 0) & (starts + field.effective <= preprocessing.size)
    there = np.flatnonzero(np.outer(good, good).ravel())
    return there if len(there) >= INSIDE * field.side**2 else np.arange(field.side**2)


def _block_patches(
    field: Field,
    peaks_and_places: tuple[Floats, Indices],
    examples: Sequence[Example],
    pixels: Sequence[Pixels],
    preprocessing: ImageInput,
    num_units: int,
    num_patches: int,
) -> Patches:
    peaks, places = peaks_and_places
    between = _between(peaks, [e.label for e in examples])
    units = []
    for channel in _telling(peaks, between, num_units):
        best = np.argsort(-peaks[:, channel], kind="stable")[:num_patches]
        at = [divmod(int(places[i, channel]), field.side) for i in best]
        units.append(
            Unit(
                index=int(channel),
                images=tuple(
                    cut_out(pixels[i], field.box(*place), field.effective)
                    for i, place in zip(best, at, strict=True)
                ),
                names=tuple(examples[i].name for i in best),
                labels=tuple(examples[i].label for i in best),
                activations=tuple(float(peaks[i, channel]) for i in best),
                between=None if between is None else float(between[channel]),
            )
        )
    return Patches(
        block=field.block,
        units=tuple(units),
        field_size=field.effective,
        receptive_size=field.size,
        input_size=preprocessing.size,
        num_images=len(pixels),
    )


def _between(values: Floats, labels: Sequence[str | None]) -> npt.NDArray[np.float64] | None:
    """Return each channel's eta squared, [C]: the classes' share of the variance of its peaks."""
    names, codes = np.unique([label or "" for label in labels], return_inverse=True)
    if len(names) < 2 or len(labels) <= len(names):
        return None
    away = values.astype(np.float64) - values.mean(0, dtype=np.float64)
    member = np.eye(len(names))[codes]
    sums = member.T @ away
    share: npt.NDArray[np.float64] = (sums**2 / member.sum(0)[:, None]).sum(0) / np.maximum(
        np.square(away).sum(0), 1e-30
    )
    return share


def _telling(values: Floats, between: npt.NDArray[np.float64] | None, count: int) -> list[int]:
    """Return channels, those that tell most first, without any that repeats one before it."""
    deviation = values.std(0, dtype=np.float64)
    merit = between
    if merit is None:
        merit = deviation / np.maximum(np.abs(values.mean(0, dtype=np.float64)), 1e-12)
    alive = deviation > 1e-6 * max(float(deviation.max(initial=0.0)), 1e-30)
    unit = (values - values.mean(0)) / np.maximum(deviation, 1e-12) / np.sqrt(len(values))
    chosen: list[int] = []
    for channel in np.argsort(-merit, kind="stable"):
        if len(chosen) == count:
            break
        if alive[channel] and (not chosen or (unit[:, chosen].T @ unit[:, channel]).max() <= ALIKE):
            chosen.append(int(channel))
    return chosen


def cut_out(
    pixels: UInt8[np.ndarray, "h w 3"], corner: tuple[int, int], side: int
) -> UInt8[np.ndarray, "side side 3"]:
    """Return [side, side, 3] of a picture from `corner` (top, left) on; grey beyond its edge."""
    out = np.full((side, side, 3), GREY, np.uint8)
    top, left = corner
    height, width = pixels.shape[:2]
    above, before = max(0, -top), max(0, -left)
    bottom, right = max(0, min(height, top + side)), max(0, min(width, left + side))
    part = pixels[max(0, top) : bottom, max(0, left) : right]
    out[above : above + part.shape[0], before : before + part.shape[1]] = part
    return out

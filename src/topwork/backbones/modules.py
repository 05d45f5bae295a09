"""Backbones from a user's own torch module."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, get_args

from topwork.backbones.base import Backbone, Card, Layout, Network
from topwork.backbones.spec import nearest_names
from topwork.core.digests import digest_bytes, digest_settings
from topwork.errors import BackboneError, SettingError
from topwork.examples.example import Modality
from topwork.examples.windows import Input

if TYPE_CHECKING:
    import torch

OWN_CARD = Card(
    licence="unknown",
    pretrained_on="not said",
    num_pretraining_examples=None,
    source="a torch module of the user's own",
)

DEFAULT_LAYOUTS: dict[Modality, Layout] = {
    "image": "NCHW",
    "array": "NCL",
    "sound": "NLC",
    "text": "NLC",
}


def from_module(
    module: torch.nn.Module,
    *,
    blocks: Sequence[str],
    input: Input,
    name: str = "own module",
    layout: Layout | None = None,
    num_prefix_tokens: int = 0,
    any_length: bool | None = None,
    card: Card | None = None,
) -> Backbone:
    """Return a backbone that is this module, cut at these blocks.

    The module is copied, and the copy put into eval mode. Its digest covers its tensors, its
    printed form, and the source of its classes where Python can find it; settings that show in
    none of the three must go into `name`.

    Args:
        module: takes, by what `input` is for, images float32 [N, 3, S, S], normalised as it says;
            sounds float32 [N, T] at its rate; texts int64 [N, L], token numbers without padding;
            or arrays float32 [N, *shape].
        blocks: names of submodules (`module.named_modules()`), in the order they run.
        input: an ImageInput, SoundInput, TextInput or ArrayInput: how an example is brought into
            the form it takes.
        layout: how the blocks' outputs lie in memory: NCHW or NHWC (pictures), NLC (tokens), NCL
            (channels over time), NCTF (channels of a spectrogram); by default NCHW for images,
            NCL for arrays, NLC for sounds and texts. An output [N, C] is taken as it is.
        num_prefix_tokens: leading tokens that are features of their own, with NLC; in texts they
            also count as places.
        any_length: whether the windows' length may vary, as that of sounds and texts does by
            default; else sounds are cut or padded to `min_samples`, which `max_samples` must be.
        card: its licence and what it was trained on.

    Raises:
        BackboneError: no blocks, or one that the module does not have.
        SettingError: the layout is not known, or prefix tokens are given for another than NLC.

    >>> import topwork, torch
    >>> module = torch.nn.Sequential(torch.nn.Conv1d(3, 8, 5), torch.nn.ReLU())
    >>> shape = topwork.ArrayInput(shape=(3, 128))
    >>> topwork.from_module(module, blocks=["1"], input=shape, name="my network").name
    'my network'
    """
    layout = DEFAULT_LAYOUTS[input.modality] if layout is None else layout
    if any_length is None:
        any_length = input.modality in ("sound", "text")
    _check(module, blocks, layout, num_prefix_tokens)
    network = Network(
        module=copy.deepcopy(module).cpu().float().eval(),
        blocks=tuple(blocks),
        layout=layout,
        num_prefix_tokens=num_prefix_tokens,
        prefix_is_place=input.modality == "text",
        any_length=any_length,
    )
    return Backbone(
        name=name,
        digest=_digest(network, name, input),
        input=input,
        card=card or OWN_CARD,
        build=lambda: network,
    )


def _check(
    module: torch.nn.Module, blocks: Sequence[str], layout: str, num_prefix_tokens: int
) -> None:
    if layout not in get_args(Layout):
        raise SettingError(
            f"The layout is {layout!r}; accepted: {', '.join(get_args(Layout))}. Name how the "
            "blocks' outputs lie in memory."
        )
    if num_prefix_tokens < 0 or (num_prefix_tokens and layout != "NLC"):
        raise SettingError(
            f"num_prefix_tokens is {num_prefix_tokens} with layout {layout!r}; accepted: 0, or "
            "more with layout 'NLC'. Only rows of tokens have them."
        )
    known = [n for n, _ in module.named_modules() if n]
    missing = [block for block in blocks if block not in known]
    if missing or not blocks:
        raise BackboneError(
            f"The module has no block {missing[0]!r}; nearest: {nearest_names(missing[0], known)}."
            if missing
            else f"No blocks are named; accepted: one or more of {nearest_names('', known)}, ..."
            " `module.named_modules()` lists them all."
        )


def _digest(network: Network, name: str, input: Input) -> str:
    module = network.module
    tensors = {
        key: [str(tensor.dtype), list(tensor.shape), digest_bytes(_bytes(tensor))]
        for key, tensor in module.state_dict().items()
    }
    return digest_settings(
        {
            "name": name,
            "tensors": tensors,
            "printed": repr(module),
            "sources": sorted({_source(type(part)) for part in module.modules()}),
            "blocks": list(network.blocks),
            "form": network.layout,
            "num_prefix_tokens": network.num_prefix_tokens,
            "any_length": network.any_length,
            "input": input.settings(),
        }
    )


def _bytes(tensor: torch.Tensor) -> bytes:
    import torch

    return tensor.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes()


def _source(kind: type) -> str:
    """The class's source, or its name where Python has none (typed at a prompt, compiled)."""
    try:
        return inspect.getsource(kind)
    except (OSError, TypeError):
        return f"{kind.__module__}.{kind.__qualname__}"

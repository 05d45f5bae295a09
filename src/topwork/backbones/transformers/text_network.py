"""transformers networks for texts.

The blocks are the embeddings and each layer's output, by the names of their own submodules where
these give one plain tensor, so that weights are named as their authors named them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from topwork.backbones.base import Network
from topwork.backbones.transformers.encoders import build_model, tapped_blocks
from topwork.backbones.transformers.sentence import load_sentence, make_sentence
from topwork.backbones.transformers.tokenizer import starts_with_special
from topwork.backbones.weights import Weights

if TYPE_CHECKING:
    import torch

PROBE = ((5, 6, 7, 8, 9, 10), (5, 6, 7, 8, 9, 11))
"""Token numbers that any vocabulary has; the rows differ in the last."""

LOCAL = ("sliding_window", "local_attention")
"""Settings of networks in which a token sees its neighbours only, in some layers."""


def build_text(
    architecture: Mapping[str, Any],
    *,
    name: str,
    tokenizer: Path,
    weights: Weights | None = None,
    dense: Sequence[Path] = (),
    seed: int = 0,
) -> Network:
    """Build a transformers model for texts, with weights or with random ones of this seed.

    Args:
        architecture: `config`, and `pooling` where sentence-transformers made it.
        dense: the weights of the pooling's dense layers.

    Raises:
        BackboneError: transformers has no such model, or it does not run on tokens alone.
        WeightsError: the weights are not those of this model.
    """
    import torch

    pooling = architecture.get("pooling")
    find_class = _text_encoder if architecture["config"].get("is_encoder_decoder") else None
    model: Any = build_model(
        architecture["config"], name=name, find_class=find_class, weights=weights, seed=seed
    )
    if getattr(model, "pooler", None) is not None:
        model.pooler = None  # a head of its pre-training's; nothing here is made of it
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = _make_module(model, None if pooling is None else make_sentence(pooling))
    if weights is not None and pooling is not None:
        load_sentence(module.sentence, dense)
    special = starts_with_special(tokenizer)
    blocks, causal = _probe(module, name, special=special)
    return Network(
        module=module,
        blocks=(*blocks, *(("sentence",) if pooling is not None else ())),
        layout="NLC",
        num_prefix_tokens=int(not causal and special),
        prefix_is_place=True,
        causal=causal,
        any_length=True,
    )


def _text_encoder(config: Any) -> type:
    """Return the class of the encoder alone, of networks with a decoder (T5)."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_TEXT_ENCODING_MAPPING

    mapping: Any = MODEL_FOR_TEXT_ENCODING_MAPPING
    found: type = mapping[type(config)]
    return found


def _make_module(model: torch.nn.Module, sentence: torch.nn.Module | None) -> Any:
    import torch
    from torch import nn

    class TextEncoder(nn.Module):
        """Token numbers int64 [N, L], without padding, to the last layer's output [N, L, C]."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model
            self.taps = nn.ModuleDict()
            self.sentence = sentence
            self.masked = False

        def run(self, tokens: torch.Tensor, *, all_states: bool) -> Any:
            # Nothing is padded, so no mask is needed, and attention is fastest without. But
            # decoders then look for several texts in a row, which cannot be traced; where
            # attention is local, a trace of a short text would leave that out; and OpenVINO
            # 2026.4 computes texts of over 32 tokens wrongly if the first was of one alone, as it
            # can be where the tokenizer adds none.
            mask = torch.ones_like(tokens) if self.masked else None
            return self.model(
                input_ids=tokens, attention_mask=mask, output_hidden_states=all_states
            )

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            out = self.run(tokens, all_states=bool(self.taps))
            for place, tap in self.taps.items():
                tap(out.hidden_states[int(place)])
            last: torch.Tensor = out.last_hidden_state
            return last if self.sentence is None else self.sentence(last)

    return TextEncoder().eval()


def _probe(module: Any, name: str, *, special: bool) -> tuple[list[str], bool]:
    """Name the blocks, adding taps where no submodule gives a layer's output; see what is
    causal."""
    import torch

    tokens = torch.tensor(PROBE)
    states: list[torch.Tensor] = []

    def run() -> list[torch.Tensor]:
        states.extend(module.run(tokens, all_states=True).hidden_states)
        return states

    blocks = tapped_blocks(
        module,
        run,
        failed=f"The backbone {name!r} does not run on token numbers alone",
        advice="Accepted: encoders, decoders, and encoders of networks with both. Take another "
        "backbone.",
    )
    last = states[-1]
    causal = bool(torch.equal(last[0, :-1], last[1, :-1]))
    local = any(getattr(module.model.config, key, None) for key in LOCAL)
    module.masked = causal or local or not special
    return blocks, causal

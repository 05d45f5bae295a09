"""Nearest-mean head.

Each class is the mean direction of its examples from the middle of all of them (Snell et al. 2017,
"Prototypical networks for few-shot learning", with cosine similarity), so that it depends on no
other class's examples but for that middle.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from topwork.core.shapes import Doubles, Floats, Indices, Int
from topwork.features.table import FeatureTable
from topwork.heads.calibrate import fit_softmax
from topwork.heads.dense import DenseHead, Layer
from topwork.heads.grams import Grams
from topwork.heads.kernel import Kernel, Transform
from topwork.heads.labels import Labels, sample_indices
from topwork.heads.search import (
    KernelChoice,
    default_choice,
    first_sample,
    pool_sets,
    windows,
)
from topwork.heads.softmax import Softmax, best_temperature_loss

CHUNK = 1024
"""Rows that are read at a time."""

FARTHEST = -2.0
"""The score of a class without examples: below all others, whose vectors are at most 2 long."""

UNTESTED_TEMPERATURE = 10.0
"""Where there is nothing to leave out: where Gidaris and Komodakis 2018 begin."""


def choose_nearest(
    table: FeatureTable, indices: Int[np.ndarray, " n"], labels: Labels
) -> KernelChoice:
    """Return the blocks and pools in which the nearest means say most of examples left out.

    All runs of blocks and sets of pools are compared: with the similarities at hand (grams.py), a
    candidate costs less than a Cholesky factor would.
    """
    if not labels.folds():
        return default_choice(table)
    sample = sample_indices(labels, first_sample(labels))
    own = labels.take(sample)
    grams = Grams(table, indices[sample])
    kernels = [
        Kernel(blocks=run, pools=pools)
        for run in windows(table.networks)
        for pools in pool_sets(table)
    ]
    candidates = [
        KernelChoice(kernel=kernel, penalty=0.0, loss=_loss(grams.similarity(kernel), own))
        for kernel in kernels
    ]
    return min(candidates, key=lambda choice: choice.loss)


def _loss(similarity: Floats, labels: Labels) -> float:
    """Return the log loss of examples left out, given the inner products of all pairs."""
    targets, kept = labels.targets.astype(np.float32), np.ones(len(similarity), bool)
    scores = np.zeros(labels.targets.shape)
    for fold in labels.folds():
        kept[fold] = False
        counts = targets[kept].sum(0)
        # A mean's direction from the middle is a sum of vectors, weighted like this:
        shares = targets * kept[:, None] / np.maximum(counts, 1) - (kept / kept.sum())[:, None]
        products = similarity @ shares.astype(np.float32)
        lengths = np.sqrt(np.maximum(np.einsum("nk,nk->k", shares, products), 1e-12))
        middle = kept @ products / kept.sum()
        scores[fold] = np.where(counts > 0, (products[fold] - middle) / lengths, FARTHEST)
        kept[fold] = True
    return best_temperature_loss(scores, labels.targets, labels.weights)


def fit_nearest(
    table: FeatureTable, indices: Int[np.ndarray, " n"], labels: Labels, transform: Transform
) -> DenseHead:
    """Fit a head of one layer, the means' directions; every example counts the same.

    Its temperature is the best for examples left out, whose means are those without them.
    """
    folds = labels.folds()
    sums, counts = _sums(table, indices, labels, transform)
    scores, scored = np.zeros((len(indices), labels.num_classes)), np.zeros(len(indices), bool)
    for fold in folds:
        own, own_counts = _sums(table, indices[fold], labels.take(fold), transform)
        rest = counts - own_counts
        layer = _layer(sums - own, rest)
        for part, vectors in _chunks(table, indices[fold], transform):
            scores[fold[part]] = vectors @ layer.weight + layer.bias
        scored[fold] = rest[labels.classes[fold]] > 0  # of a class left out whole, no mean tells
    temperature = UNTESTED_TEMPERATURE * np.eye(labels.num_classes)
    softmax = Softmax(matrix=temperature, bias=np.zeros(labels.num_classes))
    if scored.any():
        weights = None if labels.weights is None else labels.weights[scored]
        softmax = fit_softmax(scores[scored], labels.targets[scored], (), weights)
    return DenseHead(
        segments=tuple(table.segments),
        transform=transform,
        layers=(_layer(sums, counts),),
        softmax=softmax,
    )


def _layer(sums: Doubles, counts: Doubles) -> Layer:
    """Return the layer from the sum of each class's vectors, [K, D], and their number, [K]."""
    middle = sums.sum(0) / counts.sum()
    there = counts > 0
    away = np.where(there[:, None], sums / np.maximum(counts, 1)[:, None] - middle, 0)
    lengths = np.linalg.norm(away, axis=1, keepdims=True)
    directions = away / np.maximum(lengths, 1e-12)
    bias = np.where(there, -directions @ middle, FARTHEST)
    return Layer(weight=directions.T.astype(np.float32), bias=bias.astype(np.float32))


def _sums(
    table: FeatureTable, indices: Indices, labels: Labels, transform: Transform
) -> tuple[Doubles, Doubles]:
    """Return the sum of each class's vectors, [K, D], and their number, [K]."""
    sums = np.zeros((labels.num_classes, sum(transform.widths)))
    for part, vectors in _chunks(table, indices, transform):
        here, codes = np.unique(labels.classes[part], return_inverse=True)
        sums[here] += np.eye(len(here), dtype=np.float32)[codes].T @ vectors
    return sums, np.bincount(labels.classes, minlength=labels.num_classes).astype(np.float64)


def _chunks(
    table: FeatureTable, indices: Indices, transform: Transform
) -> Iterator[tuple[slice, Floats]]:
    for start in range(0, len(indices), CHUNK):
        part = slice(start, start + CHUNK)
        yield part, transform(table, indices[part])

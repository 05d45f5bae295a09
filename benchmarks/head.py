"""Compares the head, and its search, with other ways of learning from the same features.

    python benchmarks/head.py features.npz [--train 50 200 1000] [--seeds 5]

The file holds `matrix` [N, D], `labels` [N], and the segments as three arrays `blocks`, `pools`
and `sizes`. For each number of training examples and each seed, every method learns from the same
random part and is scored on the rest. Set OPENBLAS_NUM_THREADS=1 for times that can be compared.

What it does not know: where the features come from. `compare` takes them from anywhere.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from topwork.executors.base import Segment
from topwork.features.table import ArrayTable
from topwork.heads.fit import fit_head
from topwork.heads.grams import Grams
from topwork.heads.kernel import Kernel
from topwork.heads.labels import Labels
from topwork.heads.ridge import smallest_penalty
from topwork.heads.search import GAMMAS, PENALTIES, KernelTrial, pool_sets, windows

Classes = npt.NDArray[np.intp]
Rows = npt.NDArray[np.intp]
Features = npt.NDArray[np.float32]
Method = Callable[[ArrayTable, Classes, Rows, Rows, int], npt.NDArray[np.float64]]


def with_search(candidates: Callable[[ArrayTable], list[Kernel]] | None) -> Method:
    """Return the head as it is, or with plain k-fold over a given grid in place of its search."""

    def method(
        table: ArrayTable, classes: Classes, train: Rows, test: Rows, seed: int
    ) -> npt.NDArray[np.float64]:
        labels = Labels(classes=classes[train], num_classes=int(classes.max()) + 1, seed=seed)
        choice = None
        if candidates is not None:
            kernels = candidates(table)
            trial = KernelTrial(Grams(table, train, kernels), labels)
            penalties = [p for p in PENALTIES if p >= smallest_penalty(len(train))]
            found = [trial.best(kernel, penalties) for kernel in kernels]
            choice = min(found, key=lambda choice: choice.loss)
        return fit_head(table, train, labels, choice=choice).predict(table, test)

    return method


def last_block(table: ArrayTable) -> list[Kernel]:
    """The mean pool of the last block, linear: what most tools do."""
    return [Kernel(blocks=table.blocks[-1:], pools=("mean",))]


def all_linear(table: ArrayTable) -> list[Kernel]:
    """All blocks and pools, linear."""
    return [Kernel(blocks=table.blocks, pools=pool_sets(table)[0])]


def all_rbf(table: ArrayTable) -> list[Kernel]:
    """All blocks and pools, RBF."""
    return [Kernel(blocks=table.blocks, pools=pool_sets(table)[0], gamma=g) for g in GAMMAS]


def whole_grid(table: ArrayTable) -> list[Kernel]:
    """Everything that the search may choose."""
    return [
        Kernel(blocks=run, pools=pools, gamma=gamma)
        for run in windows(table.blocks)
        for pools in pool_sets(table)
        for gamma in (None, *GAMMAS)
    ]


def logistic(
    table: ArrayTable, classes: Classes, train: Rows, test: Rows, seed: int
) -> npt.NDArray[np.float64]:
    """Scikit-learn's logistic regression on all standardised features; C by 5-fold."""
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression

    # All components: a rotation, which the penalty does not notice, and which is 50 times faster.
    features, new = _standardised(table, train, test)
    rotation = PCA().fit(features)
    model = LogisticRegression(max_iter=1000)
    grid = {"C": np.logspace(-7, 1, 9)}
    return _best(
        model, grid, rotation.transform(features), rotation.transform(new), classes, train, seed
    )


def support_vectors(
    table: ArrayTable, classes: Classes, train: Rows, test: Rows, seed: int
) -> npt.NDArray[np.float64]:
    """Scikit-learn's RBF support vectors on all standardised features; C and gamma by 5-fold."""
    from sklearn.svm import SVC

    features, new = _standardised(table, train, test)
    grid = {"C": [1, 10, 100], "gamma": [g / features.shape[1] for g in (0.1, 0.3, 1, 3)]}
    return _best(SVC(), grid, features, new, classes, train, seed)


def _standardised(table: ArrayTable, train: Rows, test: Rows) -> tuple[Features, Features]:
    from sklearn.preprocessing import StandardScaler

    everything = range(len(table.segments))
    scaler = StandardScaler()
    features = scaler.fit_transform(table.read(train, everything))
    return features, scaler.transform(table.read(test, everything))


def _best(
    model: Any,
    grid: dict[str, Any],
    features: Features,
    new: Features,
    classes: Classes,
    train: Rows,
    seed: int,
) -> npt.NDArray[np.float64]:
    """Choose from a grid by 5-fold, refit, and predict; one-hot where there are no probabilities.

    Folds are plain where a class has fewer than 5 examples.
    """
    from sklearn.model_selection import GridSearchCV, KFold, StratifiedKFold

    counts = np.bincount(classes[train])
    kind = StratifiedKFold if counts[counts > 0].min() >= 5 else KFold
    search = GridSearchCV(model, grid, cv=kind(5, shuffle=True, random_state=seed))
    search.fit(features, classes[train])
    out = np.zeros((len(new), int(classes.max()) + 1))
    if hasattr(search, "predict_proba"):
        out[:, search.classes_] = search.predict_proba(new)
    else:
        out[np.arange(len(new)), search.predict(new)] = 1
    return out


METHODS: dict[str, Method] = {
    "topwork": with_search(None),
    "whole grid": with_search(whole_grid),
    "last block": with_search(last_block),
    "all linear": with_search(all_linear),
    "all RBF": with_search(all_rbf),
    "logistic": logistic,
    "SVC": support_vectors,
}


def compare(
    matrix: npt.NDArray[np.floating],
    segments: Sequence[Segment],
    labels: npt.NDArray[np.generic],
    *,
    sizes: Sequence[int],
    num_seeds: int,
    methods: Sequence[str],
) -> Iterator[tuple[int, str, float, float, float]]:
    """Yield training examples, method, accuracy, log loss and seconds: means, and median time."""
    table, classes = ArrayTable(matrix, segments), np.unique(labels, return_inverse=True)[1]
    for size in sizes:
        for name in methods:
            results = []
            for seed in range(num_seeds):
                order = np.random.default_rng(seed).permutation(len(classes))
                train, test = order[:size], order[size:]
                start = time.perf_counter()
                found = METHODS[name](table, classes, train, test, seed)
                seconds = time.perf_counter() - start
                own = found[np.arange(len(test)), classes[test]]
                right = found.argmax(1) == classes[test]
                results.append((right.mean(), -np.log(np.maximum(own, 1e-15)).mean(), seconds))
            accuracy, loss, _ = np.mean(results, axis=0)
            yield size, name, float(accuracy), float(loss), float(np.median(results, axis=0)[2])


def main() -> None:
    """Read the features and print a table."""
    parser = argparse.ArgumentParser(description="Compare ways of learning from features.")
    parser.add_argument("features", type=Path)
    parser.add_argument("--train", type=int, nargs="+", default=[50, 200, 1000])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    arguments = parser.parse_args()
    with np.load(arguments.features) as file:
        named = zip(file["blocks"], file["pools"], file["sizes"], strict=True)
        segments = [Segment(block=str(b), pool=str(p), size=int(n)) for b, p, n in named]
        matrix, labels = file["matrix"], file["labels"]
    print("train  method       accuracy  log loss  seconds (fit and score)")
    for size, name, accuracy, loss, seconds in compare(
        matrix, segments, labels,
        sizes=arguments.train, num_seeds=arguments.seeds, methods=arguments.methods,
    ):  # fmt: skip
        shown = f"{loss:8.4f}" if name != "SVC" else "       -"
        print(f"{size:5d}  {name:11s}  {accuracy:8.2%}  {shown}  {seconds:7.2f}", flush=True)


if __name__ == "__main__":
    main()

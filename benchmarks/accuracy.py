"""How well the default settings learn, and whether the choice of blocks and kernel is a good one.

Each score of Topwork comes from `topwork.train` and `model.evaluate` as a user calls them. Beside
it stand heads without the choice, on the same features and the same splits: 'last block mean +
logistic regression' (scikit-learn, C tuned), and kernel ridge on the last block (linear), on all
blocks (linear) and on all blocks (RBF), their penalty and gamma tuned by cross-validation inside
the training part. `ours - other` is paired, example by example; the noise is two standard errors
of it (over patients, or over the draws, where there are any).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from common import Figure, make_parser, own_cache, report, say

SETS = ("sign-digits", "clothing", "few", "chest-xray")
SIZES = {50: 0.64, 200: 0.90, 1000: 0.98}
OTHERS = ("last block mean, logistic regression", "last block, linear", "all blocks, linear",
          "all blocks, RBF")  # fmt: skip
GAMMAS = (0.1, 0.3, 1.0, 2.0)
PENALTIES = tuple(10 ** (step / 2) for step in range(-10, 3))


def main() -> None:
    """Measure and print."""
    parser = make_parser(__doc__)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--seeds", type=int, default=5, help="draws of few examples")
    parser.add_argument("--sizes", nargs="+", type=int, default=list(SIZES))
    parser.add_argument("--alone", action="store_true", help="Topwork only, nothing beside it")
    arguments = parser.parse_args()
    others = () if arguments.alone else OTHERS
    figures: list[Figure] = []
    with own_cache():
        for name in arguments.sets:
            say(f"{name} ...")
            if name == "sign-digits":
                figures += cross_validated(arguments.data / "sign-digits", 0.985, others)
            elif name == "clothing":
                figures += train_and_test(arguments.data / "clothing", 0.908, others)
            elif name == "few":
                for size in arguments.sizes:
                    figures += few(arguments.data / "sign-digits", size, arguments.seeds, others)
            else:
                figures += cross_validated(
                    arguments.data / "chest-xray" / "labels.csv", None, others
                )
    report("Accuracy, default settings", figures, as_json=arguments.json)


@dataclass(frozen=True, kw_only=True, eq=False)
class Data:
    """A data set with the features of all its examples, row by row."""

    source: Path
    examples: Sequence[Any]
    table: Any
    labels: Any

    def path(self, row: int) -> Path:
        """Of the image of a row, in a source of folders."""
        return self.source / self.examples[row].name


def load(source: Path) -> Data:
    """Read a data set, and compute its features as `train` would."""
    import numpy as np

    from topwork.backbones.registry import get_backbone
    from topwork.examples.sources import read_examples
    from topwork.features.extract import default_pools, extract
    from topwork.heads.labels import Labels

    found = read_examples(source)
    extraction = extract(
        found.examples, get_backbone("efficientnet-lite0"), pools=default_pools(len(found), "image")
    )
    examples = extraction.examples
    groups = None
    if any(example.group is not None for example in examples):
        groups = np.array([example.group or f"alone {i}" for i, example in enumerate(examples)])
    labels = Labels(
        classes=np.array([found.classes.index(example.label) for example in examples], np.intp),
        num_classes=len(found.classes),
        groups=groups,
    )
    return Data(source=source, examples=examples, table=extraction.table.in_memory(), labels=labels)


def cross_validated(source: Path, bound: float | None, others: Sequence[str]) -> list[Figure]:
    """Compare with the folds that `train` draws."""
    import numpy as np

    import topwork
    from topwork.evaluation.crossval import choose_num_repeats
    from topwork.examples.folds import choose_num_folds, kfold

    model = topwork.train(source, train="head")
    if model.evaluation is None:
        raise RuntimeError(f"{source} gave no cross-validated score: {model.notes}")
    name = source.parent.name if source.suffix else source.name
    figures = [_scored(f"{name}, cross-validated", model.evaluation, bound)]
    if not others:
        return figures
    data = load(source)
    labels = data.labels
    groups = None if labels.groups is None else labels.groups.tolist()
    num = len(labels.classes)
    num_folds = choose_num_folds(labels.classes, groups=groups)
    repeats = 1 if num_folds == num else choose_num_repeats(num)
    right = {other: np.zeros(num) for other in ("ours", *others)}
    for repeat in range(repeats):
        folds = kfold(labels.classes, num_folds=num_folds, seed=repeat, groups=groups)
        for number, fold in enumerate(folds):
            say(f"  {name}: repeat {repeat + 1} of {repeats}, fold {number + 1} of {num_folds}")
            kept = np.setdiff1d(np.arange(num), fold)
            for other in right:
                answers = METHODS[other](data, kept, fold, repeat)
                right[other][fold] += (answers == labels.classes[fold]) / repeats
    return figures + _beside(name, right, others, groups)


def train_and_test(source: Path, bound: float, others: Sequence[str]) -> list[Figure]:
    """Compare on the source's own test part."""
    import numpy as np

    import topwork

    model = topwork.train(source, train="head")
    if model.test is None:
        raise RuntimeError(f"{source} has no test part")
    figures = [_scored(f"{source.name}, train -> test", model.test, bound)]
    if not others:
        return figures
    data = load(source)
    is_test = np.array([example.split == "test" for example in data.examples])
    train, test = np.flatnonzero(~is_test), np.flatnonzero(is_test)
    right = {
        other: (METHODS[other](data, train, test, 0) == data.labels.classes[test]).astype(float)
        for other in ("ours", *others)
    }
    return figures + _beside(source.name, right, others, None)


def few(source: Path, size: int, num_seeds: int, others: Sequence[str]) -> list[Figure]:
    """Learn from some examples, drawn at random, and test on all the rest."""
    import numpy as np

    import topwork

    data = load(source)
    classes, num = data.labels.classes, len(data.labels.classes)
    scores = []
    right: dict[str, list[Any]] = {other: [] for other in ("ours", *others)}
    draws: list[int] = []
    for seed in range(num_seeds):
        train = _draw(classes, size, data.labels.num_classes, seed)
        test = np.setdiff1d(np.arange(num), train)
        names = [example.label for example in data.examples]
        model = topwork.train(
            [data.path(i) for i in train], [names[i] for i in train], train="head"
        )
        tested = model.evaluate([data.path(i) for i in test], [names[i] for i in test])
        scores.append(tested.accuracy.value)
        for other in right if others else ():
            answers = METHODS[other](data, train, test, 0)
            right[other].append((answers == classes[test]).astype(float))
        draws += [seed] * len(test)
        say(f"  {size} examples, seed {seed}: {scores[-1]:.3f}")
    name = f"{source.name} from {size}"
    figure = Figure(
        name=f"{name}, mean of {num_seeds}",
        measured=float(np.mean(scores)),
        bound=SIZES.get(size),
        note=f"from {min(scores):.3f} to {max(scores):.3f}",
    )
    if not others:
        return [figure]
    joined = {other: np.concatenate(parts) for other, parts in right.items()}
    return [figure, *_beside(name, joined, others, draws)]


def _draw(classes: Any, size: int, num_classes: int, seed: int) -> Any:
    """Plainly random; drawn again where a class is missing, which no method could then name."""
    import numpy as np

    rng = np.random.default_rng(seed)
    while True:
        chosen = np.sort(rng.permutation(len(classes))[:size])
        if len(np.unique(classes[chosen])) == num_classes:
            return chosen


def _scored(name: str, evaluation: Any, bound: float | None) -> Figure:
    accuracy = evaluation.accuracy
    return Figure(
        name=name,
        measured=accuracy.value,
        bound=bound,
        note=f"95%: {accuracy.low:.3f} to {accuracy.high:.3f}; {evaluation.method}",
    )


def _beside(
    name: str, right: dict[str, Any], others: Sequence[str], groups: Sequence[Any] | None
) -> list[Figure]:
    import numpy as np

    num = len(right["ours"])
    codes = np.arange(num) if groups is None else np.unique(groups, return_inverse=True)[1]
    figures = []
    for other in others:
        difference = right["ours"] - right[other]
        sums = np.bincount(codes, difference - difference.mean())
        shrink = len(sums) / max(len(sums) - 1, 1)
        error = float(np.sqrt((sums**2).sum() * shrink)) / num
        figures.append(
            Figure(
                name=f"{name}: ours - {other}",
                measured=float(difference.mean()),
                bound=0.0,
                noise=2 * error,
                form="+.4f",
                note=f"{right['ours'].mean():.4f} - {right[other].mean():.4f}, "
                f"noise {2 * error:.4f}",
            )
        )
    return figures


def ours(data: Data, train: Any, test: Any, seed: int) -> Any:
    """What `train` fits, on the same rows."""
    from topwork.heads.fit import fit_head

    labels = replace(data.labels.take(train), seed=seed)
    return fit_head(data.table, train, labels).predict(data.table, test).argmax(1)


def logistic(data: Data, train: Any, test: Any, seed: int) -> Any:
    """Logistic regression on the means of the last block, C tuned by cross-validation."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    table, labels = data.table, replace(data.labels.take(train), seed=seed)
    column = next(
        i for i, s in enumerate(table.segments) if s.block == table.blocks[-1] and s.pool == "mean"
    )
    folds = labels.folds()
    inner = [(np.setdiff1d(np.arange(len(train)), fold), fold) for fold in folds]
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=3000, tol=1e-3))
    grid = {"logisticregression__C": np.logspace(-4, 1, 11)}
    search = GridSearchCV(pipeline, grid, cv=inner, n_jobs=-1)
    search.fit(table.read(train, [column]), labels.classes)
    return search.predict(table.read(test, [column]))


def kernel_ridge(blocks: slice, gammas: Sequence[float | None]) -> Callable[..., Any]:
    """Kernel ridge on given blocks with all their pools; penalty and gamma by plain k-fold.

    Written without the package's own heads, and without any closed form for the folds: what it
    finds does not depend on what it is compared with. The features are brought into the same form:
    standardised, each block of unit length. The most accurate setting in k-fold is taken, of equal
    ones that with the least squared error.
    """

    def predict(data: Data, train: Any, test: Any, seed: int) -> Any:
        import numpy as np

        labels = replace(data.labels.take(train), seed=seed)
        names = data.table.blocks[blocks]
        similarity, across = similarities(data.table, names, train, test)
        scores: dict[tuple[float | None, float], list[tuple[float, float]]] = {}
        for fold in labels.folds():
            kept = np.setdiff1d(np.arange(len(train)), fold)
            for gamma in gammas:
                inner = values(similarity[np.ix_(kept, kept)], gamma)
                outer = values(similarity[np.ix_(fold, kept)], gamma)
                for penalty, found in ridge_path(inner, outer, labels.targets[kept], PENALTIES):
                    right = found.argmax(1) == labels.classes[fold]
                    error = np.square(found - labels.targets[fold]).sum()
                    scores.setdefault((gamma, penalty), []).append((right.sum(), -error))
        gamma, penalty = max(scores, key=lambda key: tuple(np.sum(scores[key], axis=0)))
        path = ridge_path(
            values(similarity, gamma), values(across, gamma), labels.targets, (penalty,)
        )
        return next(path)[1].argmax(1)

    def values(similarity: Any, gamma: float | None) -> Any:
        import numpy as np

        return similarity if gamma is None else np.exp(2 * gamma * (similarity - 1))

    return predict


def ridge_path(
    inner: Any, outer: Any, targets: Any, penalties: Sequence[float]
) -> Iterator[tuple[float, Any]]:
    """Yield the predictions of kernel ridge with an intercept, for every penalty.

    Args:
        inner: the kernel between the examples learned from, [N, N].
        outer: that between those predicted and these, [M, N].
        penalties: in shares of the centred kernel's mean diagonal.
    """
    import numpy as np

    means, mean = inner.mean(0), inner.mean()
    outer = outer - outer.mean(1, keepdims=True) - means + mean
    inner = inner - means - means[:, None] + mean
    constant = targets.mean(0)
    roots, vectors = np.linalg.eigh(inner)
    turned, right = outer @ vectors, vectors.T @ (targets - constant)
    scale = roots.mean()
    for penalty in penalties:
        weights = right / (np.maximum(roots, 0) + penalty * scale)[:, None]
        yield penalty, turned @ weights + constant


def similarities(table: Any, blocks: Sequence[str], train: Any, test: Any) -> tuple[Any, Any]:
    """Return [N, N] and [M, N]: the mean over blocks of their unit vectors' inner products."""
    import numpy as np

    inner = outer = 0.0
    for block in blocks:
        columns = [i for i, segment in enumerate(table.segments) if segment.block == block]
        own, new = (table.read(rows, columns).astype(np.float64) for rows in (train, test))
        mean, deviation = own.mean(0), own.std(0)
        varies = deviation > 1e-6 * deviation.max()
        for features in (own, new):
            features -= mean
            features /= np.where(varies, deviation, np.inf)
            features /= np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
        inner, outer = inner + own @ own.T / len(blocks), outer + new @ own.T / len(blocks)
    return inner, outer


METHODS: dict[str, Callable[..., Any]] = {
    "ours": ours,
    OTHERS[0]: logistic,
    OTHERS[1]: kernel_ridge(slice(-1, None), (None,)),
    OTHERS[2]: kernel_ridge(slice(None), (None,)),
    OTHERS[3]: kernel_ridge(slice(None), GAMMAS),
}


if __name__ == "__main__":
    main()

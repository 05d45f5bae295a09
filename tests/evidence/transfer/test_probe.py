import numpy as np
import pytest

from tests import small
from topwork.evidence.transfer.probe import probe
from topwork.evidence.transfer.raw_inputs import raw_similarity
from topwork.examples.example import Example
from topwork.examples.folds import kfold
from topwork.examples.sources import examples_from
from topwork.heads.labels import Labels


def unit(features: np.ndarray) -> np.ndarray:
    return (features / np.linalg.norm(features, axis=1, keepdims=True)).astype(np.float32)


def test_a_probe_does_as_well_as_ridge_fitted_fold_by_fold() -> None:
    """Against scikit-learn's ridge, refitted in every fold with its own choice of the penalty."""
    from sklearn.datasets import load_digits
    from sklearn.linear_model import RidgeClassifierCV

    digits = load_digits()
    rows = np.random.default_rng(0).permutation(len(digits.target))[:300]
    features, codes = unit(digits.data[rows] - digits.data.mean(0)), digits.target[rows]
    labels = Labels(classes=codes.astype(np.intp), num_classes=10)
    folds = kfold(codes, num_folds=5, seed=0)
    right = probe(features @ features.T, labels, [folds])
    wanted = np.zeros(300)
    for fold in folds:
        kept = np.setdiff1d(np.arange(300), fold)
        head = RidgeClassifierCV(alphas=np.logspace(-4, 1, 6)).fit(features[kept], codes[kept])
        wanted[fold] = head.predict(features[fold]) == codes[fold]
    assert right.mean() >= wanted.mean() - 0.01
    assert right.mean() <= 0.99


def test_a_probe_of_noise_is_at_chance() -> None:
    """No label of an example left out may leak into what is said of it."""
    shares = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        features = unit(rng.normal(size=(60, 400)))
        labels = Labels(classes=np.arange(60) % 2, num_classes=2)
        folds = kfold(labels.classes, num_folds=5, seed=seed)
        shares.append(probe(features @ features.T, labels, [folds]).mean())
    assert np.mean(shares) == pytest.approx(0.5, abs=0.05)


def test_repeats_are_averaged() -> None:
    rng = np.random.default_rng(0)
    classes = np.arange(40) % 2
    features = unit(rng.normal(size=(40, 5)) + classes[:, None])
    labels = Labels(classes=classes, num_classes=2)
    drawn = [kfold(classes, num_folds=4, seed=seed) for seed in range(3)]
    each = [probe(features @ features.T, labels, [folds]) for folds in drawn]
    assert probe(features @ features.T, labels, drawn) == pytest.approx(np.mean(each, axis=0))


def learned(examples: list[Example], kind: str) -> float:
    names = sorted({str(example.label) for example in examples})
    codes = np.array([names.index(str(example.label)) for example in examples])
    similarity = raw_similarity(examples, kind)  # type: ignore[arg-type]
    assert similarity.shape == (len(examples), len(examples))
    assert similarity == pytest.approx(similarity.T, abs=1e-5)
    labels = Labels(classes=codes, num_classes=len(names))
    return float(probe(similarity, labels, [kfold(codes, num_folds=3, seed=0)]).mean())


def test_raw_inputs_of_every_kind_can_be_learned_from() -> None:
    pictures = small.digit_pictures(12)
    images = [image for name in pictures for image in pictures[name]]
    names = [name for name in pictures for _ in pictures[name]]
    assert learned(list(examples_from(images, names).examples), "image") > 0.8
    arrays = [np.random.default_rng(i).normal(i % 2, 0.5, (2, 6)) for i in range(30)]
    found = examples_from(arrays, [str(i % 2) for i in range(30)], modality="array")
    assert learned(list(found.examples), "array") > 0.8
    texts = [text for topic in small.TOPICS.values() for text in topic]
    topics = [topic for topic, own in small.TOPICS.items() for _ in own]
    assert learned(list(examples_from(texts, topics, modality="text").examples), "text") > 0.5


def test_raw_sounds_can_be_learned_from(tmp_path_factory: pytest.TempPathFactory) -> None:
    from topwork.examples.sources import read_examples

    folder = small.write_sounds(tmp_path_factory.mktemp("raw") / "tones", 8)
    assert learned(list(read_examples(folder).examples), "sound") > 0.9


def test_texts_without_a_word_are_all_alike() -> None:
    found = examples_from(["!!", "??", "..", ";;"], ["a", "a", "b", "b"], modality="text")
    assert not raw_similarity(found.examples, "text").any()

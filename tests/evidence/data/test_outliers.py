import numpy as np

from tests.evidence.tables import blobs, one_block
from topwork.evidence.data.outliers import MAX_SHARE, THRESHOLD, find_outliers


def test_foreign_points_are_found_and_few_others() -> None:
    points, truth = blobs(100, 4)
    foreign = np.random.default_rng(9).normal(0, 12, (3, points.shape[1]))
    points, truth = np.concatenate([points, foreign]), np.append(truth, [0, 1, 2])
    found = find_outliers(one_block(points), np.arange(403), truth)
    assert set(found.indices[:3].tolist()) == {400, 401, 402}
    assert len(found.indices) <= 6
    assert (found.scores[found.indices] > THRESHOLD).all()
    assert (np.diff(found.scores[found.indices]) <= 0).all()


def test_what_lies_in_another_class_is_a_wrong_label_and_no_outlier() -> None:
    points, truth = blobs(100, 4)
    truth[0] = 1
    found = find_outliers(one_block(points), np.arange(400), truth)
    assert 0 not in found.indices


def test_many_are_cut_to_a_share() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(0, 1, (300, 8))
    points[:60] += rng.normal(0, 60, (60, 8))
    found = find_outliers(one_block(points), np.arange(300), np.zeros(300, np.intp))
    assert len(found.indices) == int(MAX_SHARE * 300)


def test_a_handful_has_none() -> None:
    points, truth = blobs(3, 2)
    found = find_outliers(one_block(points), np.arange(6), truth)
    assert len(found.indices) == 0
    assert found.scores.tolist() == [0.0] * 6


def test_constant_features_have_none() -> None:
    found = find_outliers(one_block(np.ones((40, 4))), np.arange(40), np.arange(40) % 2)
    assert len(found.indices) == 0


def test_a_class_of_one_example_is_judged_by_all() -> None:
    points, truth = blobs(50, 2)
    truth[0] = 2
    found = find_outliers(one_block(points), np.arange(100), truth)
    assert np.isfinite(found.scores).all()

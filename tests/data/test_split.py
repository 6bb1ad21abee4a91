import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsearch.data import dataset as dataset_module
from dnsearch.data.dataset import Split
from dnsearch.data.sources import load
from dnsearch.data.split import hold_out, proportional, ranked, repeated, repetitions, scaling, subset
from dnsearch.errors import DataError
from dnsearch.spec.data_section import Data

NAMES = tuple("abcdefghij")
CLASS_COUNTS = st.lists(st.integers(2, 60), min_size=2, max_size=10)


def numbered(counts, seed=0):
    """A split of so many images per class, shuffled; each image's only pixel is unique."""
    labels = np.repeat(np.arange(len(counts)), counts).astype(np.int32)
    labels = np.random.default_rng(seed).permutation(labels)
    return Split(np.arange(len(labels), dtype=np.float32).reshape(-1, 1, 1, 1), labels)


def numbers(split):
    return split.images.ravel().astype(int).tolist()


@given(counts=CLASS_COUNTS, fraction=st.floats(0.001, 0.999), seed=st.integers(0, 2**32 - 1))
def test_the_parts_share_nothing_and_lose_nothing(counts, fraction, seed):
    split = numbered(counts)
    kept, held = hold_out(split, fraction, seed, NAMES)
    assert sorted(numbers(kept) + numbers(held)) == list(range(len(split)))
    for part in (kept, held):
        assert numbers(part) == sorted(numbers(part))
        assert part.labels.tolist() == split.labels[numbers(part)].tolist()


@given(counts=CLASS_COUNTS, fraction=st.floats(0.001, 0.999))
def test_every_class_is_in_both_parts_in_proportion(counts, fraction):
    kept, held = hold_out(numbered(counts), fraction, 0, NAMES)
    in_kept, in_held = (np.bincount(part.labels, minlength=len(counts)) for part in (kept, held))
    assert in_kept.min() >= 1
    assert in_held.min() >= 1
    exact = np.array(counts) * fraction
    # off by one from the largest remainder, and by one more from rounding the whole
    assert (np.abs(in_held - exact) < 2).all()


def test_even_classes_are_held_out_evenly():
    kept, held = hold_out(numbered([500] * 10), 0.1, 0, NAMES)
    assert np.bincount(held.labels).tolist() == [50] * 10
    assert np.bincount(kept.labels).tolist() == [450] * 10


def test_equal_seeds_hold_out_equal_images_and_others_do_not():
    split = numbered([50] * 4)
    first, again, other = (numbers(hold_out(split, 0.2, seed, NAMES)[1]) for seed in (7, 7, 8))
    assert first == again
    assert first != other
    assert len(set(first) & set(other)) < 20  # 40 each; by chance about 8 are shared


def test_the_held_out_images_are_drawn_all_over():
    """Each image is held out by about a fifth of the seeds."""
    split = numbered([25, 25])
    times = np.zeros(50)
    for seed in range(400):
        times[numbers(hold_out(split, 0.2, seed, NAMES)[1])] += 1
    assert times.min() > 40
    assert times.max() < 120


def test_a_class_with_one_image_is_refused_by_name():
    with pytest.raises(DataError) as caught:
        hold_out(numbered([5, 1, 5]), 0.2, 0, ("daisy", "rose", "tulip"))
    text = str(caught.value)
    assert text.startswith("class rose\n")
    assert "expected at least 2 training images, one to learn from and one to hold out, found 1" in text
    assert "Add images of this class, or remove it." in text


def test_a_class_without_images_parts_nothing():
    kept, held = hold_out(numbered([4, 0, 4]), 0.25, 0, ("a", "b", "c"))
    assert np.bincount(held.labels, minlength=3).tolist() == [1, 0, 1]
    assert np.bincount(kept.labels, minlength=3).tolist() == [3, 0, 3]


@given(counts=CLASS_COUNTS, data=st.data())
def test_a_subset_has_exactly_so_many_of_every_class(counts, data):
    split = numbered(counts)
    examples = data.draw(st.integers(1, len(split)))
    part = subset(split, examples, 0)
    assert len(part) == examples
    assert len(set(numbers(part))) == examples
    assert part.labels.tolist() == split.labels[numbers(part)].tolist()
    if examples >= len(counts):
        assert np.bincount(part.labels, minlength=len(counts)).min() >= 1


def test_a_small_subset_still_has_the_rare_class():
    part = subset(numbered([1000, 3, 1000]), 20, 0)
    assert np.bincount(part.labels).tolist()[1] == 1


def test_subsets_follow_their_seed():
    split = numbered([50] * 4)
    first, again, other = (numbers(subset(split, 40, seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert first != numbers(hold_out(split, 0.2, 1, NAMES)[1])


def test_a_subset_larger_than_the_whole_is_refused():
    assert len(subset(numbered([5, 5]), 10, 0)) == 10
    with pytest.raises(DataError) as caught:
        subset(numbered([5, 5]), 11, 0)
    text = str(caught.value)
    assert text.startswith("data.training_examples\n")
    assert "expected at most 10, the images left when the validation images are held out, found 11" in text
    assert "Lower it, or leave it out to train on all of them." in text


@given(counts=st.lists(st.integers(0, 10**6), min_size=1, max_size=50), data=st.data())
def test_proportional_shares_add_up_and_never_exceed_the_counts(counts, data):
    counts = np.array(counts)
    total = data.draw(st.integers(0, int(counts.sum())))
    shares = proportional(counts, total)
    assert shares.sum() == total
    assert (shares >= 0).all()
    assert (shares <= counts).all()
    if total:
        assert (np.abs(shares - counts * total / counts.sum()) < 1 + 1e-6).all()


def coloured(dtype=np.uint8, images=700, shape=(9, 7)):
    rng = np.random.default_rng(3)
    pixels = np.stack([rng.integers(low, 256, (images, *shape)) for low in (0, 100, 200)], axis=-1)
    return Split(pixels.astype(dtype), np.zeros(images, np.int32))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_channel_scaling_gives_mean_0_and_deviation_1(dtype):
    split = coloured(dtype)
    measured = scaling(split, "channel")
    flat = split.images.reshape(-1, 3).astype(np.float64)
    np.testing.assert_allclose(measured.offset, flat.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(measured.scale, flat.std(axis=0), rtol=1e-12)
    scaled = measured.apply(split.images).reshape(-1, 3).astype(np.float64)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(scaled.std(axis=0), 1, atol=1e-6)


def test_chunks_do_not_change_the_statistics(monkeypatch):
    from dnsearch.data import split as module

    split = coloured(images=30)
    whole = scaling(split, "channel")
    for chunk in (1, 50, 1000):
        monkeypatch.setattr(module, "CHUNK_PIXELS", chunk)
        np.testing.assert_allclose(scaling(split, "channel").scale, whole.scale, rtol=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e-3, -255.0, 1e6])
def test_a_constant_channel_is_only_shifted(value):
    images = coloured(np.float32).images.copy()
    images[..., 1] = value
    measured = scaling(Split(images, np.zeros(len(images), np.int32)), "channel")
    assert measured.scale[1] == 1.0
    assert measured.scale[0] > 1
    np.testing.assert_allclose(measured.apply(images)[..., 1], 0, atol=abs(value) * 1e-6)


def test_statistics_need_no_float_copy_of_all_images():
    import tracemalloc

    split = Split(np.full((2000, 32, 32, 3), 7, np.uint8), np.zeros(2000, np.int32))
    tracemalloc.start()
    scaling(split, "channel")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < split.images.nbytes  # a float64 copy would be eight times as large


def test_unit_scaling_divides_by_the_largest_possible_pixel():
    split = coloured()
    measured = scaling(split, "unit", 255)
    assert measured.offset == (0.0, 0.0, 0.0)
    assert measured.scale == (255, 255, 255)


def test_unit_scaling_of_floats_divides_by_the_largest_training_pixel():
    images = np.zeros((3, 2, 2, 2), np.float32)
    images[1, 1, 1, 1] = 2.5
    assert scaling(Split(images, np.zeros(3, np.int32)), "unit").scale == (2.5, 2.5)


@pytest.mark.parametrize("value", [0.0, -3.0])
def test_unit_scaling_leaves_images_without_positive_pixels(value):
    images = np.full((3, 2, 2, 1), value, np.float32)
    assert scaling(Split(images, np.zeros(3, np.int32)), "unit").scale == (1.0,)


@given(counts=st.lists(st.integers(0, 60), min_size=2, max_size=10).filter(any), seed=st.integers(0, 9))
def test_every_beginning_of_a_ranking_has_the_classes_in_proportion(counts, seed):
    split = numbered(counts)
    ranking = ranked(split, seed)
    assert sorted(ranking.tolist()) == list(range(len(split)))
    present = sum(count > 0 for count in counts)
    for length in range(1, len(split) + 1):
        found = np.bincount(split.labels[ranking[:length]], minlength=len(counts))
        exact = np.array(counts) * length / len(split)
        assert (np.abs(found - exact) <= max(1, present / 2) + 1).all()
        if length >= present:
            assert ((found > 0) == (np.array(counts) > 0)).all()


def test_even_classes_are_ranked_in_turn():
    split = numbered([30] * 4)
    ranking = ranked(split, 0)
    for length in (4, 20, 60):
        assert np.bincount(split.labels[ranking[:length]]).tolist() == [length // 4] * 4


def test_rankings_depend_on_the_seed_alone_and_differ_from_its_epochs():
    split = numbered([50, 30])
    first, again, other = (ranked(split, seed).tolist() for seed in (3, 3, 4))
    assert first == again != other
    assert set(first[:40]) != set(other[:40])
    assert first != np.random.default_rng([3, 1]).permutation(80).tolist()


def test_masks_are_one_class_to_a_ranking():
    masks = Split(np.zeros((12, 4, 4, 1), np.uint8), np.zeros((12, 4, 4), np.int32))
    assert sorted(ranked(masks, 0).tolist()) == list(range(12))


def twice(arrays, **more):
    """The training images of an archive, each once more, and other arrays."""
    both = {name: np.concatenate([arrays[name]] * 2) for name in ("x_train", "y_train")}
    return {**arrays, **both, **more}


def loaded(path):
    return load(Data(source="npz", path=str(path), validation_fraction=0.4))


def test_images_that_are_learned_from_and_tested_on_are_counted(arrays, save_npz):
    dataset = loaded(save_npz(twice(arrays, x_test=arrays["x_train"][:9])))
    found = repeated(dataset)
    kept = {image.tobytes() for image in dataset.training.images}
    assert found["validation"] == sum(each.tobytes() in kept for each in dataset.validation.images) > 0
    assert found["test"] == sum(each.tobytes() in kept for each in dataset.test.images) > 0
    assert repetitions(dataset) == (
        f"{found['validation']} of 24 validation and {found['test']} of 9 test images are among the training "
        "images too, pixel by pixel: their figures are too good. Leave each image in once."
    )


def test_one_pixel_makes_another_image(arrays, save_npz):
    changed = arrays["x_train"].copy()
    changed[:, 0, 0, 0] ^= 1
    both = twice(arrays, x_train=np.concatenate([arrays["x_train"], changed]))
    dataset = loaded(save_npz(both))
    assert repeated(dataset) == {"validation": 0, "test": 0}
    assert repetitions(dataset) == ""


def test_of_files_that_are_read_batch_by_batch_nothing_is_said(flowers, monkeypatch):
    monkeypatch.setattr(dataset_module, "MEMORY_SHARE", 0)
    section = Data(source="folder", path=str(flowers), image_shape=(10, 12, 3), validation_fraction=0.5)
    found = load(section)
    assert repeated(found) == {}
    assert repetitions(found) == ""

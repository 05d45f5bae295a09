"""The speech embedding as a torch module, beside its two files in onnxruntime's own form."""

import numpy as np
import torch

from tests.backbones import folders
from topwork.backbones import speech
from topwork.backbones.base import Network
from topwork.backbones.catalog import SPEECH_EMBEDDING
from topwork.backbones.embedded import find_embedded
from topwork.backbones.registry import get_backbone


def sound(num_steps: int) -> torch.Tensor:
    """Noise that swells, as loud as 16-bit files are."""
    num = speech.RECEPTIVE_SAMPLES + num_steps * speech.STEP_SAMPLES
    noise = np.random.default_rng(0).normal(size=(1, num)) * 3000
    return torch.from_numpy((noise * np.abs(np.sin(np.arange(num) / 4000))).astype(np.float32))


def random(seed: int) -> Network:
    """The same network with random weights."""
    return get_backbone(f"speech-embedding?pretrained=false&seed={seed}").build()


def test_it_is_what_its_files_compute() -> None:
    files = find_embedded(SPEECH_EMBEDDING)
    network = get_backbone("speech-embedding").build()
    samples = sound(5)
    mel, *_, embedding = folders.outputs(network, samples)
    options = {"INFERENCE_PRECISION_HINT": "f32"}
    front, net = (
        folders.core().compile_model(str(files[file]), "CPU", options)
        for file in SPEECH_EMBEDDING.sha256
    )
    wanted = front(samples.numpy())[0].squeeze() / 10 + 2
    np.testing.assert_allclose(mel[0, 0].numpy(), wanted, atol=2e-5)
    windows = np.stack([wanted[i : i + 76] for i in range(0, len(wanted) - 75, 8)])[..., None]
    rows = np.concatenate([net(window[None])[0].reshape(1, 96) for window in windows])
    assert embedding.shape == (1, 96, 6, 1)
    np.testing.assert_allclose(embedding[0, :, :, 0].T.numpy(), rows, atol=2e-4)  # of up to 49


def test_the_blocks_are_channels_over_time_and_frequency() -> None:
    network = get_backbone("speech-embedding").build()
    assert (len(network.blocks), network.layout, network.any_length) == (11, "NCTF", True)
    found = folders.outputs(network, sound(0))
    assert [tuple(one.shape[1:]) for one in found] == [
        (1, 76, 32), (24, 72, 32), (48, 34, 16), (48, 32, 16), (72, 30, 8), (72, 28, 8),
        (96, 12, 4), (96, 10, 4), (96, 8, 2), (96, 6, 2), (96, 1, 1),
    ]  # fmt: skip
    assert folders.converted(network, sound(1), [sound(0), sound(4)]) < 1e-4


def test_a_row_of_modules_can_be_cut_anywhere() -> None:
    row = get_backbone("speech-embedding").build().module
    assert isinstance(row, torch.nn.Sequential)
    with torch.inference_mode():
        torch.testing.assert_close(row[4:](row[:4](sound(1))), row(sound(1)))


def test_random_weights_keep_the_spectrogram_and_depend_on_the_seed_alone() -> None:
    trained = get_backbone("speech-embedding").build().module.state_dict()
    one, again, other = (random(seed).module.state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[key], again[key]) for key in one)
    assert not torch.equal(one["pair3.time.weight"], other["pair3.time.weight"])
    torch.testing.assert_close(one["mel.kernels"], trained["mel.kernels"], rtol=0, atol=1e-7)
    torch.testing.assert_close(one["mel.bands"], trained["mel.bands"], rtol=0, atol=1e-8)
    assert not [key for key, _ in random(0).module.named_parameters() if "mel" in key]


def test_random_weights_keep_the_scale_of_what_runs_through() -> None:
    for block in folders.outputs(random(0), sound(1))[1:]:
        assert 0.05 < float(block.std()) < 50

import math
import os
import pickle
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch.nn import functional

from core.errors import LearningError
from core.learning.config import ENCODER_NETWORKS, TrainingConfig
from core.messages import sentence
from models import pretrained
from models.networks.encoders import BatchNorm
from models.networks.pretrained_unet import build_encoder
from models.networks.registry import build_network
from models.pretrained import load_encoder, read_encoder
from models.unpickling import chosen_weights, names_for

VGG16 = (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512)
RESNETS = {"resnet18_unet": (2, 2, 2, 2), "resnet34_unet": (3, 4, 6, 3)}
NAME = "resnet18_unet"


def imagenet_like(name: str, seed: int = 0) -> dict[str, torch.Tensor]:
    """A state dict as torchvision writes it: the encoder's weights with moved statistics, and a classifier."""
    torch.manual_seed(seed)
    state = {key: value.clone() for key, value in build_encoder(name, 3).state_dict().items()}
    for key, value in state.items():
        if key.endswith("running_var"):
            value.uniform_(0.5, 2.0)
        elif key.endswith(("running_mean", "bias")):
            value.normal_(0, 0.2)
    classifier = "classifier.6" if name == "vgg16_unet" else "fc"
    return state | {f"{classifier}.weight": torch.zeros(10, 8), f"{classifier}.bias": torch.zeros(10)}


def saved(folder: Path, content, name: str = "weights.pth") -> Path:
    file = folder / name
    if file.suffix == ".safetensors":
        file.write_bytes(safetensors.torch.save(content))
    else:
        torch.save(content, file)
    return file


def refused(file: Path, name: str = NAME) -> LearningError:
    with pytest.raises(LearningError) as caught:
        read_encoder(file, name)
    words = sentence(caught.value)
    assert words.endswith(".")
    assert ". " not in words
    assert file.name in words
    return caught.value


# ------------------------------------------------- the encoders are the ones the weights were made for


def norm(values, state, name):
    kept = (state[f"{name}.running_mean"], state[f"{name}.running_var"], state[f"{name}.weight"], state[f"{name}.bias"])
    return functional.batch_norm(values, *kept)


def resnet_maps(images, state, blocks):
    """He et al. 2015 in torchvision's names, written out a second time."""
    stem = functional.relu(norm(functional.conv2d(images, state["conv1.weight"], stride=2, padding=3), state, "bn1"))
    maps, values = [stem], functional.max_pool2d(stem, 3, 2, 1)
    for stage, count in enumerate(blocks, start=1):
        for block in range(count):
            name = f"layer{stage}.{block}"
            stride = 2 if stage > 1 and block == 0 else 1
            inner = functional.conv2d(values, state[f"{name}.conv1.weight"], stride=stride, padding=1)
            inner = functional.relu(norm(inner, state, f"{name}.bn1"))
            inner = norm(functional.conv2d(inner, state[f"{name}.conv2.weight"], padding=1), state, f"{name}.bn2")
            if stride == 2:
                values = functional.conv2d(values, state[f"{name}.downsample.0.weight"], stride=2)
                values = norm(values, state, f"{name}.downsample.1")
            values = functional.relu(inner + values)
        maps.append(values)
    return maps


def vgg_maps(images, state):
    """Simonyan and Zisserman 2014 in torchvision's names, written out a second time."""
    maps, values, layer = [], images, 0
    for entry in VGG16:
        if entry == "M":
            maps.append(values)
            values, layer = functional.max_pool2d(values, 2), layer + 1
        else:
            weight, bias = state[f"features.{layer}.weight"], state[f"features.{layer}.bias"]
            assert len(weight) == entry
            values, layer = functional.relu(functional.conv2d(values, weight, bias, padding=1)), layer + 2
    return [*maps, values]


@pytest.mark.parametrize("name", ENCODER_NETWORKS)
def test_feature_maps_are_those_of_the_published_network(name, tmp_path):
    state = imagenet_like(name)
    network = build_network(name, inputs=3, outputs=2, size=64)
    load_encoder(network, read_encoder(saved(tmp_path, state, "w.safetensors"), name))
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        found = network.eval().encoder(images)
        expected = vgg_maps(images, state) if name == "vgg16_unet" else resnet_maps(images, state, RESNETS[name])
    assert [tuple(one.shape) for one in found] == [
        (2, width, 64 // stride, 64 // stride)
        for width, stride in zip(network.encoder.widths, network.encoder.strides, strict=True)
    ]
    for one, other in zip(found, expected, strict=True):
        assert torch.allclose(one, other, atol=1e-4)


def test_sizes_are_the_published_ones_without_the_classifier():
    # torchvision's tables: 138,357,544, 11,689,512 and 21,797,672 with their classifiers
    heads = {"vgg16_unet": 25088 * 4096 + 4096 + 4096 * 4096 + 4096 + 4096 * 1000 + 1000}
    totals = {"vgg16_unet": 138_357_544, "resnet18_unet": 11_689_512, "resnet34_unet": 21_797_672}
    for name, total in totals.items():
        count = sum(parameter.numel() for parameter in build_encoder(name, 3).parameters())
        assert count + heads.get(name, 512 * 1000 + 1000) == total


def test_a_single_pixel_passes_a_batch_norm_in_training():
    layer = BatchNorm(4).train()
    layer.running_mean.fill_(1.0)
    one = torch.full((1, 4, 1, 1), 3.0)
    assert torch.allclose(layer(one), torch.full((1, 4, 1, 1), 2.0 / math.sqrt(1 + 1e-5)))
    assert torch.equal(layer.running_mean, torch.ones(4))
    with torch.no_grad():
        several = layer(torch.tensor([1.0, 5.0]).reshape(2, 1, 1, 1).expand(2, 4, 1, 1))
    assert torch.allclose(several[:, 0, 0, 0], torch.tensor([-1.0, 1.0]), atol=1e-4)
    assert float(layer.running_mean[0]) == pytest.approx(0.9 * 1.0 + 0.1 * 3.0)


# ------------------------------------------------------------------------- files


def same(found, state) -> bool:
    wanted = [name for name in state if not name.startswith(("fc", "classifier")) and "num_batches" not in name]
    return sorted(found) == sorted(wanted) and all(torch.equal(found[name], state[name]) for name in wanted)


def test_a_state_dict_of_torchvision_is_read_from_both_kinds_of_file(tmp_path):
    state = imagenet_like(NAME)
    assert same(read_encoder(saved(tmp_path, state, "w.safetensors"), NAME), state)
    # what a training program wraps around is taken off
    wrapped = {"epoch": 3, "state_dict": {f"module.{key}": value for key, value in state.items()}}
    wrapped["state_dict"]["module.bn1.bias"] = state["bn1.bias"].half()
    found = read_encoder(saved(tmp_path, wrapped), NAME)
    assert {tensor.dtype for tensor in found.values()} == {torch.float32}
    assert same(found, state | {"bn1.bias": state["bn1.bias"].half().float()})


def test_weights_are_found_where_they_lie():
    inner = {
        "encoder.a.weight": torch.eye(3)[1],
        "encoder.b": torch.ones(2, dtype=torch.float64),
        "head": torch.ones(1),
    }
    for content in (inner, {"model": inner}, {"epoch": 1, "model": {"state_dict": inner}}):
        found = chosen_weights(content, ("a.weight", "b", "c"), torch.Tensor)
        assert {name: tensor.tolist() for name, tensor in found.items()} == {"a.weight": [0, 1, 0], "b": [1, 1]}
        # an array of its own, not a part of a larger one that would be written with it
        assert all(tensor.untyped_storage().nbytes() == 4 * tensor.numel() for tensor in found.values())
    for content in (None, [1, 2], {"model": 3}, {}, 7):
        with pytest.raises(ValueError):
            chosen_weights(content, ("a",), torch.Tensor)


def test_old_files_do_not_count_batches(tmp_path):
    state = imagenet_like(NAME)
    old = {f"encoder.{key}": value for key, value in state.items() if "num_batches" not in key}
    old["decoder.conv1.weight"] = torch.zeros(3)
    assert same(read_encoder(saved(tmp_path, old, "w.safetensors"), NAME), state)


def test_a_run_of_ours_serves_as_a_file(tmp_path):
    network = build_network(NAME, inputs=5, outputs=1, size=64)
    file = saved(tmp_path, dict(network.state_dict()), "model.safetensors")
    other = build_network(NAME, inputs=5, outputs=3, size=64)
    load_encoder(other, read_encoder(file, NAME))
    assert torch.equal(other.encoder.conv1.weight, network.encoder.conv1.weight)


@pytest.mark.parametrize(("name", "inputs"), [(NAME, 1), (NAME, 5), ("vgg16_unet", 9)])
def test_a_grey_slice_gives_what_the_grey_picture_gave(name, inputs, tmp_path):
    state = imagenet_like(name)
    grey = torch.randn(1, 1, 32, 32)
    three, other = (build_network(name, inputs=count, outputs=1, size=32).eval() for count in (3, inputs))
    weights = read_encoder(saved(tmp_path, state, "w.safetensors"), name)
    for network in (three, other):
        load_encoder(network, weights)
    with torch.no_grad():
        expected, found = (n.encoder(grey.expand(1, k, 32, 32)) for n, k in ((three, 3), (other, inputs)))
    for one, another in zip(expected, found, strict=True):
        assert torch.allclose(one, another, atol=1e-3)


def test_what_is_missing_is_said_in_one_sentence(tmp_path):
    state = imagenet_like(NAME)
    cut = {key: value for key, value in state.items() if not key.startswith("layer4.1.conv2")}
    error = refused(saved(tmp_path, cut, "w.safetensors"))
    assert (error.code, error.fields["count"]) == ("encoder-lacks", 1)
    assert "layer4.1.conv2.weight" in sentence(error)
    other = refused(saved(tmp_path, imagenet_like("vgg16_unet")))
    assert other.code == "encoder-lacks"
    deeper = refused(saved(tmp_path, state, "w.safetensors"), "resnet34_unet")
    assert deeper.code == "encoder-lacks"
    # in the words of the window's list
    assert "U-Net on ResNet-34" in sentence(deeper)


def test_another_shape_and_what_is_no_number_are_refused(tmp_path):
    state = imagenet_like(NAME)
    thin = state | {"layer2.0.conv1.weight": torch.zeros(128, 64, 1, 1)}
    error = refused(saved(tmp_path, thin, "w.safetensors"))
    assert (error.code, error.fields["weight"]) == ("encoder-shape", "layer2.0.conv1.weight")
    flat = refused(saved(tmp_path, state | {"conv1.weight": torch.zeros(64)}, "w.safetensors"))
    assert flat.code == "encoder-shape"
    state["bn1.running_var"][3] = math.nan
    assert refused(saved(tmp_path, state, "w.safetensors")).code == "encoder-not-finite"


def test_files_that_are_none(tmp_path):
    for name, content, code in (
        ("absent.pth", None, "encoder-file-unread"),
        ("notes.txt", b"weights", "encoder-file-kind"),
        ("broken.safetensors", b"\xff" * 100, "encoder-file-damaged"),
        ("empty.pth", b"", "encoder-file-damaged"),
    ):
        file = tmp_path / name
        if content is not None:
            file.write_bytes(content)
        assert refused(file).code == code
    whole = saved(tmp_path, imagenet_like(NAME)).read_bytes()
    cut = tmp_path / "cut.pth"
    cut.write_bytes(whole[: len(whole) // 2])
    assert refused(cut).code == "encoder-file-damaged"


class Malicious:
    """Unpickled, it makes a file: what it could do instead is anything."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return (os.system, (f'"{sys.executable}" -c "open({str(self.mark)!r}, \'w\')"',))


def test_a_pickle_that_would_run_something_runs_nothing(tmp_path):
    mark = tmp_path / "it-ran"
    hidden = saved(tmp_path, imagenet_like(NAME) | {"extra": Malicious(mark)}, "hidden.pth")
    bare = tmp_path / "bare.pt"
    bare.write_bytes(pickle.dumps(Malicious(mark)))
    for file in (hidden, bare):
        assert refused(file).code == "encoder-file-code"
        assert not mark.exists()
    # the pickle is a real one: whoever loads it as Python does is its victim
    pickle.loads(bare.read_bytes())
    assert mark.exists()


def test_a_file_that_asks_for_too_much_memory_is_refused(tmp_path):
    # 4 bytes on disk that say they are 400 GB
    bloated = imagenet_like(NAME) | {"layer1.0.conv1.weight": torch.zeros(1).expand(10**11)}
    assert refused(saved(tmp_path, bloated)).code == "encoder-file-large"


def test_a_file_that_takes_too_long_is_refused_and_its_process_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(pretrained, "PATIENCE", 0.0)
    monkeypatch.setattr(pretrained, "SECONDS_PER_BYTE", 0.0)
    assert refused(saved(tmp_path, imagenet_like("vgg16_unet"))).code == "encoder-file-slow"


def test_networks_without_such_an_encoder_say_so(tmp_path):
    file = saved(tmp_path, imagenet_like(NAME), "w.safetensors")
    with pytest.raises(LearningError, match="encoder-none"):
        read_encoder(file, "unet")
    with pytest.raises(LearningError, match="encoder-none"):
        load_encoder(build_network("unet_light", inputs=1, outputs=1, size=32), {})
    with pytest.raises(LearningError, match="setting-bad"):
        TrainingConfig(labels=("A",), network="unet", encoder_weights="w.pth").validate()
    TrainingConfig(labels=("A",), network=NAME, encoder_weights="w.pth").validate()


def test_the_front_of_names_is_found_by_most_names():
    wanted = ("conv1.weight", "bn1.weight")
    assert names_for(["a.conv1.weight", "a.bn1.weight", "b.conv1.weight"], wanted) == {
        "conv1.weight": "a.conv1.weight",
        "bn1.weight": "a.bn1.weight",
    }
    # part of a longer word is no front
    assert names_for(["myconv1.weight"], wanted) == {}
    assert names_for([], wanted) == {}
    with pytest.raises(ValueError):
        names_for([str(number) for number in range(30_000)], wanted)

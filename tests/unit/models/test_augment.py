import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from core.errors import LearningError
from core.learning.config import AUGMENTATIONS, TrainingConfig
from models import augment_shade as shade
from models.augment import PRESETS, Augment
from models.augment_draws import NEVER, Chance, Draws
from models.augment_space import mirrored, moved

UNKNOWN = 255
ALWAYS = 1.0
SHADES = {
    "noise": (0.0, 0.1),
    "blur": (0.3, 1.5),
    "sharpen": (0.1, 1.0),
    "brightness": (0.75, 1.25),
    "offset": (-0.9, 0.9),
    "contrast": (0.5, 2.0),
    "coarse": (0.25, 0.9),
    "gamma": (0.6, 0.9),
    "gamma_inverted": (1.2, 2.0),
    "bias": (-0.6, -0.3),
    "gamma_local": (1.5, 2.0),
}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(count: int = 4, channels: int = 3, size: int = 24, seed: int = 0) -> torch.Tensor:
    """Smooth pictures with air around them: mean about 0, deviation about 1."""
    random = np.random.default_rng(seed)
    fields = ndimage.gaussian_filter(random.normal(size=(count, channels, size, size)), (0, 0, 2, 2))
    fields = (fields - fields.mean()) / fields.std()
    fields[:, :, :3] = fields[:, :, -3:] = fields.min()
    return torch.from_numpy(fields.astype(np.float32))


def apply(name: str, images: torch.Tensor, low: float, high: float, part: float = ALWAYS, seed: int = 1):
    varied = images.clone()
    getattr(shade, name)(varied, Chance(part, low, high), Draws(len(images), seeded(seed)))
    return varied


@pytest.mark.parametrize("kind", [kind for kind in AUGMENTATIONS if kind != "none"])
def test_half_of_the_slices_are_mirrored_or_none(kind):
    """A bright half stays where it is, or changes sides; turns, shifts and shades do not take it across."""
    images = torch.full((400, 1, 32, 32), -1.0)
    images[..., 2:-2, 2:14] = 1.0
    masks = (images > 0).to(torch.uint8)

    def turned(**more) -> float:
        _, after = Augment(kind, **more)(images, masks, seeded(3))
        there = (after == 1).float()
        return float((there[..., 16:].sum(dim=(1, 2, 3)) > there[..., :16].sum(dim=(1, 2, 3))).float().mean())

    assert 0.4 < turned() < 0.6
    assert turned(mirror=False) == 0.0


@pytest.mark.parametrize("kind", [kind for kind in AUGMENTATIONS if kind != "none"])
def test_a_preset_follows_from_the_generator_alone_and_leaves_what_it_was_given(kind):
    images, masks = pictures(16), (pictures(16, 2, seed=1) > 0.5).to(torch.uint8)
    masks[:8, 1, 5:9] = UNKNOWN
    kept = images.clone(), masks.clone()
    one, two, other = (Augment(kind)(images, masks, seeded(seed)) for seed in (5, 5, 6))
    assert torch.equal(one[0], two[0])
    assert torch.equal(one[1], two[1])
    assert not torch.equal(one[0], other[0])
    assert torch.equal(images, kept[0])
    assert torch.equal(masks, kept[1])
    assert one[0].shape == images.shape
    assert one[0].dtype == torch.float32
    assert torch.isfinite(one[0]).all()
    assert one[1].dtype == torch.uint8
    assert set(one[1].unique().tolist()) == {0, 1, UNKNOWN}


@pytest.mark.parametrize("kind", [kind for kind in AUGMENTATIONS if kind != "none"])
def test_the_mask_moves_with_the_image(kind):
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    disc = (((y - 28) ** 2 + (x - 38) ** 2) < 100).float()
    images, masks = disc.expand(48, 1, 64, 64) * 2 - 1, disc.expand(48, 1, 64, 64).to(torch.uint8)
    varied, after = Augment(kind)(images, masks, seeded(5))
    assert not torch.equal(after, masks)
    for picture, mask in zip(varied[:, 0], after[:, 0], strict=True):
        # the disc was bright: wherever it went, it is still brighter than what lies around it
        shown = (mask == 1).numpy()
        around = torch.from_numpy(ndimage.binary_dilation(shown, iterations=4)) & (mask == 0)
        assert picture[mask == 1].median() > picture[around].median() + 0.3


def test_no_augmentation_is_none():
    images, masks = torch.randn(2, 1, 8, 8), torch.zeros(2, 1, 8, 8, dtype=torch.uint8)
    same = Augment("none")(images, masks, seeded())
    assert same[0] is images
    assert same[1] is masks


def test_every_preset_is_on_offer_and_others_are_refused():
    assert set(PRESETS) == set(AUGMENTATIONS)
    with pytest.raises(LearningError, match="setting-bad"):
        Augment("standard")


def test_a_file_of_an_older_version_is_read():
    assert TrainingConfig.from_json({"labels": ["Tumour"], "augment": "standard"}).augment == "segment"


def test_for_yes_or_no_nothing_is_hidden():
    preset = PRESETS["classify"]
    assert preset.blank is preset.blur is preset.coarse is preset.gamma_local is NEVER
    # the rim of a head that fills nine tenths of the slice stays within a pixel or two of it
    assert preset.scale.high * 0.9 / 2 <= 0.5


# ------------------------------------------------------------------- space


def test_mirroring_is_exact_and_only_of_those_chosen():
    images, masks = pictures(3), (pictures(3, 1) > 0).to(torch.uint8)
    seen, marked = mirrored(images.clone(), masks.clone(), torch.tensor([1]))
    assert torch.equal(seen[1], images[1].flip(-1))
    assert torch.equal(marked[1], masks[1].flip(-1))
    assert torch.equal(seen[[0, 2]], images[[0, 2]])
    assert torch.equal(marked[[0, 2]], masks[[0, 2]])


def move(images, masks, *, angle=0.0, scale=1.0, down=0.0, across=0.0):
    values = {"angle": angle, "scale": scale, "down": down, "across": across}
    every = {name: torch.full((len(images),), float(value)) for name, value in values.items()}
    return moved(images.clone(), masks.clone(), **every)


def test_what_does_not_move_is_not_touched():
    images, masks = pictures(2), (pictures(2, 1) > 0).to(torch.uint8)
    seen, marked = move(images, masks)
    assert torch.equal(seen, images)
    assert torch.equal(marked, masks)


def test_down_is_down_and_larger_is_larger():
    mask = torch.zeros(1, 1, 40, 40, dtype=torch.uint8)
    mask[0, 0, 12:18, 20:26] = 1
    image = mask.float()
    assert torch.equal(move(image, mask, down=0.1, across=-0.2)[1], mask.roll((4, -8), dims=(2, 3)))
    assert int(move(image, mask, scale=1.5)[1].sum()) == 9 * 9
    assert int(move(image, mask, angle=90)[1].sum()) == 36


def sources(size: int, angle: float, scale: float, down: float, across: float) -> np.ndarray:
    """Where each pixel comes from, in pixels ``[2, size, size]`` (row, column), written out in numpy."""
    row, column = np.mgrid[:size, :size].astype(np.float64)
    middle = (size - 1) / 2
    y, x = row - middle - down * size, column - middle - across * size
    turn = math.radians(angle)
    from_x = (math.cos(turn) * x - math.sin(turn) * y) / scale
    from_y = (math.sin(turn) * x + math.cos(turn) * y) / scale
    return np.stack([from_y + middle, from_x + middle])


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**31 - 1),
    angle=st.floats(-45, 45),
    scale=st.floats(0.6, 1.6),
    down=st.floats(-0.2, 0.2),
    across=st.floats(-0.2, 0.2),
)
def test_moving_agrees_with_scipy_and_unknown_never_becomes_known(seed, angle, scale, down, across):
    assume(max(abs(angle), abs(scale - 1), abs(down), abs(across)) > 1e-3)
    random = np.random.default_rng(seed)
    size = 20
    image = random.normal(size=(size, size)).astype(np.float32)
    mask = random.choice([0, 1, UNKNOWN], size=(size, size), p=[0.4, 0.3, 0.3]).astype(np.uint8)
    seen, marked = move(
        torch.from_numpy(image)[None, None],
        torch.from_numpy(mask)[None, None],
        angle=angle, scale=scale, down=down, across=across,
    )  # fmt: skip
    seen, marked = seen[0, 0].numpy(), marked[0, 0].numpy()
    places = sources(size, angle, scale, down, across)

    def sampled(plane: np.ndarray, **how) -> np.ndarray:
        return ndimage.map_coordinates(plane.astype(np.float64), places, mode="grid-constant", **how)

    expected = sampled(image - image.min(), order=1) + image.min()
    assert np.allclose(seen, expected, atol=1e-3)
    # which pixel is the nearest is a matter of rounding where two are as near
    near = np.abs(places - np.floor(places) - 0.5).min(axis=0) > 1e-4
    row, column = np.rint(places).astype(int)
    inside = (row >= 0) & (row < size) & (column >= 0) & (column < size)
    origin = np.zeros((size, size), dtype=np.uint8)
    origin[inside] = mask[row[inside], column[inside]]
    assert np.array_equal((marked == UNKNOWN)[near], (origin == UNKNOWN)[near])
    assert not marked[near & ~inside].any()
    # among what is known, the label is where at least half of the known is
    shown, known = sampled(mask == 1, order=1), 1 - sampled(mask == UNKNOWN, order=1)
    clear = near & (np.abs(shown - known / 2) > 1e-4) & (marked != UNKNOWN)
    assert np.array_equal((marked == 1)[clear], (shown > known / 2)[clear])


def test_outside_there_is_air_and_that_is_known():
    image, mask = pictures(1, 2, 32) + 3, torch.full((1, 1, 32, 32), UNKNOWN, dtype=torch.uint8)
    seen, marked = move(image, mask, down=0.5)
    for channel in range(2):
        assert torch.equal(seen[0, channel, :15], torch.full((15, 32), float(image[0, channel].min())))
    assert int(marked[0, 0, :16].max()) == 0
    assert int(marked[0, 0, 16:].min()) == UNKNOWN


# ------------------------------------------------------------------ shades


@pytest.mark.parametrize("name", SHADES)
def test_a_variation_befalls_its_part_of_the_slices_and_leaves_the_others(name):
    images = pictures(1, 1, 16).expand(2000, 1, 16, 16)
    varied = apply(name, images, *SHADES[name], part=0.2)
    changed = (varied != images).flatten(1).any(dim=1)
    # five deviations of the binomial distribution
    assert abs(int(changed.sum()) - 400) < 5 * math.sqrt(2000 * 0.2 * 0.8)
    assert torch.isfinite(varied).all()
    assert torch.equal(varied, apply(name, images, *SHADES[name], part=0.2))


@pytest.mark.parametrize("name", SHADES)
@pytest.mark.parametrize("value", [0.0, -3.0])
def test_an_even_slice_does_no_harm(name, value):
    varied = apply(name, torch.full((3, 2, 16, 16), value), *SHADES[name])
    assert torch.isfinite(varied).all()
    assert float((varied - value).abs().max()) < 3.0


@pytest.mark.parametrize("name", [name for name in SHADES if name not in ("noise", "contrast")])
def test_channels_are_varied_alike(name):
    one = pictures(3, 1)
    varied = apply(name, one.expand(3, 3, 24, 24).contiguous(), *SHADES[name])
    assert torch.allclose(varied[:, 0], varied[:, 1])
    assert torch.allclose(varied[:, 0], varied[:, 2])


def test_noise_has_its_variance():
    added = apply("noise", torch.zeros(8, 3, 64, 64), 0.09, 0.09)
    assert float(added.var()) == pytest.approx(0.09, rel=0.03)
    assert float(added.mean()) == pytest.approx(0.0, abs=0.01)


def test_blur_and_sharpen_agree_with_scipy():
    images = pictures(2, 3, 24)
    for deviation in (0.5, 1.0):
        places = np.arange(-3, 4)
        taps = np.exp(-0.5 * (places / deviation) ** 2)
        taps /= taps.sum()
        expected = images.numpy().astype(np.float64)
        for axis in (2, 3):
            expected = ndimage.correlate1d(expected, taps, axis=axis, mode="nearest")
        # a reach of three deviations of the widest blur, here 1
        varied = images.clone()
        index = Draws(2, seeded())
        chance = Chance(ALWAYS, deviation, deviation)
        shade._some(varied, chance, index, lambda slices, value: shade._blurred(slices, value, 1.0))
        assert np.allclose(varied.numpy(), expected, atol=1e-5)
        if deviation == 1.0:
            sharp = apply("sharpen", images, 0.5, 0.5).numpy()
            assert np.allclose(sharp, images.numpy() + 0.5 * (images.numpy() - expected), atol=1e-5)


def test_contrast_keeps_the_range_and_gamma_mean_and_deviation():
    images = pictures(4, 1)
    spread = apply("contrast", images, 2.0, 2.0)
    assert torch.equal(spread.amin(dim=(2, 3)), images.amin(dim=(2, 3)))
    assert torch.equal(spread.amax(dim=(2, 3)), images.amax(dim=(2, 3)))
    assert float(spread.std()) > float(images.std())
    for name in ("gamma", "gamma_inverted"):
        varied = apply(name, images, 0.6, 0.6)
        assert torch.allclose(varied.mean(dim=(1, 2, 3)), images.mean(dim=(1, 2, 3)), atol=1e-4)
        assert torch.allclose(varied.std(dim=(1, 2, 3)), images.std(dim=(1, 2, 3)), rtol=1e-4)
        # order stays: what was brighter is brighter
        rank = torch.argsort(images[0].flatten())
        assert (varied[0].flatten()[rank].diff() >= -1e-5).all()


def test_gamma_brightens_the_middle_and_inverted_gamma_darkens_it():
    ramp = torch.linspace(0, 1, 256).reshape(1, 1, 16, 16)
    unit = 0.5**0.5
    plain, inverted = (apply(name, ramp, 0.5, 0.5).flatten() for name in ("gamma", "gamma_inverted"))

    def middle(values: torch.Tensor) -> float:
        return float((values[127:129].mean() - values[0]) / (values[-1] - values[0]))

    assert middle(plain) == pytest.approx(unit, abs=0.01)
    assert middle(inverted) == pytest.approx(1 - unit, abs=0.01)


@pytest.mark.parametrize("name", ["bias", "gamma_local"])
def test_air_stays_air_under_a_field(name):
    images = pictures(8, 1) + 1.5
    low = images.amin(dim=(1, 2, 3), keepdim=True)
    air = images == low
    varied = apply(name, images, 1.8, 2.0) if name == "gamma_local" else apply(name, images, 0.6, 0.6)
    assert torch.allclose(varied[air], low.expand_as(images)[air], atol=1e-5)
    assert not torch.allclose(varied, images, atol=0.05)
    if name == "bias":
        unit, before = varied - low, images - low
        inside = before > 0.5
        gain = unit[inside] / before[inside]
        assert float(gain.min()) >= 1.0 - 1e-4
        assert float(gain.max()) <= math.exp(0.6) + 1e-4


def test_blanks_are_rectangles_of_the_mean_where_nothing_is_known():
    images, masks = pictures(40, 2, 48), (pictures(40, 1, 48, seed=3) > 0).to(torch.uint8)
    varied, marked = images.clone(), masks.clone()
    shade.blank(varied, marked, Chance(0.5, 0.25, 0.25), Draws(40, seeded()))
    counts = []
    for before, after, mask, truth in zip(images, varied, marked[:, 0], masks[:, 0], strict=True):
        wiped = mask == UNKNOWN
        assert torch.equal(mask[~wiped], truth[~wiped])
        assert torch.equal(after[:, ~wiped], before[:, ~wiped])
        for channel in range(2):
            expected = before[channel].mean().expand(int(wiped.sum()))
            assert torch.allclose(after[channel][wiped], expected, atol=1e-5)
        counts.append(int(wiped.sum()))
    hit = [count for count in counts if count]
    assert abs(len(hit) - 20) < 5 * math.sqrt(40 * 0.25)
    # one to three squares of 12 x 12, which may lie on one another
    assert min(hit) == 12 * 12
    assert 12 * 12 * 2 < max(hit) <= 3 * 12 * 12


def test_coarse_is_nearest_down_and_linear_up():
    steps = torch.arange(16.0).repeat_interleave(2).expand(1, 1, 32, 32).contiguous()
    half = apply("coarse", steps, 0.5, 0.5)
    # pairs of columns become one, and between their middles the way up is linear
    inner = half[0, 0, 0, 1:-1]
    assert torch.allclose(inner.diff(), torch.full((29,), 0.5), atol=1e-5)
    assert float(half.min()) == 0.0
    assert float(half.max()) == 15.0


@pytest.mark.parametrize("kind", [kind for kind in AUGMENTATIONS if kind != "none"])
def test_nothing_waits_for_the_device_or_mixes_it_with_the_cpu(kind):
    # a meta tensor has no values: reading one back, or meeting one of the CPU's, is an error
    images = torch.empty(16, 3, 32, 32, device="meta")
    masks = torch.empty(16, 2, 32, 32, dtype=torch.uint8, device="meta")
    for seed in range(5):
        varied, marked = Augment(kind)(images, masks, seeded(seed))
        assert varied.device.type == marked.device.type == "meta"
        assert varied.shape == images.shape
        assert marked.dtype == torch.uint8

"""Transforms of images and tensors, against NumPy and PyTorch's operators."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import flambeau as fl  # noqa: E402
from flambeau.vision import ArrayImage, transforms  # noqa: E402
from flambeau.vision.transforms import functional as F  # noqa: E402

RNG = np.random.default_rng(0)
GRAY = RNG.integers(0, 256, (5, 7), dtype=np.uint8)
RGB = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)


def chw(array: np.ndarray) -> np.ndarray:
    return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)


@pytest.mark.parametrize("array", [GRAY, RGB])
def test_to_tensor_has_the_bits_of_torch(array):
    expected = torch.from_numpy(chw(array).copy()).to(torch.float32).div(255).numpy()
    for pic in (ArrayImage(array), array):
        tensor = transforms.ToTensor()(pic)
        assert tensor.dtype == fl.float32 and tensor.is_contiguous()
        assert tensor.numpy().tobytes() == np.ascontiguousarray(expected).tobytes()
    np.testing.assert_array_equal(transforms.PILToTensor()(ArrayImage(array)).numpy(), chw(array))


def test_to_tensor_of_other_dtypes_keeps_them():
    assert F.to_tensor(np.ones((2, 3))).dtype == fl.float64
    with pytest.raises(TypeError, match="should be PIL Image or ndarray"):
        F.to_tensor([1, 2])
    with pytest.raises(ValueError, match="2/3 dimensional"):
        F.to_tensor(np.ones(3))


def test_to_tensor_does_not_share_memory_with_its_input():
    array = np.ones((2, 2), np.float32)
    tensor = F.to_tensor(array)
    array[:] = 5
    assert tensor.max().item() == 1


def test_normalize_has_the_bits_of_torch():
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    image = chw(RGB).astype(np.float32) / np.float32(255)
    expected = (
        torch.from_numpy(image.copy())
        .sub_(torch.tensor(mean).view(-1, 1, 1))
        .div_(torch.tensor(std).view(-1, 1, 1))
    )
    tensor = fl.tensor(image)
    assert transforms.Normalize(mean, std)(tensor).numpy().tobytes() == expected.numpy().tobytes()
    np.testing.assert_array_equal(tensor.numpy(), image)
    assert transforms.Normalize(mean, std, inplace=True)(tensor) is tensor


def test_normalize_refuses():
    normalize = transforms.Normalize((0.5,), (0.5,))
    with pytest.raises(TypeError, match="should be Tensor Image"):
        normalize(GRAY)
    with pytest.raises(TypeError, match="float tensor"):
        normalize(fl.zeros(1, 2, 2, dtype=fl.uint8))
    with pytest.raises(ValueError, match="expected|Expected"):
        normalize(fl.zeros(2, 2))
    with pytest.raises(ValueError, match="division by zero"):
        transforms.Normalize((0.5,), (0.0,))(fl.zeros(1, 2, 2))


@pytest.mark.parametrize("array", [GRAY, RGB])
def test_to_pil_image_and_back(array):
    again = transforms.ToPILImage()(transforms.ToTensor()(ArrayImage(array)))
    assert np.abs(np.asarray(again).astype(int) - array).max() <= 1
    np.testing.assert_array_equal(np.asarray(F.to_pil_image(array)), array)


def test_convert_image_dtype():
    image = fl.tensor([0, 128, 255], dtype=fl.uint8)
    np.testing.assert_allclose(F.convert_image_dtype(image).numpy(), [0, 128 / 255, 1], rtol=1e-6)
    back = F.convert_image_dtype(fl.tensor([0.0, 0.5, 1.0]), fl.uint8)
    assert back.tolist() == [0, 127, 255]
    with pytest.raises(NotImplementedError):
        F.convert_image_dtype(image, fl.int16)


# Everything that moves pixels does the same to images and to tensors.

MOVES = {
    "hflip": (F.hflip, lambda a: a[:, ::-1]),
    "vflip": (F.vflip, lambda a: a[::-1]),
    "crop": (lambda img: F.crop(img, 1, 2, 3, 4), lambda a: a[1:4, 2:6]),
    "crop outside": (
        lambda img: F.crop(img, -1, 4, 4, 5),
        lambda a: np.pad(a[:3, 4:], [(1, 0), (0, 2), (0, 0)][: a.ndim]),
    ),
    "center_crop": (lambda img: F.center_crop(img, 3), lambda a: a[1:4, 2:5]),
    "center_crop of a small image": (
        lambda img: F.center_crop(img, (8, 4)),
        lambda a: np.pad(a, [(1, 2), (0, 0), (0, 0)][: a.ndim])[:, 2:6],
    ),
    "pad": (lambda img: F.pad(img, [1, 2], fill=3), None),
    "pad each side": (lambda img: F.pad(img, [1, 2, 3, 4]), None),
}


@pytest.mark.parametrize("array", [GRAY, RGB])
@pytest.mark.parametrize("name", MOVES)
def test_moves_of_pixels(name, array):
    function, expected = MOVES[name]
    image = np.asarray(function(ArrayImage(array)))
    tensor = function(fl.tensor(chw(array).copy())).numpy()
    np.testing.assert_array_equal(chw(image), tensor)
    if expected is not None:
        np.testing.assert_array_equal(image, expected(array))


@pytest.mark.parametrize("mode", ["edge", "reflect", "symmetric"])
def test_padding_modes_of_images(mode):
    padded = np.asarray(F.pad(ArrayImage(GRAY), 2, padding_mode=mode))
    np.testing.assert_array_equal(padded, np.pad(GRAY, 2, mode=mode))
    with pytest.raises(NotImplementedError, match="padding_mode"):
        F.pad(fl.zeros(1, 4, 4), 1, padding_mode=mode)


def test_padding_refuses():
    with pytest.raises(ValueError, match="Padding mode"):
        F.pad(ArrayImage(GRAY), 1, padding_mode="other")
    with pytest.raises(ValueError, match="1, 2, or 4 element tuple"):
        F.pad(ArrayImage(GRAY), [1, 2, 3])
    with pytest.raises(TypeError):
        F.pad("image", 1)


def test_grayscale():
    luma = RGB @ np.array([0.299, 0.587, 0.114])
    gray = np.asarray(transforms.Grayscale()(ArrayImage(RGB)))
    assert gray.shape == (5, 7) and np.abs(gray - luma).max() <= 0.51
    tensor = transforms.Grayscale(3)(fl.tensor(chw(RGB).copy()))
    assert tensor.shape == (3, 5, 7) and np.abs(tensor[0].numpy() - luma).max() <= 1.1
    with pytest.raises(ValueError, match="either 1 or 3"):
        F.rgb_to_grayscale(ArrayImage(RGB), 2)


def test_dimensions():
    assert F.get_dimensions(ArrayImage(RGB)) == [3, 5, 7]
    assert F.get_dimensions(fl.zeros(2, 4, 5, 7)) == [4, 5, 7]
    assert F.get_image_size(ArrayImage(GRAY)) == [7, 5]
    assert F.get_image_num_channels(ArrayImage(GRAY)) == 1


# Random transforms draw as torchvision does.


def test_random_crop_draws_top_then_left():
    torch.manual_seed(3)
    top, left = (torch.randint(0, n, size=(1,)).item() for n in (5 + 4 - 4 + 1, 7 + 4 - 4 + 1))
    fl.manual_seed(3)
    cropped = transforms.RandomCrop(4, padding=2)(ArrayImage(GRAY))
    np.testing.assert_array_equal(np.asarray(cropped), np.pad(GRAY, 2)[top : top + 4, left : left + 4])


def test_random_crop_sizes():
    image = ArrayImage(GRAY)
    fl.manual_seed(0)
    before = fl.get_rng_state()
    assert np.asarray(transforms.RandomCrop((5, 7))(image)).shape == (5, 7)
    assert fl.get_rng_state().tolist() == before.tolist()
    assert transforms.RandomCrop(9, pad_if_needed=True)(image).size == (9, 9)
    with pytest.raises(ValueError, match="larger than input image size"):
        transforms.RandomCrop(6)(image)


@pytest.mark.parametrize("cls", [transforms.RandomHorizontalFlip, transforms.RandomVerticalFlip])
def test_random_flips(cls):
    flipped = np.asarray(cls(p=1.0)(ArrayImage(GRAY)))
    axis = 1 if cls is transforms.RandomHorizontalFlip else 0
    np.testing.assert_array_equal(flipped, np.flip(GRAY, axis))
    torch.manual_seed(1)
    expected = [bool(torch.rand(1) < 0.5) for _ in range(8)]
    fl.manual_seed(1)
    assert [cls()(ArrayImage(GRAY)) != ArrayImage(GRAY) for _ in range(8)] == expected


def test_compose_lambda_apply_and_texts():
    add = transforms.Lambda(lambda x: x + 1)
    steps = transforms.Compose([add, transforms.RandomApply([add], p=1.0), add])
    assert steps(0) == 3
    assert transforms.RandomApply([add], p=0.0)(0) == 0
    assert repr(transforms.Compose([transforms.ToTensor(), transforms.CenterCrop(3)])) == (
        "Compose(\n    ToTensor()\n    CenterCrop(size=(3, 3))\n)"
    )
    with pytest.raises(TypeError, match="callable"):
        transforms.Lambda(3)


def test_array_image():
    image = ArrayImage(RGB)
    assert (image.size, image.mode, image.getbands()) == ((7, 5), "RGB", ("R", "G", "B"))
    assert image == image.copy() and np.asarray(image) is RGB
    assert np.array(image, dtype=float).dtype == float
    with pytest.raises(ValueError, match="expected a uint8 array"):
        ArrayImage(np.zeros((2, 2)))

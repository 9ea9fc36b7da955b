"""What networks see of an image, against NumPy."""

from __future__ import annotations

import numpy as np
import torch

from models.small_images.preparation import MeanStd, Whitening


def photographs(count: int, side: int) -> torch.Tensor:
    """(N, 3, side, side) 0 to 1, with neighbours that resemble each other."""
    rng = np.random.default_rng(0)
    values = rng.random((count, 3, side, side)).cumsum(axis=2).cumsum(axis=3)
    return torch.from_numpy(values / values.max()).to(torch.float32)


class TestMeanStd:
    def test_channels_are_centred_and_scaled(self) -> None:
        """Of the images that it was fitted to each channel has mean 0 and deviation 1; others have what they have."""
        images = photographs(50, 8)
        preparation = MeanStd()
        preparation.fit(images)
        values, found = images.numpy(), preparation(images).numpy()

        np.testing.assert_allclose(found.mean(axis=(0, 2, 3)), 0, atol=1e-5)
        np.testing.assert_allclose(found.std(axis=(0, 2, 3)), 1, atol=1e-5)
        expected = (1 - values[:, 1].mean()) / values[:, 1].std()
        found = preparation(torch.ones(1, 3, 8, 8))
        np.testing.assert_allclose(found[0, 1].numpy(), expected, rtol=1e-4)


class TestWhitening:
    def test_is_zca_of_normalised_images(self) -> None:
        """Images of norm 55 times the root of the inverse of their covariance plus 0.1, as NumPy finds it."""
        images = photographs(200, 4)
        preparation = Whitening(side_px=4)
        preparation.fit(images)

        rows = images.numpy().reshape(200, -1).astype(np.float64)
        rows -= rows.mean(axis=1, keepdims=True)
        rows *= 55 / np.sqrt((rows**2).sum(axis=1, keepdims=True))
        centred = rows - rows.mean(axis=0)
        covariance = np.cov(centred.T, bias=True)
        left, values, right = np.linalg.svd(np.linalg.inv(covariance + 0.1 * np.eye(48)))
        expected = centred @ (left * np.sqrt(values) @ right)
        np.testing.assert_allclose(
            preparation(images).numpy().reshape(200, -1), expected, atol=2e-3, rtol=1e-3
        )

    def test_brightness_and_contrast_do_not_matter(self) -> None:
        """An image that is half as bright and a little lighter is the same to the network; a flat one is the mean's."""
        images = photographs(60, 4)
        preparation = Whitening(side_px=4)
        preparation.fit(images)

        torch.testing.assert_close(
            preparation(0.5 * images + 0.2), preparation(images), atol=1e-2, rtol=1e-3
        )
        flat = preparation(torch.full((1, 3, 4, 4), 0.3))
        torch.testing.assert_close(flat.flatten(), -preparation.mean @ preparation.matrix)

    def test_their_state_travels(self) -> None:
        """A preparation that was fitted and one that loads its state see the same."""
        images = photographs(20, 8)
        for make in (MeanStd, lambda: Whitening(side_px=8)):
            fitted, loaded = make(), make()
            fitted.fit(images)
            loaded.load_state_dict(fitted.state_dict())
            assert torch.equal(loaded(images), fitted(images))

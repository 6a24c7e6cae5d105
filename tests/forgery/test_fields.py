"""Random fields."""

import numpy as np
import pytest

from pipeline.forgery.fields import cells, coordinates, fractal, placed, scatter, smoothstep, window_of


def test_fractal_noise_is_standardised_and_the_same_for_the_same_seed():
    first, second = (fractal(np.random.default_rng(4), (45, 61), 2.0) for _ in range(2))
    assert np.array_equal(first, second)
    assert first.shape == (45, 61)
    assert first.dtype == np.float32
    assert first.mean() == pytest.approx(0, abs=1e-3)
    assert first.std() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("slope", [1.0, 2.0, 3.0])
def test_fractal_power_falls_with_frequency_by_the_slope_asked_for(slope):
    side = 256
    noise = fractal(np.random.default_rng(0), (side, side), slope, wraps=True)
    power = np.abs(np.fft.fft2(noise)) ** 2
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side)))
    bands = [(0.04, 0.05), (0.32, 0.40)]
    low, high = (np.log(power[(frequency >= a) & (frequency < b)].mean()) for a, b in bands)
    measured = (low - high) / np.log(0.36 / 0.045)
    assert measured == pytest.approx(slope, abs=0.25)


def test_wrapping_noise_has_no_seam():
    noise = fractal(np.random.default_rng(1), (128, 128), 3.0, wraps=True)
    assert np.abs(noise[0] - noise[-1]).mean() < 2 * np.abs(np.diff(noise, axis=0)).mean()


def test_cells_give_the_distances_to_the_two_nearest_of_all_centres():
    rows, columns = ((place + 0.5) / 8 for place in coordinates((40, 40)))
    near, second, value = cells(np.random.default_rng(2), rows, columns, jitter=0.0)
    to_centre = np.hypot(rows % 1 - 0.5, columns % 1 - 0.5)
    assert near == pytest.approx(to_centre, abs=1e-5)
    assert (near <= second).all()
    assert len(np.unique(value)) == 25  # one a cell


def test_scatter_gives_a_cell_the_same_number_wherever_it_is_looked_up():
    row, column = np.array([[3.0, 3.0, 4.0]]), np.array([[5.0, 5.0, 5.0]])
    number = scatter(np.random.default_rng(0), row, column)
    assert number[0, 0] == number[0, 1] != number[0, 2]


def test_smoothstep_may_fall_as_well_as_rise():
    assert smoothstep(0.0, 1.0, np.array([-1.0, 0.5, 2.0])).tolist() == [0, 0.5, 1]
    assert smoothstep(1.0, 0.0, np.array([-1.0, 0.5, 2.0])).tolist() == [1, 0.5, 0]


@pytest.mark.parametrize("box", [(-9, -9, -5, -5), (3, 4, 5, 6), (90, 90, 99, 99), (-5, -5, 99, 99)])
def test_a_window_lies_in_the_picture_and_has_slopes(box):
    window = window_of((20, 30), *box)
    part = np.zeros((20, 30))[window]
    assert min(part.shape) >= 2
    whole = placed((20, 30), window, np.ones(part.shape, bool))
    assert whole.sum() == part.size

"""Skies: from a clear noon to dusk, with clouds that lie flatter towards the horizon."""

import cv2
import numpy as np

from pipeline.forgery.fields import Array, coordinates, fractal, smoothstep
from pipeline.forgery.scenes.scene import blend, srgb, tint

_TONES = (  # above, at the horizon, sunlit cloud, cloud from below
    ("#3f74b8", "#b9d3e8", "#ffffff", "#9fb0c4"),
    ("#5a86b4", "#dfe3e2", "#fffaf0", "#aab3bb"),
    ("#8f9aa6", "#cfd3d4", "#e9eaea", "#8d949b"),
    ("#3d4f7d", "#f0b47a", "#ffd9a8", "#75688a"),
    ("#27355c", "#d97c55", "#ffb27d", "#544b66"),
)


def draw_sky(rng: np.random.Generator, shape: tuple[int, int], horizon: float) -> Array:
    """Draw the sky down to row `horizon` (and what would be its colour below): (H, W, 3) linear."""
    height, width = shape
    rows, columns = coordinates(shape)
    above, low, bright, dark = (
        tint(rng, srgb(code), 0.05) for code in _TONES[int(rng.integers(len(_TONES)))]
    )
    elevation = np.clip((horizon - rows) / height, 0.0, 1.0)
    sky = low + (above - low) * smoothstep(0.0, 0.75, elevation)[..., None]
    sun = np.array([rng.uniform(-0.2, 1.2) * width, rng.uniform(-0.1, 0.8) * horizon])
    distance = np.hypot(columns - sun[0], rows - sun[1]) / height
    sky = sky + bright * (0.25 * np.exp(-3.0 * distance))[..., None]
    cloud = fractal(rng, (256, 256), 3.0, largest=90, wraps=True)
    cloud += 0.22 * fractal(rng, (256, 256), 1.8, largest=24, wraps=True)
    away = 1.0 / (elevation + 0.16)  # a flat layer: clouds lie closer together towards the horizon
    down, right = (70 * away) % 256, (128 + (columns / width - 0.5) * 55 * away) % 256
    puffs = cv2.remap(cloud, right.astype(np.float32), down, cv2.INTER_CUBIC, borderMode=cv2.BORDER_WRAP)
    cover = rng.uniform(-0.6, 1.3)
    alpha = smoothstep(cover, cover + rng.uniform(0.6, 1.5), puffs) * smoothstep(0.0, 0.12, elevation + 0.05)
    thick = smoothstep(cover + 0.4, cover + 2.4, puffs)
    return blend(sky, bright + (dark - bright) * (0.85 * thick)[..., None], 0.92 * alpha).astype(np.float32)

"""Cutting things out of a picture, turning and scaling them, and laying them into another."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

Array = np.ndarray

_LEAST_ALPHA = 0.02  # below it no 8-bit value changes by as much as a rounding error


@dataclass(frozen=True)
class Patch:
    """Something cut out.

    Attributes:
        pixels: (h, w, 3) float32, 0 to 255.
        alpha: (h, w) float32, 0 where nothing of it is, 1 inside.
    """

    pixels: Array
    alpha: Array


@dataclass(frozen=True)
class Forgery:
    """A picture after tampering.

    Attributes:
        pixels: (H, W, 3) uint8; outside `mask` bit for bit those of the host.
        mask: (H, W) bool, True where the host was painted over.
        resampled: whether what was laid in had been scaled or turned.
        recoloured: whether its colours had been fitted to the host.
        feathered: whether its edge is soft.
    """

    pixels: Array
    mask: Array
    resampled: bool = False
    recoloured: bool = False
    feathered: bool = False


def cut(picture: Array, outline: Array, feather: float) -> Patch:
    """Cut out what lies in `outline`.

    Args:
        picture: (H, W, 3) uint8.
        outline: (H, W) bool with at least one True.
        feather: deviation in pixels of the blur of its edge, towards the inside; 0 is a hard cut.
    """
    rows, columns = np.flatnonzero(outline.any(axis=1)), np.flatnonzero(outline.any(axis=0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    alpha = np.pad(outline[box], 1).astype(
        np.float32
    )  # a soft edge needs to know that there is nothing beyond
    if feather > 0:
        blurred = cv2.GaussianBlur(alpha, (0, 0), feather, borderType=cv2.BORDER_REPLICATE)
        alpha = np.clip(2 * blurred - 1, 0, 1) * alpha
    return Patch(picture[box].astype(np.float32), alpha[1:-1, 1:-1])


def turned(patch: Patch, angle: float, scale: float, mirrored: bool = False) -> Patch:
    """Rotate by `angle` degrees, scale by `scale` and maybe mirror, by cubic interpolation."""
    height, width = patch.alpha.shape
    radians = np.deg2rad(angle)
    cosine, sine = abs(np.cos(radians)), abs(np.sin(radians))
    tall = max(int(np.ceil(scale * (height * cosine + width * sine))), 1)
    wide = max(int(np.ceil(scale * (height * sine + width * cosine))), 1)
    move = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, scale)
    move[:, 2] += ((wide - width) / 2, (tall - height) / 2)
    pixels, alpha = patch.pixels, patch.alpha
    if mirrored:
        pixels, alpha = np.ascontiguousarray(pixels[:, ::-1]), np.ascontiguousarray(alpha[:, ::-1])
    pixels = cv2.warpAffine(
        pixels, move, (wide, tall), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    alpha = cv2.warpAffine(alpha, move, (wide, tall), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return Patch(np.clip(pixels, 0, 255), np.clip(alpha, 0, 1))


def paste(host: Array, patch: Patch, top: int, left: int) -> Forgery:
    """Lay a patch over a copy of `host` (H, W, 3) uint8, its upper left corner at (`top`, `left`).

    What hangs over the border is cut off.

    Raises:
        ValueError: nothing of the patch lies on the host.
    """
    height, width = host.shape[:2]
    tall, wide = patch.alpha.shape
    down, right = slice(max(top, 0), min(top + tall, height)), slice(max(left, 0), min(left + wide, width))
    inner = slice(down.start - top, down.stop - top), slice(right.start - left, right.stop - left)
    alpha = patch.alpha[inner] if down.start < down.stop and right.start < right.stop else np.zeros((0, 0))
    alpha = np.where(alpha < _LEAST_ALPHA, 0, alpha)
    if not alpha.any():
        raise ValueError(
            f"a patch of {tall} x {wide} at ({top}, {left}) does not meet a host of {height} x {width}"
        )
    pixels, mask = host.copy(), np.zeros((height, width), bool)
    under = host[down, right].astype(np.float32)
    mixed = under + (patch.pixels[inner] - under) * alpha[..., None]
    pixels[down, right] = np.round(np.clip(mixed, 0, 255)).astype(np.uint8)
    mask[down, right] = alpha > 0
    return Forgery(pixels, mask)


def fitted_light(patch: Patch, host: Array, top: int, left: int, strength: float) -> Patch:
    """Bring the patch's mean colour and contrast nearer to those of the host where it will lie.

    Args:
        patch: what will be laid in.
        host: (H, W, 3) uint8.
        top: row of the patch's upper left corner; `left` is its column.
        left: see `top`.
        strength: 0 changes nothing, 1 takes over the host's mean.
    """
    tall, wide = patch.alpha.shape
    place = host[max(top, 0) : max(top + tall, 1), max(left, 0) : max(left + wide, 1)].reshape(-1, 3)
    inside = patch.pixels[patch.alpha > 0.5]
    if not len(place) or not len(inside):
        return patch
    mean, spread = inside.mean(axis=0), max(float(inside.std()), 1.0)
    wanted = mean + strength * (place.mean(axis=0) - mean)
    ratio = np.clip(float(place.std()) / spread, 0.75, 1.3) ** strength
    return replace(patch, pixels=np.clip((patch.pixels - mean) * ratio + wanted, 0, 255).astype(np.float32))


# Outlines of what is tampered with: things that a scene knows of, or free hand.
#

_BRUSH = np.ones((7, 7), np.uint8)  # of a lasso: a sliver would vanish under a soft edge


def lasso_outline(rng: np.random.Generator, shape: tuple[int, int], share: float) -> Array:
    """Draw round some part of a picture in a few straight strokes, or a box: fifty times as fast.

    Arguments and answer as of `free_outline`.
    """
    corners = int(rng.integers(5, 13))
    if rng.random() < 0.25:  # selections are often boxes
        points = np.array([[-1, -1], [-1, 1], [1, 1], [1, -1]]) * np.sqrt(np.pi) / 2
    else:
        angle = np.sort(rng.uniform(0, 2 * np.pi, corners))
        points = np.stack([np.sin(angle), np.cos(angle)], axis=1) * rng.uniform(0.6, 1.3, (corners, 1))
    ratio = np.exp(rng.uniform(-0.6, 0.6))
    radius = np.sqrt(share * shape[0] * shape[1] / np.pi) * np.array([ratio**0.5, ratio**-0.5])
    middle = [
        rng.uniform(min(half, side / 2), max(side - half, side / 2))
        for half, side in zip(radius, shape, strict=True)
    ]
    outline = np.zeros(shape, np.uint8)
    strokes = np.round(points * radius + middle)[:, ::-1].astype(np.int32)
    cv2.fillPoly(outline, [strokes], 1)
    outline[min(int(middle[0]), shape[0] - 1), min(int(middle[1]), shape[1] - 1)] = 1
    return cv2.dilate(outline, _BRUSH) > 0


def wand_outline(rng: np.random.Generator, picture: Array, share: float) -> Array:
    """Select what has the colours of a point and hangs together with it: a magic wand, that follows things.

    Args:
        rng: the point is drawn from it.
        picture: (H, W, 3) uint8.
        share: of the picture, about as much is selected; less where the thing is smaller, and all of a piece.

    Returns:
        (H, W) bool, mostly without holes; never empty.
    """
    height, width = picture.shape[:2]
    smooth = cv2.GaussianBlur(picture, (0, 0), 2.0).astype(np.float32)
    row, column = (int(rng.integers(side // 8, side - side // 8)) for side in (height, width))
    point = row, column
    distance = np.square(smooth - smooth[point]).sum(axis=2)
    # What is far away is less likely of one thing with the point, however much it looks like it.
    rows, columns = np.ogrid[:height, :width]
    away = ((rows - point[0]) ** 2 + (columns - point[1]) ** 2) / (share * height * width)
    distance *= 1 + away
    reach = np.quantile(distance, share)
    near = cv2.morphologyEx((distance <= reach).astype(np.uint8), cv2.MORPH_CLOSE, _BRUSH)
    _, pieces = cv2.connectedComponents(near)
    piece = (pieces == pieces[point]).astype(np.uint8)
    edges, _ = cv2.findContours(piece, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = cv2.drawContours(np.zeros((height, width), np.uint8), edges, -1, 1, cv2.FILLED)
    if outline.mean() > 2 * share:  # what is around a thing: filled up it would be the picture
        outline = piece
    outline = cv2.morphologyEx(outline, cv2.MORPH_OPEN, _BRUSH)  # hairs that no hand would follow
    outline[max(row - 3, 0) : row + 4, max(column - 3, 0) : column + 4] = 1
    return cv2.dilate(outline, _BRUSH[:3, :3]) > 0


def window_sums(marked: Array, size: tuple[int, int]) -> Array:
    """Count what is marked in each window of `size`: (h, w) bool -> (h - tall + 1, w - wide + 1) int64."""
    total = np.pad(marked.astype(np.int64).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    tall, wide = size
    inside: Array = total[tall:, wide:] - total[:-tall, wide:] - total[tall:, :-wide] + total[:-tall, :-wide]
    return inside

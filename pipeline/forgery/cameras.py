"""The cameras of the sample: from a pocket camera in bad light to a good one on a tripod.

They are nobody's products; what they do spans what is found in the collections of the field.
"""

from pipeline.forgery.camera import Camera

CAMERAS = (
    Camera(
        name="Aster 10", blur=0.62, fringe=4e-4, vignetting=0.20,
        pattern="rggb", demosaicing="gradient_corrected",
        photons=9000, read_noise=6, fixed_pattern=0.006, bits=12,
        balance=(1.9, 1.5), saturation=0.95, denoising=0.0, contrast=0.25, sharpening=0.35,
        jpeg_quality=92, subsampling="4:2:0",
    ),
    Camera(
        name="Borea P2", blur=0.85, fringe=9e-4, vignetting=0.30,
        pattern="bggr", demosaicing="bilinear",
        photons=2200, read_noise=9, fixed_pattern=0.010, bits=10,
        balance=(1.6, 1.8), saturation=1.00, denoising=1.2, contrast=0.45, sharpening=0.70,
        jpeg_quality=84, subsampling="4:2:0",
    ),
    Camera(
        name="Cirro X", blur=0.50, fringe=2e-4, vignetting=0.12,
        pattern="grbg", demosaicing="colour_differences",
        photons=20000, read_noise=4, fixed_pattern=0.004, bits=14,
        balance=(2.1, 1.4), saturation=0.85, denoising=0.0, contrast=0.15, sharpening=0.20,
        jpeg_quality=96, subsampling="4:4:4",
    ),
    Camera(
        name="Dune 5", blur=0.72, fringe=6e-4, vignetting=0.25,
        pattern="gbrg", demosaicing="gradient_corrected",
        photons=4500, read_noise=7, fixed_pattern=0.008, bits=12,
        balance=(1.8, 1.6), saturation=0.95, denoising=0.7, contrast=0.35, sharpening=0.50,
        jpeg_quality=88, subsampling="4:2:2",
    ),
    Camera(
        name="Eldar Mini", blur=0.95, fringe=1e-3, vignetting=0.35,
        pattern="rggb", demosaicing="bilinear",
        photons=1500, read_noise=10, fixed_pattern=0.012, bits=10,
        balance=(1.5, 1.7), saturation=1.05, denoising=1.6, contrast=0.50, sharpening=0.85,
        jpeg_quality=80, subsampling="4:2:0",
    ),
    Camera(
        name="Fjord 7", blur=0.58, fringe=3e-4, vignetting=0.15,
        pattern="bggr", demosaicing="colour_differences",
        photons=12000, read_noise=5, fixed_pattern=0.005, bits=14,
        balance=(2.0, 1.5), saturation=0.90, denoising=0.0, contrast=0.20, sharpening=0.30,
        jpeg_quality=90, subsampling="4:2:0",
    ),
)  # fmt: skip

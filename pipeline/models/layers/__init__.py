"""Layers of our own; importing this package makes them known to Keras, which loads by name."""

from pipeline.models.layers.heads import CellLogits, RelativeContext, TopKMean
from pipeline.models.layers.jpeg_layers import BlockDCT, CoefficientBins, ErrorLevels, TableModulation
from pipeline.models.layers.normalisation import FusedBatchNormalization
from pipeline.models.layers.residuals import BayarConvolution, NeighbouringPixels, Residuals

__all__ = [
    "BayarConvolution",
    "BlockDCT",
    "CellLogits",
    "CoefficientBins",
    "ErrorLevels",
    "FusedBatchNormalization",
    "NeighbouringPixels",
    "RelativeContext",
    "Residuals",
    "TableModulation",
    "TopKMean",
]

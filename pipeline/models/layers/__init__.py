"""Layers of our own, one a file; importing this package makes them known to Keras, which loads by name."""

from pipeline.models.layers.bayar_convolution import BayarConvolution
from pipeline.models.layers.block_dct import BlockDCT
from pipeline.models.layers.cell_logits import CellLogits
from pipeline.models.layers.coefficient_bins import CoefficientBins
from pipeline.models.layers.error_levels import ErrorLevels
from pipeline.models.layers.neighbouring_pixels import NeighbouringPixels
from pipeline.models.layers.relative_context import RelativeContext
from pipeline.models.layers.residuals import Residuals
from pipeline.models.layers.table_modulation import TableModulation
from pipeline.models.layers.top_k_mean import TopKMean

__all__ = [
    "BayarConvolution",
    "BlockDCT",
    "CellLogits",
    "CoefficientBins",
    "ErrorLevels",
    "NeighbouringPixels",
    "RelativeContext",
    "Residuals",
    "TableModulation",
    "TopKMean",
]

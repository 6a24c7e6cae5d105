"""The list of what an audit reads from a file's header, with the words that people are given for each.

A new feature is a `Feature` here and a value under its name in `headers.py`. Names of pictures are no
features: they are for grouping.
"""

from dataclasses import dataclass

NUMBER, CATEGORY = "number", "category"

# Kinds of shortcuts: what is found of one kind has one cause, and one remedy.
FORMAT, SIZE, BYTES, COMPRESSION, STRUCTURE, METADATA = (
    "format",
    "size",
    "bytes",
    "compression",
    "structure",
    "metadata",
)


@dataclass(frozen=True)
class Feature:
    """One property of a file.

    Attributes:
        name: column of the tables of features.
        kind: `NUMBER` (empty where it does not apply) or `CATEGORY` (a text, "" where it does not apply).
        family: the kind of shortcut that it would be.
        words: what it is, for a person.
    """

    name: str
    kind: str
    family: str
    words: str


FEATURES = (
    Feature("format", CATEGORY, FORMAT, "file format"),
    Feature("wrong_ending", CATEGORY, FORMAT, "a name that ends as another format's"),
    Feature("mode", CATEGORY, FORMAT, "colour mode and depth"),
    Feature("width", NUMBER, SIZE, "width in pixels"),
    Feature("height", NUMBER, SIZE, "height in pixels"),
    Feature("pixels", NUMBER, SIZE, "number of pixels"),
    Feature("aspect", NUMBER, SIZE, "width divided by height"),
    Feature("of_eight", CATEGORY, SIZE, "sides that are multiples of 8"),
    Feature("of_sixteen", CATEGORY, SIZE, "sides that are multiples of 16"),
    Feature("bytes", NUMBER, BYTES, "size of the file in bytes"),
    Feature("bits_per_pixel", NUMBER, BYTES, "bits of the file for each pixel"),
    Feature("luma_table", CATEGORY, COMPRESSION, "JPEG quantisation table, brightness"),
    Feature("chroma_table", CATEGORY, COMPRESSION, "JPEG quantisation table, colour"),
    Feature("quality", NUMBER, COMPRESSION, "JPEG quality, nearest of libjpeg's"),
    Feature("table_distance", NUMBER, COMPRESSION, "distance of the table from libjpeg's"),
    Feature("subsampling", CATEGORY, COMPRESSION, "subsampling of the colours"),
    Feature("progressive", CATEGORY, COMPRESSION, "progressive JPEG"),
    Feature("huffman", CATEGORY, COMPRESSION, "Huffman tables, standard or optimised"),
    Feature("compression", CATEGORY, COMPRESSION, "compression of a TIFF or PNG"),
    Feature("marker_order", CATEGORY, STRUCTURE, "order of the segments in the file"),
    Feature("restart_interval", NUMBER, STRUCTURE, "restart interval of the JPEG"),
    Feature("jfif", CATEGORY, STRUCTURE, "JFIF block and its version"),
    Feature("adobe", CATEGORY, STRUCTURE, "Adobe block and its transform"),
    Feature("components", CATEGORY, STRUCTURE, "numbers of the JPEG's components"),
    Feature("trailing_bytes", NUMBER, STRUCTURE, "bytes after the end of the picture"),
    Feature("layout", CATEGORY, STRUCTURE, "layout of a TIFF (byte order, strips, tags)"),
    Feature("exif", CATEGORY, METADATA, "EXIF block"),
    Feature("exif_tags", NUMBER, METADATA, "number of EXIF entries"),
    Feature("orientation", CATEGORY, METADATA, "EXIF orientation"),
    Feature("software", CATEGORY, METADATA, "name of the software that saved it"),
    Feature("camera", CATEGORY, METADATA, "camera named in EXIF"),
    Feature("thumbnail", CATEGORY, METADATA, "thumbnail in EXIF"),
    Feature("icc", CATEGORY, METADATA, "ICC colour profile"),
    Feature("xmp", CATEGORY, METADATA, "XMP block"),
    Feature("photoshop", CATEGORY, METADATA, "Photoshop block"),
    Feature("comment", CATEGORY, METADATA, "comment"),
    Feature("resolution", CATEGORY, METADATA, "resolution (dots per inch)"),
)
BY_NAME = {feature.name: feature for feature in FEATURES}
NAMES = tuple(BY_NAME)

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


# The list of what an audit learns from pixels, with the words that people are given for each.
#
# A new probe is a `Probe` here and a function under its name in `measure.py`.
#

HISTORY, CONTENT = "compression_history", "content"


@dataclass(frozen=True)
class Probe:
    """One way of looking at pixels that cannot see tampering as such.

    Attributes:
        name: of what it learns from; in the results of an audit.
        words: the same for a person.
        column: the same as the head of a column.
        model: what learns, and from what.
    """

    name: str
    words: str
    column: str
    model: str


PROBES = {
    probe.name: probe
    for probe in (
        Probe(HISTORY, "compression history in the pixels", "compression history", "forest on histograms"),
        Probe(CONTENT, "what a thumbnail shows", "thumbnail", "likeness of 8 × 8 colours"),
    )
}


# What an audit's result calls its parts, so that its readers need none of what makes one.
#

AUDIT = "audit.json"  # below the folder of reports, as the page
PAGE = "audit.html"

TRAINING = "training"  # the part that pools the collections to train on
COLLECTION = "collections."  # before the name of one, as in metrics.json
ELSEWHERE = "elsewhere"  # the split of collections that are tested only, and their part

RAW, CONVERTED = "raw", "converted"  # the two sides of a conversion
BEST, ALL, PROBE = "best_feature", "all_metadata", "probe"  # kinds of shortcuts

"""The schema of what comes in: datasets, the drawn sample, conversion, split and audit."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipeline.checking import Section, refuse

# A number is a name as well (data.name=2024); otherwise no type stands for another.
Text = Annotated[str, Field(strict=False, coerce_numbers_to_str=True)]
# A name becomes a part of paths, and is printed.
_PRINTED = r"[^/\\\x00-\x1f\x7f-\x9f\u{2028}-\u{202e}\u{2066}-\u{2069}]"
_NAME = rf"^{_PRINTED}*[^./\\\x00-\x1f\x7f-\x9f\u{{2028}}-\u{{202e}}\u{{2066}}-\u{{2069}}]{_PRINTED}*$"
Name = Annotated[str, Field(strict=False, coerce_numbers_to_str=True, pattern=_NAME, max_length=100)]
Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]

SAMPLE = "sample"  # the data that this program draws itself


class Naming(Section):
    """How names of pictures tell their source and subset (regular expressions)."""

    namespace: str  # sources of collections with one namespace are the same pictures
    source: str | None = None  # found anywhere in the stem, as often as it occurs
    subsets: dict[str, str] = Field(default={})  # subset -> pattern on the stem of a fake


class Official(Section):
    """The split that a dataset's authors published: train, validation, test -> where it is written down."""

    folders: dict[str, str] = Field(default={})  # -> pattern on the path below the class folder
    lists: dict[str, str] = Field(default={})  # -> text file, one name of a picture a line


class Collection(Section):
    """One pair of folders, relative to the repository: those below the root are written `${data.root}/…`."""

    genuine: Text
    fake: Text | None = None  # null with the role background alone
    role: Literal["train", "test", "background"]  # background: genuine pictures alone, to make fakes of
    masks: list[str] = Field(default=[])  # looked through in this order
    mask_name: str = "{stem}.png"
    mask_background: list[Text] = Field(default=[])  # colours that mark nothing; []: found by rules
    licence: str | None = None  # the terms under which its pictures may be used, for the model card
    naming: Naming | None = None
    official: Official | None = None


class Data(Section):
    """A dataset: where it lies, what it consists of, and which of its pictures are used."""

    name: Name
    root: Text
    genuine: Text
    fake: Text
    masks: Text
    protocol: list[Literal["source_matched", "jpeg_only"]]  # each leaves pictures out
    known_groups: str | None  # table of pictures that belong together for reasons of their own
    collections: dict[Name, Collection]

    @model_validator(mode="after")
    def _background_alone_has_no_fakes(self) -> Self:
        for name, each in self.collections.items():
            key = f"data.collections.{name}"
            refuse(
                (each.role != "background" and each.fake is None)
                and f"{key}.fake: missing; expected a folder of fakes (with role=background there is none)",
                (each.role == "background" and bool(each.fake is not None or each.masks))
                and f"{key}: found role=background with fake or masks, and it has genuine pictures alone; "
                "leave these two out, or choose role=train or role=test",
            )
        return self


class Sample(Section):
    """The built-in pictures."""

    genuine: int = Field(ge=4, le=100_000)
    fake: int = Field(ge=4, le=100_000)
    width: int = Field(ge=64, le=8_192)
    height: int = Field(ge=64, le=8_192)


class Convert(Section):
    """What becomes of the files before anything else sees them."""

    policy: Literal["raw", "tif_only", "equal", "matched", "lossless"]
    quality: int = Field(ge=1, le=100)
    subsampling: Literal["4:4:4", "4:2:2", "4:2:0"]
    pages: Literal["first", "all"]  # of a TIFF: the first one, or each as a picture of its own
    max_rejected: Share  # share of files beyond which the stage fails
    max_megapixels: float = Field(gt=0.0)  # larger pictures are rejected before they are decoded
    max_gib: float = Field(gt=0.0)  # of memory for one picture at its peak, likewise


class Split(Section):
    """How pictures are assigned to training, validation and test."""

    method: Literal["grouped", "parents", "official", "random"]
    shares: dict[str, float]  # train, validation, test: add up to 1
    folds: int | None = Field(ge=2, le=100)  # test 1/folds of the pictures; null: by the shares
    fold: int = Field(ge=0)  # which of them: each picture is tested in one fold

    @model_validator(mode="after")
    def _rules(self) -> Self:
        shares = self.shares
        named = set(shares) == {"train", "validation", "test"}
        tested = named and min(shares["validation"], shares["test"]) > 0 and shares["train"] >= 0
        refuse(
            not named and f"split.shares: found {', '.join(shares)}, expected train, validation and test",
            (named and not (tested and abs(sum(shares.values()) - 1) < 1e-6))
            and f"split.shares: found {shares}; validation and test must be above 0, and all add up to 1",
            self.fold >= (self.folds or 1)
            and f"split.fold: found {self.fold}, expected 0 to split.folds - 1 (0 without folds)",
        )
        return self


class Audit(Section):
    """The search for what gives the label away besides the tampering."""

    folds: int = Field(ge=2, le=20)  # of the cross-validation by group
    bootstrap: int = Field(ge=100, le=100_000)  # draws of groups behind each interval
    confidence: float = Field(gt=0.0, le=0.999)
    warn_above: float = Field(ge=0.5, le=1.0)  # ROC AUC: a lower end of an interval above it
    fail_above: float | None = Field(ge=0.5, le=1.0)  # null: training starts whatever is found
    probe_pictures: int | None = Field(ge=20)  # pictures of a collection that are probed; null: all

"""The script that this project replaces, written plainly and without mending anything: the opponent.

    python -m benchmarks.classic_script GENUINE_FOLDER FAKE_FOLDER

What is wrong with its figures is said in docs/results.md; its parts are what the benchmarks run against.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from keras.src.legacy.preprocessing.image import ImageDataGenerator
from PIL import Image
from sklearn.metrics import roc_auc_score

SIZE = (128, 128)
BATCH = 32
EPOCHS = 10


def make_generator() -> ImageDataGenerator:
    """Rescaling and the augmentations; the first fifth of the rows is for validation."""
    return ImageDataGenerator(
        rescale=1.0 / 255,
        rotation_range=20,
        width_shift_range=0.2,
        height_shift_range=0.2,
        horizontal_flip=True,
        validation_split=0.2,
    )


def make_model() -> keras.Model:
    """The network, compiled."""
    model = keras.Sequential(
        [
            keras.Input((*SIZE, 3)),
            keras.layers.Conv2D(32, (3, 3), activation="relu"),
            keras.layers.MaxPooling2D((2, 2)),
            keras.layers.Conv2D(64, (3, 3), activation="relu"),
            keras.layers.MaxPooling2D((2, 2)),
            keras.layers.Conv2D(128, (3, 3), activation="relu"),
            keras.layers.MaxPooling2D((2, 2)),
            keras.layers.Flatten(),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    return model


def flow(generator: ImageDataGenerator, frame: pd.DataFrame, subset: str | None = None) -> Any:
    """Batches of a frame with columns `filename` and `label`."""
    return generator.flow_from_dataframe(
        frame,
        x_col="filename",
        y_col="label",
        target_size=SIZE,
        batch_size=BATCH,
        class_mode="binary",
        subset=subset,
    )


def fake_batches(
    generator: ImageDataGenerator, fakes: pd.DataFrame
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches of fakes drawn from the frame, each labelled 1."""
    while True:
        drawn = fakes.sample(BATCH, replace=True)
        pictures = [
            keras.utils.img_to_array(keras.utils.load_img(name, target_size=SIZE))
            for name in drawn["filename"]
        ]
        images = [generator.random_transform(picture) / 255.0 for picture in pictures]
        yield np.array(images), np.ones(BATCH)


def list_pictures(folder: Path) -> list[str]:
    """The pictures of a folder; TIFs are dropped here, before they could be converted."""
    return [str(path) for path in sorted(folder.rglob("*")) if path.name.endswith((".jpg", ".png"))]


def main(genuine_folder: Path, fake_folder: Path) -> None:
    """Train and test on fakes as the script did, then say what its number means."""
    keras.utils.set_random_seed(0)
    genuine, fake = list_pictures(genuine_folder), list_pictures(fake_folder)
    for names in (genuine, fake):
        for name in names:
            if name.endswith(".tif"):  # never true: see list_pictures
                Image.open(name).convert("RGB").save(name[:-4] + ".jpg")
    genuine_frame = pd.DataFrame({"filename": genuine, "label": "genuine"})
    fake_frame = pd.DataFrame({"filename": fake, "label": "fake"})
    frame = pd.concat([genuine_frame, fake_frame], ignore_index=True)
    generator = make_generator()
    model = make_model()
    validation = flow(generator, frame, "validation")
    model.fit(flow(generator, frame, "training"), validation_data=validation, epochs=EPOCHS, verbose=0)
    steps = max(1, len(fake_frame) // BATCH)
    _, accuracy = model.evaluate(fake_batches(generator, fake_frame), steps=steps, verbose=0)
    print(f"fake test accuracy, as the script prints it: {accuracy:.1%}")
    tell_the_truth(model, frame.iloc[: validation.n], fake_frame)


def tell_the_truth(model: keras.Model, held_out: pd.DataFrame, fakes: pd.DataFrame) -> None:
    """Print what the network does, with the classes numbered as it learnt them.

    `flow_from_dataframe` numbers classes by the alphabet: fake 0, genuine 1.
    """
    genuine = _answers(model, held_out)
    fake = _answers(model, fakes)
    area = roc_auc_score([1] * len(genuine) + [0] * len(fake), [*genuine, *fake])
    labels = held_out["label"].value_counts()
    print(f"validated on {labels.get('genuine', 0)} genuine pictures and {labels.get('fake', 0)} fakes")
    print(f"in truth it calls fake: {(fake < 0.5).mean():.1%} of the {len(fake)} fakes, trained on, and")
    print(f"                        {(genuine < 0.5).mean():.1%} of {len(genuine)} held-out genuine pictures")
    print(f"ROC AUC of these: {area:.2f}")


def _answers(model: keras.Model, frame: pd.DataFrame) -> np.ndarray:
    """Probability of genuine of each picture, unaugmented."""
    plain = ImageDataGenerator(rescale=1.0 / 255).flow_from_dataframe(
        frame, x_col="filename", y_col="label", target_size=SIZE, class_mode=None, shuffle=False
    )
    return np.asarray(model.predict(plain, verbose=0))[:, 0]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

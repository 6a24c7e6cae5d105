import re

from pipeline.training.progress import _HEAD, Progress, epoch_line

METRICS = {
    "train/loss": 0.51234,
    "train/accuracy": 0.75,
    "validation/loss": 0.6,
    "validation/accuracy": 0.7,
    "validation/roc_auc": 0.8125,
    "images_per_second": 512.3,
}


def test_the_line_of_an_epoch_stands_below_its_head_within_80_columns():
    line = epoch_line(3, 200, METRICS)
    assert len(line) == len(_HEAD) <= 80
    assert [place for place, sign in enumerate(line) if sign == "|"] == [
        place for place, sign in enumerate(_HEAD) if sign == "|"
    ]
    assert line.split() == ["3/200", "|", "0.5123", "0.750", "|", "0.6000", "0.700", "0.812", "|", "512"]


def test_without_a_terminal_there_are_lines_and_no_bar(capsys):
    progress = Progress(epochs=2, images_per_epoch=64, steps=2)
    _train(progress)
    output = capsys.readouterr()
    assert len(output.out.splitlines()) == 3
    assert output.err == ""


def test_with_a_terminal_the_bar_shows_rate_and_remaining_time_within_80_columns(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    progress = Progress(epochs=2, images_per_epoch=64, steps=2)
    progress.on_train_begin()
    progress.on_epoch_begin(0)
    progress.on_train_batch_end(0)
    progress._bar.refresh()
    progress.on_train_end()
    shown = capsys.readouterr().err
    assert re.search(r"epoch 1/2 +\d+%\|.*image/s, [\d:?]+ left", shown)
    assert max(len(part) for part in re.split(r"[\r\n]", shown)) <= 80


def _train(progress):
    progress.on_train_begin()
    for epoch in range(2):
        progress.on_epoch_begin(epoch)
        for batch in range(2):
            progress.on_train_batch_end(batch)
        progress.on_epoch_end(epoch, METRICS)
    progress.on_train_end()

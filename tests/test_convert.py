"""The stage converts the dataset of the configuration and says what became of it."""

from pipeline.convert import run
from tests.images.pictures import make_dataset


def test_a_folder_given_on_the_command_line_is_converted(compose_config, tmp_path, monkeypatch, capsys):
    root = make_dataset(tmp_path / "pictures")
    (root / "fake" / "notes.txt").write_text("cropped by hand")
    (root / "fake" / "cut.jpg").write_bytes((root / "fake" / "f0.jpg").read_bytes()[:500])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/raw/folders/masks").mkdir(parents=True)
    run(compose_config("data=folders", f"data.root={root}", "convert.max_rejected=0.1"))
    said = capsys.readouterr().out
    assert "10 pictures" in said
    assert "2 files rejected" in said
    assert "data/converted/rejected.csv" in said
    rejected = (tmp_path / "data/converted/rejected.csv").read_text().splitlines()
    assert rejected[0] == "path,reason"
    assert [line.split(",")[0] for line in rejected[1:]] == ["fake/cut.jpg", "fake/notes.txt"]
    files = (tmp_path / "data/converted/files.csv").read_text()
    assert files.count("folders/fake/") == 5
    assert files.count("folders/masks/") == 3

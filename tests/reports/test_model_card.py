"""The model card has the Hub's head and headings, and the report's doubts; its commands repeat the run."""

import shlex
from dataclasses import replace

import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser

from pipeline.reports.model_card import plain, render_model_card, write_model_card
from pipeline.reports.report import shared_content
from pipeline.reports.reproduce import commands, model_address, names_differing, run_facts, settings
from tests.reports.evaluated import BELIEVABLE, CLASSIC, DECISION, OPTIONAL, card_of, with_names, without

HEADINGS = [
    "## Model Details",
    "### Model Description",
    "## Uses",
    "### Direct Use",
    "### Out-of-Scope Use",
    "## Bias, Risks, and Limitations",
    "## How to Get Started with the Model",
    "## Training Details",
    "### Training Data",
    "### Training Procedure",
    "## Evaluation",
    "### Testing Data, Factors & Metrics",
    "### Results",
    "## Environmental Impact",
    "## Technical Specifications",
    "## Citation",
]


def head(text):
    return yaml.safe_load(text.split("---\n")[1])


@pytest.mark.parametrize(
    "content",
    [BELIEVABLE, CLASSIC, without(BELIEVABLE, *OPTIONAL)],
    ids=["good", "bad", "bare"],
)
def test_headings_stand_in_order_each_on_a_line_of_its_own(content):
    lines = card_of(content).splitlines()
    places = [lines.index(heading) for heading in HEADINGS]
    assert places == sorted(places)
    assert all(not lines[place - 1] and not lines[place + 1] for place in places)


def test_the_head_is_what_the_hub_reads():
    found = head(card_of(BELIEVABLE))
    assert found["pipeline_tag"] == "image-classification"
    assert found["datasets"] == ["casia1", "casia2"]
    assert "license" not in found  # nobody here can choose it
    (result,) = found["model-index"][0]["results"]
    assert result["dataset"]["name"] == "casia"
    assert {each["type"]: each["value"] for each in result["metrics"]}["roc_auc"] == pytest.approx(
        0.98, abs=0.02
    )


def test_the_doubts_come_before_the_details():
    text = card_of(CLASSIC)
    assert text.index("Do not believe these figures") < text.index("## Model Details")
    limits = text[text.index("## Bias") : text.index("### Recommendations")]
    assert "It reacts to pieces of fakes that nobody has forged" in limits
    assert "Weakest, going by the upper end of the interval, on" in limits
    assert "falls by more than 0.05 after" in limits


def test_terms_are_those_that_were_configured():
    assert "| casia1 | trained on and tested | not stated |" in card_of(BELIEVABLE)
    data = {"name": "casia", "collections": {"casia1": {"licence": "research only"}}}
    text = card_of(replace(BELIEVABLE, data=data))
    assert "| casia1 | trained on and tested | research only |" in text
    assert "| imd2020 | tested only | not stated |" in text


def test_papers_are_those_that_the_detector_names():
    assert "Learning JPEG Compression Artifacts" in card_of(BELIEVABLE)
    assert "On Calibration of Modern Neural Networks" in card_of(CLASSIC)


def test_only_what_was_measured_is_claimed_of_the_environment():
    assert "Energy and emissions were not measured." in card_of(BELIEVABLE)
    assert "Hardware: cpu" in card_of(BELIEVABLE)
    assert "Hardware: not recorded." in card_of(without(BELIEVABLE, "record"))


def test_call_and_verdict_do_not_contradict_each_other():
    text = " ".join(card_of(BELIEVABLE).split())
    assert "a call, which is `fake` from the threshold 0.460 on and `genuine` below" in text
    promised = (
        "a verdict: `fake` where at most 2 % of genuine pictures look as suspicious to any of its tests"
    )
    assert f"{promised}, `unsure` up to 10 %, `cannot tell` with a reason" in text
    undrawn = without(BELIEVABLE, "predictions")
    no_band = card_of(replace(undrawn, decision=DECISION | {"unsure": 0.02}))
    assert "unsure" not in no_band
    assert promised in " ".join(no_band.split())
    assert "and a verdict." in " ".join(card_of(without(BELIEVABLE, "decision")).split())


def test_the_doubtful_interval_has_a_footnote_and_the_band_its_figures():
    text = card_of(BELIEVABLE)
    assert "| TPR at 1 % FPR ¹ |" in text
    assert "\n¹ rests on one or two genuine pictures" in text
    assert "| verdict on | pictures | fake | unsure | cannot tell | no trace, or genuine |" in text
    assert "| fakes, pictures from elsewhere |" in text


def test_tables_are_whole():
    for line in card_of(BELIEVABLE).splitlines():
        if line.startswith("| copy"):
            assert line.count("|") == 8


@pytest.mark.parametrize(
    ("given", "shown"),
    [("a|b", r"a\|b"), ("<script>", r"\<script\>"), ("two\nlines", "two lines"), ("*x*", r"\*x\*")],
)
def test_texts_from_outside_are_escaped(given, shown):
    assert plain(given) == shown


def test_a_hostile_name_stays_a_name(tmp_path):
    nasty = "</td>|<script>alert(1)</script>"
    hostile = replace(with_names(BELIEVABLE, nasty), record=BELIEVABLE.record, data={"name": f"{nasty}\n---"})
    write_model_card(tmp_path / "card.md", hostile, shared_content(hostile))
    text = (tmp_path / "card.md").read_text(encoding="utf-8")
    body = text.split("---\n", 2)[2]
    assert "<script" not in body.replace(r"\<", "")
    assert head(text)["model-index"][0]["results"][0]["dataset"]["name"] == f"{nasty}\n---"


DIFFERING = {
    "data.name": "casia",
    "data.root": "/abs/my dir",
    "data.masks": "/elsewhere",
    "data.collections.casia1.role": "train",
    "model._target_": "pipeline.models.srm.build",
    "model.filters": 32,
    "train.patience": None,
    "inputs.augment.scale": [0.6, 1.5],
    "inputs.method": "native",
    "train.monitor": "validation/loss",
}


def repeated(trained, evaluated):
    record = {**BELIEVABLE.record, "commit": "a" * 40, "differing": trained}
    measured = {"commit": "a" * 40, "evaluate": {"robustness": "full"}, "differing": {}} | evaluated
    return replace(BELIEVABLE, record=record, evaluated=measured)


def test_one_run_repeats_both_where_both_were_made_at_one_commit():
    content = repeated(DIFFERING, {"differing": {"evaluate.robustness": "full"}})
    first, prepared, run = commands(content)
    assert first == f"git checkout {'a' * 40}"
    assert prepared.startswith("make .venv/installed")
    assert run == (
        "python -m pipeline.repro data=casia model=srm inputs=native 'data.root=\"/abs/my dir\"' "
        "'data.masks=\"/elsewhere\"' data.collections.casia1.role=train model.filters=32 "
        "train.patience=null 'inputs.augment.scale=[0.6, 1.5]' 'train.monitor=\"validation/loss\"' "
        "evaluate.robustness=full"
    )


def test_what_was_decided_otherwise_is_named_and_shown():
    decision = DECISION | {
        "config": {"calibration": {"genuine": "…/photos"}, "decision": {"false_alarms": 0.01}},
        "differing": {"decision.false_alarms": 0.01, "calibration.genuine": "…/photos"},
    }
    content = replace(repeated({"train.epochs": 3}, {}), decision=decision)
    assert commands(content)[-1] == (
        "python -m pipeline.repro train.epochs=3 decision.false_alarms=0.01 "
        "'calibration.genuine=\"…/photos\"'"
    )
    assert settings(content)["decision.false_alarms"] == 0.01
    assert settings(content)["calibration.genuine"] == "…/photos"


def test_an_evaluation_by_later_code_is_repeated_by_that_code():
    later = {"commit": "b" * 40, "differing": {"evaluate.robustness": "full"}}
    lines = commands(repeated({"train.epochs": 3}, later))
    assert lines[2:] == [
        "python -m pipeline.repro train.epochs=3",
        f"git checkout --force {'b' * 40}",
        "python -m pipeline.evaluate train.epochs=3 evaluate.robustness=full",
    ]


def test_the_committed_settings_need_no_choice():
    assert commands(repeated({}, {}))[-1] == "make repro"


def test_an_older_record_names_the_data_and_the_report_says_that_settings_are_not_told_apart():
    assert commands(BELIEVABLE)[-1] == "python -m pipeline.repro data=casia 'data.root=\"…/dir\"'"
    assert not names_differing(BELIEVABLE)
    assert names_differing(repeated({}, {}))


@pytest.mark.parametrize("value", ["a,b", "null", "true", "3", "x y", "", "ä=b", None, True, [1, 2], 1e-5])
def test_hydra_reads_the_value_that_was_meant(value):

    content = repeated({"train.key": value}, {})
    *_, said = shlex.split(commands(content)[-1])
    (override,) = OverridesParser.create().parse_overrides([said])
    read = override.value()
    assert (getattr(read, "text", read), override.is_sweep_override()) == (value, False)


def test_both_commits_and_the_settings_of_the_evaluation_are_shown():
    content = repeated({}, {"commit": "b" * 40, "uncommitted_changes": True})
    facts = run_facts(content)
    assert facts["commit of the training"] == "a" * 40
    assert facts["commit of the evaluation"].startswith(f"{'b' * 40}, with uncommitted changes")
    assert settings(content)["evaluate.robustness"] == "full"


@pytest.mark.parametrize(("level", "sign"), [("good", "✓"), ("warning", "!"), ("too_few", "?"), ("bad", "✗")])
def test_every_level_of_a_finding_has_its_sign(level, sign):
    shared = shared_content(BELIEVABLE)
    findings = [each._replace(level=level) for each in shared["findings"]]
    assert f"- {sign} **" in render_model_card(BELIEVABLE, {**shared, "findings": findings})


RUN = "231e4156b4184bf3a4ef8d05a1eb0592"


@pytest.mark.parametrize(
    ("registered", "run_id", "address"),
    [
        ("models:/detector/3", RUN, "models:/detector/3"),
        (None, RUN, f"runs:/{RUN}/model"),
        (None, None, None),
    ],
)
def test_the_address_is_the_version_or_where_the_store_was_away_the_run(registered, run_id, address):
    found = replace(
        BELIEVABLE,
        record={**BELIEVABLE.record, "run_id": run_id},
        evaluated={**BELIEVABLE.evaluated, "registered": registered},
    )
    assert model_address(found) == address
    assert f'load_model("{address or "runs:/…/model"}")' in card_of(found)

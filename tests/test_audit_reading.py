"""How printed results are understood, whatever they were copied from; and the command that audits them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sedcore.artifacts import runs
from sedcore.artifacts.predictions import Predictions
from sedcore.cli import main
from sedcore.errors import SedcoreError
from sedcore.evaluation.audit import Result, Verdict, audit, read_document, report_document, report_numbers

HOME = Path(__file__).parents[1]
CNN = {
    "micro": ("0.90", "0.84", "0.87"),
    "macro": ("0.88", "0.84", "0.85"),
    "weighted": ("0.91", "0.84", "0.87"),
}
PRINTS = {
    "columns of a PDF": """CNN Evaluation Metrics (Validation Set)
Metrics\tMicro-Avg\tMacro-Avg\tWeighted-Avg
Precision 0.90\t0.88\t0.91
Recall\t0.84\t0.84\t0.84
F1 Score\t0.87\t0.85\t0.87""",
    "spaces": """CNN on validation
metric precision recall f1
micro 0.90 0.84 0.87
macro 0.88 0.84 0.85
weighted avg 0.91 0.84 0.87""",
    "Markdown": """### CNN (validation)
| | **P** | R | F1-score |
|:--|--:|--:|--:|
| micro avg | 0.90 | 0.84 | 0.87 |
| macro avg | 0.88 | 0.84 | **0.85** |
| weighted avg | 0.91 | 0.84 | 0.87 |""",
    "CSV, a row a model": """run,set,micro P,micro R,micro F1,macro P,macro R,macro F1,weighted P,weighted R,weighted F
CNN,validation,0.90,0.84,0.87,0.88,0.84,0.85,0.91,0.84,0.87""",
    "LaTeX, per cent": r"""CNN, validation
\begin{tabular}{lrrr}\hline
 & Micro & Macro & Weighted \\ \hline
Precision & 90\,\% & 88\% & 91\% \\
Recall & 84\% & 84\% & 84\% \\
F$_1$ & 87\% & \textbf{85\%} & 87\% \\
\end{tabular}""".replace(r"\,", " "),
    "two header rows": r"""validation
 & Micro & & & Macro & & & Weighted & & \\
Model & P & R & F1 & P & R & F1 & P & R & F1 \\
CNN & 0.90 & 0.84 & 0.87 & 0.88 & 0.84 & 0.85 & 0.91 & 0.84 & 0.87""",
    "semicolons and decimal commas": """CNN validation
;precision;recall;f1
micro;0,90;0,84;0,87
macro;0,88;0,84;0,85
weighted;0,91;0,84;0,87""",
}


def texts(result: Result) -> dict:
    return {
        average: tuple(str(number) for number in row.values()) for average, row in result.averages.items()
    }


@pytest.mark.parametrize("kind", PRINTS)
def test_the_same_table_however_it_is_printed(kind):
    [result] = read_document(PRINTS[kind]).results
    assert (result.model, result.split) == ("CNN", "validation")
    assert texts(result) == CNN


def test_the_report_itself_can_be_pasted(shared):
    text = (shared / "report" / "report.md").read_text()
    text = text[text.index("### 4.1") : text.index("[[[1566")]
    read = {result.name: texts(result) for result in read_document(text).results}
    assert read == {result.name: texts(result) for result in report_document().results}
    assert audit(read_document(text, classes=10)).answer().startswith("4 of 8 tables cannot be right")
    [finding] = audit(read_document(text)).findings
    assert "needs the number of classes" in finding.sentence


def test_the_projects_own_shape(shared):
    text = (shared / "report" / "printed_numbers.json").read_text()
    found = audit(read_document(text))
    assert found.answer().lower().startswith("5 of 8 tables cannot be right as printed")
    assert report_numbers()["tables"] == json.loads(text)["tables"]


def test_decimals_are_those_of_the_table():
    [result] = read_document("P R F1\nmicro 0.8 0.83 0.81\nmacro 0.9 0.7 0.7").results
    assert texts(result) == {"micro": ("0.80", "0.83", "0.81"), "macro": ("0.90", "0.70", "0.70")}
    [result] = read_document("P R F1\nmicro 0.8 0.8 0.8\nmacro 0.9 0.7 0.7").results
    assert result.averages["macro"]["f1"].decimals == 1
    rows = "P R F1\nmicro 0.8 0.83 0.812\nmacro 0.9 0.71 0.701\nweighted 0.9 0.83 0.800"
    [result] = read_document(rows).results  # each part has decimals of its own
    assert texts(result)["weighted"] == ("0.9", "0.83", "0.800")


def test_per_cent_is_recognised_and_said():
    document = read_document("precision recall f1\nmicro 83.9 90.2 86.9")
    assert texts(document.results[0]) == {"micro": ("0.839", "0.902", "0.869")}
    assert document.notes == ["Numbers are read as per cent."]
    with pytest.raises(SedcoreError, match=r"line 2: micro f1 is 87 among numbers from 0 to 1"):
        read_document("precision recall f1\nmicro 0.84 0.90 87")


def test_matrices_as_numpy_prints_them_and_as_a_table():
    [result] = read_document(
        "CRNN test\narray([[[1479,  129],\n        [  26,  366]],\n [[1458 106] [71 365]]])"
    ).results
    assert result.name == "CRNN test" and result.matrices["class 2"] == (1458, 106, 71, 365)
    [result] = read_document("class,tp,fp,fn,tn\nDog,366,129,26,1479").results
    assert result.matrices == {"Dog": (1479, 129, 26, 366)}
    [result] = read_document("[[[1479, 129], [26, 366]], [[1458, 106], [71, 365]]]").results
    assert list(result.matrices) == ["class 1", "class 2"]
    [result] = read_document('{"Dog": {"tn": 1479, "fp": 129, "fn": 26, "tp": 366}}').results
    assert result.matrices == {"Dog": (1479, 129, 26, 366)}


def test_titles_carry_threshold_and_tables_of_one_model_meet():
    text = "## CNN, test, threshold = 0.35\nclass,precision,recall,f1,support\nDog,0.50,0.50,0.50,10\n\n"
    text += "average,precision,recall,f1\nmicro,0.50,0.50,0.50\n\n## CRNN\nP R F1\nmicro 0.5 0.5 0.5"
    first, second = read_document(text).results
    assert (first.name, first.threshold, list(first.classes), list(first.averages)) == (
        "CNN test", 0.35, ["Dog"], ["micro"],
    )  # fmt: skip
    assert second.name == "CRNN test"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the text is empty"),
        ("only words\nand more", "No table was found"),
        ("some\nfoo 0.5 0.6", r'Line 2 \("foo 0.5 0.6"\) has numbers, but no header'),
        ("precision recall f1\nDog 0.5 0.6", r"Line 2 .* does not fit the header in line 1, which names 3 columns"),
        ("class,tp,fp,fn\nDog,1,2,3", "The matrix of Dog under line 1 has no tn"),
        ("class,tp,fp,fn,tn\nDog,0.9,0.1,0.1,0.9", "Line 2: 0.9 is not a whole number of clips"),
        ("[[1 2] [3 4]\n[5 6]]", "not all 2x2"),
        ("P R F1\nmicro 0.5 0.5 0.5\nmicro 0.4 0.4 0.4", "Line 3: micro stands twice"),
        ("P R F1\nmicro 120 99 99", "120, wanted a number from 0 to 100 %"),
        ('{"tables": [1]}', "is not an object"),
        ('{"tables": {"a": {"test": {"f1": {"micro": true}}}}}', "wanted a number"),
        ('{"a": 1', "line 1"),
        ("[[[1, 2], [3, 4]], [[1, 2], [3, 0.5]]]", "class 2 is 0.5, wanted a whole number"),
        ("[" * 5000 + "1" + "]" * 5000, "."),
        ("x" * 400_001, "takes up to 400000"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_one_sentence(text, said):
    with pytest.raises(SedcoreError, match=said) as refused:
        read_document(text)
    assert "\n" not in str(refused.value)


def test_bounds_on_what_is_asked():
    with pytest.raises(SedcoreError, match="number of clips is 0"):
        read_document("P R F1\nmicro 0.5 0.5 0.5", clips=0)
    rows = "\n".join(f"c{i} 0.5 0.5 0.5 10" for i in range(2001))
    with pytest.raises(SedcoreError, match="more than 2000 classes"):
        read_document(f"precision recall f1 support\n{rows}")


# The command


def test_the_command_prints_tables_with_their_verdicts(tmp_path, capsys):
    file = tmp_path / "table.md"
    file.write_text(PRINTS["Markdown"].replace("0.87 |\n| macro", "0.97 |\n| macro"))
    assert main(["audit", str(file)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("1 of 1 table cannot be right as printed")
    assert "0.97 !" in out and "Micro F1 0.97 cannot be: P 0.90 and R 0.84 allow 0.864 to 0.874." in out


def test_the_command_as_json(capsys):
    assert main(["audit", "--report", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    verdicts = {(t["model"], t["split"]): t["verdict"] for t in found["tables"]}
    assert verdicts["CNN", "validation"] == "exchanged" and verdicts["CRNN", "validation"] == "consistent"
    cnn = next(t for t in found["tables"] if t["verdict"] == "exchanged")
    assert cnn["recomputed"]["micro"]["precision"][0] == pytest.approx(0.839, abs=5e-4)
    assert {"kind": "average", "row": "micro", "part": "f1", "printed": 0.87, "verdict": "consistent"} in cnn[
        "cells"
    ]


def test_bad_input_of_the_command_is_one_line(tmp_path, capsys):
    broken = tmp_path / "scores.npz"
    broken.write_bytes(b"\xff\xfe\x00")
    for argv, said in (
        ([], "FILE"),
        ([str(broken), "--report"], "either"),
        ([str(broken)], "not UTF-8"),
        ([str(tmp_path / "none")], "No such file"),
        ([str(tmp_path)], "directory"),
    ):
        assert main(["audit", *argv]) == 2
        out = capsys.readouterr()
        assert said in out.err and out.err.count("\n") == 1 and out.out == ""


def test_the_command_reads_a_pipe():
    done = subprocess.run(
        [sys.executable, "-m", "sedcore", "audit", "-"],
        input="P R F1\nmicro 0.5 0.5 0.7",
        capture_output=True,
        text=True,
        cwd=HOME,
        env=os.environ,
        timeout=120,
    )
    assert done.returncode == 0 and "Micro F1 0.7 cannot be" in done.stdout


def test_a_printed_threshold_is_held_against_scores(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("SEDCORE_ARTIFACTS", str(tmp_path))
    run = runs.create_run(
        tmp_path, {"run_id": "r1", "kind": "imported", "name": "r", "classes": ["Dog"]}, state="finished"
    )
    ids, truth = np.array(["a", "b", "c", "d"]), np.array([[True], [True], [False], [False]])
    for split, found in {"test": [0.9, 0.3, 0.29, 0.1], "validation": [0.9, 0.6, 0.59, 0.5]}.items():
        runs.save_predictions(run, Predictions(split, ids, ("Dog",), truth, np.array(found)[:, None]))
    file = tmp_path / "t.txt"
    file.write_text("CNN test, threshold 0.30\nP R F1\nmicro 1.00 1.00 1.00")
    assert main(["audit", str(file), "--run", "r1"]) == 0
    assert "suspicious: Threshold 0.3 is the best for micro F1 on test" in capsys.readouterr().out
    file.write_text("P R F1\nmicro 1.00 1.00 1.00")
    assert main(["audit", str(file), "--run", "r1"]) == 2
    assert "names no threshold" in capsys.readouterr().err


def test_verdicts_have_words():
    assert [v.value for v in Verdict] == [
        "cannot be right",
        "exchanged",
        "suspicious",
        "consistent",
        "not checkable",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "[[[1e300000,1],[1,1]]]",
        "[[[1e999999999999,1],[1,1]]]",
        '{"precision": {"micro": 1e100000000}, "recall": {"micro": 0.5}}',
        '{"precision": {"micro": 1e-100000000}, "recall": {"micro": 0.5}}',
        '{"precision": {"micro": 1e-999999999999}}',
        "[[99999999999999999999 1]\n [2 3]]",
        f"[[{'9' * 5000} 1]\n [2 3]]",
        f"[[{'9' * 5000}, 1], [2, 3]]",
        f"model  precision  recall\nCNN  0.5e-{'0' * 5000}  0.5",
        f"model  precision  recall\nCNN  {'5' * 5000}  0.5",
        f'{{"tables": {{}}, "threshold": {"9" * 400}}}',
    ],
    ids=lambda text: text[:40],
)
def test_numbers_that_nobody_printed_are_refused_at_once(text):
    with pytest.raises(SedcoreError) as error:
        read_document(text)
    assert len(str(error.value)) < 400

"""Label tables: every kind, the ways people write them, and what is said about mistakes."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sedcore.data.labels import Event, read_classes, read_table, table_kind, unknown_labels
from sedcore.errors import SedcoreError

STRONG = "filename\tonset\toffset\tevent_label\n"


def write(tmp_path, text, name="labels.tsv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def messages(table):
    return [problem.message for problem in table.problems]


def test_strong_table(tmp_path):
    rows = "b.wav\t0.5\t2\tDog\nb.wav\t1\t1.5\tCat\nb.wav\t3\t4\tDog\na.wav\t\t\t\n"
    table = read_table(write(tmp_path, STRONG + rows))
    assert table.kind == "strong" and not table.problems
    assert table.labels == {"b.wav": ["Dog", "Cat"], "a.wav": []}
    assert table.events[0] == Event("b.wav", 0.5, 2.0, "Dog", 2)
    assert [len(events) for events in table.by_file().values()] == [3]


def test_weak_table(tmp_path):
    table = read_table(write(tmp_path, "filename\tevent_labels\nx.wav\tDog, Cat,Dog\ny.wav\t\nz.wav\n"))
    assert table.kind == "weak"
    assert table.labels == {"x.wav": ["Dog", "Cat"], "y.wav": [], "z.wav": []}


def test_columns_table(tmp_path):
    text = "filename,Dog,Cat,Rain\nx.wav,1,0,\ny.wav,0.0,TRUE,1.0\n"
    table = read_table(write(tmp_path, text, "labels.csv"))
    assert table.kind == "columns" and table.names == ("Dog", "Cat", "Rain")
    assert table.labels == {"x.wav": ["Dog"], "y.wav": ["Cat", "Rain"]}


@pytest.mark.parametrize("text", [
    b"\xef\xbb\xbffilename\tonset\toffset\tevent_label\r\nd\xc3\xa9j\xc3\xa0.wav\t0\t1\tDog\r\n\r\n",
    "\nFilename\tOnset\tOffset\tEvent_label\ndéjà.wav \t 0.0\t1.0\t Dog\n",
    '"filename","onset","offset","event_label"\n"déjà.wav","0","1","Dog"\n',
    "filename;onset;offset;event_label\rdéjà.wav;0;1;Dog\r",
    "event_label\tfilename\toffset\tonset\tcomment\nDog\tdéjà.wav\t1\t0\tloud, near\n",
])  # fmt: skip
def test_ways_of_writing_the_same_table(tmp_path, text):
    table = read_table(write(tmp_path, text))
    assert not table.problems
    (event,) = table.events
    assert (event.filename, event.onset_s, event.offset_s, event.label) == ("déjà.wav", 0.0, 1.0, "Dog")


def test_a_quoted_field_may_hold_the_separator(tmp_path):
    table = read_table(write(tmp_path, 'filename,event_labels\n"a, b.wav","Dog,Cat"\n', "w.csv"))
    assert table.labels == {"a, b.wav": ["Dog", "Cat"]}


@pytest.mark.parametrize(
    "row, words",
    [
        ("a.wav\t2\t1\tDog", "from 2 to 1 s"),
        ("a.wav\t1\t1\tDog", "onset < offset"),
        ("a.wav\t-1\t1\tDog", "from -1 to 1 s"),
        ("a.wav\tnan\t1\tDog", "onset 'nan'"),
        ("a.wav\t0,5\t1\tDog", "'0,5'"),
        ("a.wav\t\t1\tDog", "onset ''"),
        ("a.wav\t0\t1\t", "without a label"),
        ("\t0\t1\tDog", "no file name"),
        ("a.wav\t0\t1\tDog\tCat", "5 fields"),
    ],
)
def test_bad_strong_rows_are_named_with_their_line(tmp_path, row, words):
    table = read_table(write(tmp_path, STRONG + "ok.wav\t0\t1\tDog\n" + row + "\n"))
    (message,) = messages(table)
    assert message.startswith("line 3: ") and words in message


def test_all_problems_are_collected(tmp_path):
    table = read_table(write(tmp_path, STRONG + "a.wav\t2\t1\tDog\nb.wav\tx\t1\tDog\nc.wav\t0\t1\tDog\n"))
    assert len(table.problems) == 2 and len(table.events) == 1


def test_a_file_twice(tmp_path):
    for text in ("filename\tevent_labels\na.wav\tDog\na.wav\tCat\n", "filename,Dog\na.wav,1\na.wav,0\n"):
        assert "line 3: a.wav stands in line 2 already" in messages(read_table(write(tmp_path, text)))[0]


def test_a_column_that_is_no_class_is_told_once(tmp_path):
    table = read_table(write(tmp_path, "filename,Dog,age\na.wav,1,4\nb.wav,0,5\n", "c.csv"))
    (message,) = messages(table)
    assert "column 'age' holds '4'" in message


@pytest.mark.parametrize(
    "header, words",
    [
        ("filename,Dog,Dog", "'Dog' is there twice"),
        ("filename,Dog,", "column 3 has no name"),
    ],
)
def test_bad_headers(tmp_path, header, words):
    assert words in messages(read_table(write(tmp_path, header + "\na.wav,1,0\n")))[0]


@pytest.mark.parametrize("text, words", [
    ("a.wav\t0\t1\tDog\n", "wanted is a header"),
    ("", "holds nothing"),
    ("filename\tonset\tevent_label\na.wav\t0\tDog\n", "wanted is a header"),
    (b"filename\tevent_labels\nd\xe9j\xe0.wav\tDog\n", "not UTF-8"),
    (STRONG + 'a.wav\t0\t1\t"Dog\n', "check its quotes"),
])  # fmt: skip
def test_what_is_no_table(tmp_path, text, words):
    with pytest.raises(SedcoreError, match=words) as error:
        read_table(write(tmp_path, text))
    assert "labels.tsv" in str(error.value)


def test_kinds_are_seen_by_the_header(tmp_path):
    assert table_kind(write(tmp_path, STRONG)) == "strong"
    assert table_kind(write(tmp_path, "filename\tevent_labels\n")) == "weak"
    assert table_kind(write(tmp_path, "filename,Dog\na.wav,1\n")) == "columns"
    assert table_kind(write(tmp_path, "filename,licence\na.wav,CC0\n")) is None
    assert table_kind(write(tmp_path, "nothing like it\n")) is None
    assert table_kind(tmp_path / "missing.tsv") is None


def test_unknown_labels_name_the_nearest(tmp_path):
    table = read_table(write(tmp_path, STRONG + "a.wav\t0\t1\tDogg\nb.wav\t0\t1\tcat\nc.wav\t0\t1\tDogg\n"))
    found = [problem.message for problem in unknown_labels(table, ("Dog", "Cat"))]
    assert found == [
        "line 2: unknown label 'Dogg'; did you mean 'Dog'?",
        "line 3: unknown label 'cat'; did you mean 'Cat'?",
    ]


def test_classes_file(tmp_path):
    assert read_classes(write(tmp_path, '["Cat", " Dog "]')) == ("Cat", "Dog")
    for text, words in (
        ('["Cat", "Cat"]', "more than once"),
        ("{}", "list of class names"),
        ('["a", 3]', "list of class names"),
        ("[", "not valid JSON"),
    ):
        with pytest.raises(SedcoreError, match=words):
            read_classes(write(tmp_path, text))


NAMES = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=12)
LABELS = st.lists(NAMES.filter(lambda text: "," not in text), max_size=4, unique=True)


@given(st.dictionaries(NAMES, LABELS, max_size=6), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_any_weak_table_comes_back(tmp_path_factory, wanted, line_end, bom):
    file = io.StringIO()
    writer = csv.writer(file, delimiter="\t", lineterminator=line_end)
    writer.writerow(("filename", "event_labels"))
    writer.writerows((name, ",".join(labels)) for name, labels in wanted.items())
    path = tmp_path_factory.mktemp("weak") / "weak.tsv"
    path.write_bytes(("\ufeff" * bom + file.getvalue()).encode())
    table = read_table(path)
    assert table.labels == wanted and not table.problems

"""What an error suggests for a name that is not known."""

from sedcore.naming import nearest, nearest_names, suggestion


def test_the_nearest_known_name():
    known = ("crnn", "cnn", "compact")
    assert nearest("compat", known) == "compact"
    assert nearest("xyz", known) is None
    assert nearest("COMPACT", known) == "compact"  # another case alone is near, however long the name
    assert nearest("abxy", ["abcd"]) is None and nearest("abxy", ["abcd"], 0.5) == "abcd"


def test_several_names_nearest_first_and_each_once():
    assert nearest_names("Speech", ["Cat", "Speeches", "speech"]) == ["speech", "Speeches"]
    assert nearest_names("dog", ["dig", "dogs", "doge", "dog"], 2) == ["dog", "dogs"]


def test_a_suggestion_names_the_nearest_or_all():
    assert suggestion("epoch", ["epochs", "seed"]) == "did you mean 'epochs'?"
    assert suggestion("zzz", ["epochs", "seed"]) == "there are epochs, seed"

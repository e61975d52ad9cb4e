import pytest

from ocdrnet_deploy.planning.errors import QuantityError
from ocdrnet_deploy.planning.planner import duration, rate, share, shown_seconds


def test_what_people_write():
    texts = ("300ms", "1.5s", "2min", "0.3", "50 us")
    assert [duration(text) for text in texts] == pytest.approx([0.3, 1.5, 120, 0.3, 5e-5])
    assert [rate(text) for text in ("2000", "2000/s", ".5")] == [2000, 2000, 0.5]
    assert [share(text) for text in ("20%", "0.2", "150%")] == pytest.approx([0.2, 0.2, 1.5])


@pytest.mark.parametrize(
    ("parse", "text"),
    [(duration, text) for text in ("", "0", "0ms", "-1s", "1h", "s", "nan", "1e3", "300 m s")]
    + [(rate, text) for text in ("0", "5/min", "ten", "5%")]
    + [(share, text) for text in ("0%", "a", "5/s")]
    + [(duration, "9" * 400)],
)
def test_what_is_refused_is_named(parse, text):
    with pytest.raises(QuantityError) as caught:
        parse(text)
    assert repr(text) in str(caught.value)
    assert "such as" in str(caught.value)


def test_shown():
    assert [shown_seconds(own) for own in (0.0123, 0.9996, 1.234)] == ["12.3 ms", "1 s", "1.23 s"]

"""Chapter 3.3's picture says how much the stream grows."""

from gptlab.plots import chapter_3_3


def test_growth_is_last_over_first() -> None:
    picture = chapter_3_3.stream_growth({"scaled": [1.0, 1.1, 1.2], "plain": [1.0, 2.0, 4.0]})
    assert "3 blocks" in picture.alt
    assert "scaled ×1.2" in picture.alt and "plain ×4.0" in picture.alt

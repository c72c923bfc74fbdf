"""Pictures of scores measure what they say."""

import re

import pytest

from gptlab import plots


def test_the_most_alike_are_those_of_the_largest_dot_product() -> None:
    vectors = {"long": (3.0, 3.0), "short": (0.1, 0.1), "down": (0.0, -4.0), "right": (2.0, 1.0)}
    assert "long and right, 9." in plots.arrows(vectors).sentence
    with pytest.raises(ValueError, match="1 vectors"):
        plots.arrows({"one": (1.0, 0.0)})


def test_the_variance_of_a_dot_product_is_its_width() -> None:
    said = plots.score_variance([1, 16, 64]).sentence
    measured = {int(d): float(v) for d, v in re.findall(r"(\d+): (\d+\.\d)", said)}
    assert measured == {d: pytest.approx(d, rel=0.15) for d in (1, 16, 64)}


def test_the_factor_matters_where_the_dot_product_is_wide() -> None:
    def largest(width: int) -> list[float]:
        said = plots.softmax_sharpness(width).sentence
        return [float(weight) for weight in re.findall(r"\d\.\d\d", said)]

    scaled, plain = largest(256)
    assert plain > 2 * scaled
    scaled, plain = largest(1)
    assert plain == scaled

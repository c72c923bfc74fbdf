"""A power law that was put in comes out."""

from gptlab import plots
from tests.plots.made import sweep_results


def test_the_exponent_is_found_and_compared() -> None:
    said = plots.scaling_law(sweep_results(0.3), "tokens", 0.095, levels={"bigram": 4.0}).sentence
    assert "exponent 0.300 ± 0.000, published 0.095" in said
    assert said.endswith("Level lines: bigram 4.00.")

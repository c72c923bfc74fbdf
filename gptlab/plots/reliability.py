"""Picture of reliability: how sure a model is, against how often it is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gptlab.plots.curves import finish
from gptlab.show.picture import Picture, new_figure, style
from gptlab.tasks.calibration import calibration_error, in_bins

#: Of a marker's area: the smallest, and what is added for a bin that holds all answers.
_SMALLEST, _WHOLE = 25, 350


def reliability_curve(
    answers: Mapping[str, tuple[Sequence[float], Sequence[bool]]],
    n_bins: int = 10,
    title: str = "",
) -> Picture:
    """Draw the share of right answers against the confidence they were given with.

    A point is a bin of answers, the larger the more of them it holds. On the diagonal a model is as
    often right as it says; below it is too sure of itself.

    Args:
        answers: {group: (confidences from 0 to 1, whether each was right)}.
        n_bins: bins of equal width from 0 to 1; empty ones are left out.
        title: the finding; by default each group's expected calibration error.
    """
    figure, axes = new_figure(6.5, 4.6)
    ax = axes[0, 0]
    lines, errors, said = [], [], []
    for i, (name, (confidences, right)) in enumerate(answers.items()):
        bins = in_bins(confidences, right, n_bins)
        looks = style(i)
        across, up = [b.confidence for b in bins], [b.right for b in bins]
        sizes = [_SMALLEST + _WHOLE * b.share for b in bins]
        ax.scatter(across, up, sizes, color=looks["color"], marker=looks["marker"], alpha=0.7)
        lines += ax.plot(across, up, label=name, **looks | {"markersize": 3})
        errors.append(f"{name} {calibration_error(confidences, right, n_bins):.2f}")
        largest = max(bins, key=lambda b: b.share)
        said.append(
            f"{name}: {len(right)} answers, mean confidence {sum(confidences) / len(right):.2f}, "
            f"{sum(map(bool, right)) / len(right):.2f} right; the fullest bin holds "
            f"{largest.share:.0%}, with confidence {largest.confidence:.2f} and "
            f"{largest.right:.2f} right"
        )
    lines += ax.plot([0, 1], [0, 1], color="0.4", lw=1.3, ls="--", label="as often as it says")
    finish(
        ax,
        lines,
        title=title or f"Expected calibration error: {', '.join(errors)}",
        xlabel="confidence: probability of the answer given (0 to 1)",
        ylabel="share of right answers (0 to 1)",
        ylim=(-0.05, 1.05),
        xlim=(0, 1.03),
    )
    return Picture(figure, f"{'. '.join(said)}. Expected calibration error: {', '.join(errors)}.")

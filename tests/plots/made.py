"""One picture of each kind from made-up data, with names of the test's own choice."""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from gptlab import plots
from gptlab.attention import causal_mask
from gptlab.config import preset
from gptlab.experiments.scaling import Point
from gptlab.papers import PaperScore
from gptlab.results import History, Results, Run
from gptlab.settings import TrainSettings
from gptlab.show.picture import Picture

LOOKS = 4


def weights(n: int = 5) -> torch.Tensor:
    """Causal attention weights (n, n) of random scores."""
    torch.manual_seed(0)
    return torch.randn(n, n).masked_fill(~causal_mask(n), -torch.inf).softmax(-1)


def history(end: float = 2.0) -> History:
    records = [
        {
            "tokens": 100.0 * look,
            "train_loss": end + 3 - look,
            "val_loss": end + LOOKS - look,
            "val_bits_per_byte": (end + LOOKS - look) / 2,
        }
        for look in range(1, LOOKS + 1)
    ]
    measured = {"val_loss": end, "val_bits_per_byte": end / 2}
    return History(records, measured)


def results(losses: dict[str, list[float]], tokens: dict[str, int] | None = None) -> Results:
    """Results with the given losses, one for each seed, as if they had been measured."""
    runs = [
        Run(
            variant=name,
            seed=seed,
            parameters=10,
            body_parameters=8,
            tokens=(tokens or {}).get(name, 100),
            val_loss=loss,
            val_bits_per_byte=loss / 2,
            tokens_per_second=5.0,
            seconds=2.0,
            curve=history(loss).records,
            sample="",
        )
        for name, values in losses.items()
        for seed, loss in enumerate(values)
    ]
    about = {name: {"config": preset("gpt2-tiny").to_dict(), "settings": {}} for name in losses}
    return Results("made up", "a corpus", {}, about, runs)


def depth_results(names: Sequence[str] = ("post", "pre")) -> Results:
    """Results of two variants, one of each norm, with gradient norms at step 0."""
    made = results({name: [2.0 + i, 2.1 + i] for i, name in enumerate(names)})
    for name, norm in zip(names, ("post", "pre"), strict=True):
        config = preset("gpt2-tiny", norm=norm).to_dict()
        made.variants[name] = {"config": config, "settings": {"warmup": 0}}
    for run in made.runs:
        run.extra["grad_norms"] = {"0": [1e-9, 0.5, 0.25, 0.125]}
    return made


def sweep(shapes: Sequence[str] = ("1 × 32",), exponent: float = 0.3) -> list[Point]:
    """Points that follow a power law of the number of tokens, the same for every shape."""
    return [
        Point(shape, 10, n, 1e6 * n * (i + 1), (5e4 / n) ** exponent)
        for i, shape in enumerate(shapes)
        for n in (10, 100, 1000)
    ]


#: name of the picture function -> a picture whose every name and title is one of those given (at
#: least five, all different), or has them in it.
PICTURES: dict[str, Callable[[Sequence[str]], Picture]] = {
    "accuracy_bars": lambda names: plots.accuracy_bars(
        {name: [0.5, 0.6 + i / 20] for i, name in enumerate(names)}, 0.25, title=names[0]
    ),
    "accuracy_curves": lambda names: plots.accuracy_curves(
        {name: {12: [0.5, 0.6], 400: [0.7, 0.8 + i / 20]} for i, name in enumerate(names)},
        names[0],
        {name: 0.25 for name in names},
        title=names[1],
    ),
    "arrows": lambda names: plots.arrows(dict(zip(names, [(2, 1), (1, 2), (-1, 1)], strict=False))),
    "attention_grid": lambda names: plots.attention_grid(
        weights().repeat(2, 2, 1, 1), names[:5], title=names[0]
    ),
    "attention_map": lambda names: plots.attention_map(weights(), names[:5]),
    "attention_steps": lambda names: plots.attention_steps(
        {names[0]: weights().log(), names[1]: weights()}, names[:5]
    ),
    "bias_by_way": lambda names: plots.bias_by_way(
        {name: [0.5, 1.5 + i] for i, name in enumerate(names)}, 2.0, names[0]
    ),
    "chapter_map": lambda names: plots.chapter_map(
        [
            plots.chapters.Chapter(str(i), name, 45, tuple(str(j) for j in range(i)[-1:]))
            for i, name in enumerate(names)
        ],
        ["0"],
        names[0],
    ),
    "attention_text": lambda names: plots.attention_text(
        weights()[3], names[:5], [1, 2], title=names[0]
    ),
    "choice_bars": lambda names: plots.choice_bars(
        {(name, f"text {name}"): i / 5 for i, name in enumerate(names)},
        (names[0], names[1]),
        title=names[2],
    ),
    "config_changes": lambda names: plots.config_changes(
        {name: preset(f"gpt{i % 3 + 1}-tiny") for i, name in enumerate(names)}, names[0]
    ),
    "cost_by_length": lambda names: plots.cost_by_length(
        [128, 256], {name: np.full((2, 3), 1e-3) + i for i, name in enumerate(names)}
    ),
    "depth_curves": lambda names: plots.depth_curves(
        depth_results(names[:2]), title=names[0], levels={name: 1.0 for name in names}
    ),
    "exposure_by_count": lambda names: plots.exposure_by_count(
        {name: {0: [1.0, 2.0], 4: [3.0, 9.0 + i]} for i, name in enumerate(names)},
        13.3,
        1.4,
        names[0],
    ),
    "gpt_diagram": lambda names: plots.gpt_diagram(preset("gpt1-tiny"), names[0]),
    "examples_curve": lambda names: plots.examples_curve(
        {name: [0.1, 0.5 + i / 10, 0.9] for i, name in enumerate(names)}, 0.1, title=names[0]
    ),
    "gradient_norms": lambda names: plots.gradient_norms(depth_results(names[:2])),
    "label_bars": lambda names: plots.label_bars(
        torch.arange(1, 6) / 15, names[:5], title=names[0]
    ),
    "label_by_word": lambda names: plots.label_by_word(
        [0.1, 0.2, 0.3, 0.4, 0.9], names[:5], names[1], title=names[0]
    ),
    "label_learning": lambda names: plots.label_learning(
        [{"step": i, "val_loss": 0.7 - i / 9, "val_accuracy": 0.4 + i / 5} for i in range(1, 4)],
        2,
        title=names[0],
    ),
    "head_map": lambda names: plots.head_map(torch.arange(8.0).view(2, 4) - 3, *names[:2]),
    "ladder_steps": lambda names: plots.ladder_steps(
        results({name: [2.0 - i, 2.1 - i] for i, name in enumerate(names)}),
        levels={name: 1.0 for name in names},
    ),
    "lens_grid": lambda names: plots.lens_grid(
        {name: torch.eye(5) * i for i, name in enumerate(names)}, names[:5], names[:5]
    ),
    "learning_rates": lambda names: plots.learning_rates(
        TrainSettings(20, learning_rate=1e-3, warmup=5), title=names[0]
    ),
    "loss_by_compute": lambda names: plots.loss_by_compute(
        sweep(names), {name: 9.0 for name in names}, sweep(names)[:1], names[0]
    ),
    "link_map": lambda names: plots.link_map(
        weights()[:4], names[:4], names[:5], weights()[:4] > 0.5
    ),
    "loss_curves": lambda names: plots.loss_curves(
        results({name: [2.0 + i, 2.1 + i] for i, name in enumerate(names)}),
        levels={name: 1.0 for name in names},
    ),
    "losses_by_place": lambda names: plots.losses_by_place(
        {name: torch.linspace(4.0, 2.0 + i, 12) for i, name in enumerate(names)},
        title=names[0],
        levels={name: 1.0 for name in names},
    ),
    "mask_map": lambda names: plots.mask_map(causal_mask(4), title=names[0]),
    "memory_bars": lambda names: plots.memory_bars(
        {name: 10.0 ** (i + 3) for i, name in enumerate(names)},
        {names[0]: 8e9, "another": 1e4},
        names[0],
    ),
    "measure_bars": lambda names: plots.measure_bars(
        {name: i / 9 for i, name in enumerate(names)}, title=names[0]
    ),
    "next_token_bars": lambda names: plots.next_token_bars(
        torch.arange(1, 6) / 15, names[:5], title=names[0]
    ),
    "operation_shares": lambda names: plots.operation_shares(
        {name: i + 1.0 for i, name in enumerate(names)}, 3, names[0]
    ),
    "operations_by_length": lambda names: plots.operations_by_length(
        [8, 64, 512], {name: [1e6, 2e6, 9e6 + i] for i, name in enumerate(names)}
    ),
    "parameter_bars": lambda names: plots.parameter_bars(preset("gpt1-tiny"), names[0]),
    "rate_sweep": lambda names: plots.rate_sweep(
        results(
            {
                f"{name}, {rate:g}": [2.0 + i + rate]
                for i, name in enumerate(names)
                for rate in (1, 2)
            }
        ),
        levels={name: 1.0 for name in names},
    ),
    "reach_map": lambda names: plots.reach_map(preset("gpt3-tiny"), title=names[0]),
    "reliability_curve": lambda names: plots.reliability_curve(
        {name: ([0.55, 0.95, 1.0], [True, False, True]) for name in names}, title=names[0]
    ),
    "score_variance": lambda names: plots.score_variance([1, 10, 100], samples=100),
    "shots_bars": lambda names: plots.shots_bars(
        {name: {names[0]: 10.0 + i, names[1]: 20.0} for i, name in enumerate(names)},
        {name: 15.0 for name in names[:2]},
        title=names[0],
    ),
    "softmax_sharpness": lambda names: plots.softmax_sharpness(8),
    "stream_by_depth": lambda names: plots.stream_by_depth(
        {name: torch.arange(3.0) + i for i, name in enumerate(names)}, names[0]
    ),
    "stream_growth": lambda names: plots.stream_growth({name: [1.0, 2.0] for name in names}),
    "sudden_fall": lambda names: plots.sudden_fall(
        {
            name: [
                {"step": step, "val_loss": 3.0 - 0.5 * step, "accuracy_1": 0.2 * step + i / 10}
                for step in range(5)
            ]
            for i, name in enumerate(names)
        },
        {name: 1.0 for name in names},
        title=names[0],
    ),
    "weight_and_effect": lambda names: plots.weight_and_effect(
        torch.arange(8.0).view(2, 4) / 8, torch.arange(8.0).view(2, 4), 0.3, (0.1, 0.5)
    ),
    "weights_moved": lambda names: plots.weights_moved(
        {name: {part: 0.1 * i for part in names[:2]} for i, name in enumerate(names)}, names[0]
    ),
    "writer_bars": lambda names: plots.writer_bars(
        {name: i - 1.5 for i, name in enumerate(names)}, names[0]
    ),
    "timeline": lambda names: plots.timeline(
        {name: 2017.0 + i for i, name in enumerate(names)},
        {
            names[0]: {name: 10.0 ** (i + 5) for i, name in enumerate(names)},
            names[1]: {names[2]: 3},
        },
        estimated=names[2:3],
    ),
    "training_film": lambda names: plots.training_film(
        {0: 3.0, 5: 2.0},
        5,
        " ".join(names),
        weights(),
        names[:5],
        {name: 1.0 for name in names},
        title=names[0],
    ),
    "zero_shot_ratios": lambda names: plots.zero_shot_ratios(
        [
            PaperScore(name, names[-1], i % 2 == 0, 2.0, {names[0]: 1.0 + i, names[1]: 3.0})
            for i, name in enumerate(names)
        ],
        who=names[0],
        title=names[0],
    ),
}

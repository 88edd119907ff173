"""Can the attributes of drawn people be learnt? A small network, held-out persons, balanced accuracy.

Chance is 0.5 for every attribute. An attribute nobody can see stays there; one at 1.0 would be no task. The
threshold is the training rate of the attribute; nothing is tuned on the held-out persons. Some labels are
hidden by the viewpoint, so 1.0 is out of reach for them.

    python benchmarks/drawn_people_learnt.py [--images N] [--epochs N] [--difficulty D] [--json] [--write]

Takes three minutes of one processor core.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from torch import Tensor, nn

from attrieve.data.synthetic import DrawnPeopleConfig, draw_people, draw_values
from attrieve.schema import load_vocabulary
from measure import machine

RESULT = Path(__file__).parent.parent / "results" / "benchmark-drawn-people-learnt.json"
HELD_OUT = 1500
BATCH = 64
HEIGHT_PX, WIDTH_PX = 128, 64
ATTRIBUTES = load_vocabulary("peta35").names


def network() -> nn.Sequential:
    """Five convolutions and one linear layer."""
    layers: list[nn.Module] = []
    for before, after, stride in ((3, 24, 2), (24, 48, 2), (48, 96, 2), (96, 128, 2), (128, 128, 1)):
        convolution = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        layers += [convolution, nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.3), nn.Linear(128 * 8 * 4, len(ATTRIBUTES)))


def augment(pixels: Tensor, random: torch.Generator) -> Tensor:
    """Mirror, shift, brighten; ``pixels`` of shape (person_image, channel, height, width)."""
    if torch.rand(1, generator=random) < 0.5:
        pixels = pixels.flip(3)
    down, right = (int(torch.randint(-most, most + 1, (1,), generator=random)) for most in (6, 4))
    pixels = torch.roll(pixels, (down, right), (2, 3))
    gain, lift = torch.randn(2, len(pixels), 1, 1, 1, generator=random)
    return pixels * (1 + 0.2 * gain) + 0.1 * lift


def train(pixels: Tensor, wanted: Tensor, epochs: int) -> tuple[nn.Module, Tensor]:
    """Return the trained network and the logit above which it says yes, shape (attribute,)."""
    random = torch.Generator().manual_seed(0)
    model = network()
    rate = wanted.mean(0).clamp(0.003, 0.997)
    weight = ((1 - rate) / rate).clamp(max=30).sqrt()
    optimiser = torch.optim.AdamW(model.parameters(), weight_decay=0.05)
    steps = epochs * (len(pixels) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, steps)
    for epoch in range(epochs):
        order = torch.randperm(len(pixels), generator=random)
        for batch in order[: len(order) // BATCH * BATCH].split(BATCH):
            logits = model(augment(scaled(pixels[batch]), random))
            loss = nn.functional.binary_cross_entropy_with_logits(logits, wanted[batch], pos_weight=weight)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        print(f"epoch {epoch + 1} of {epochs}: loss {loss.item():.3f}", file=sys.stderr, flush=True)
    return model.eval(), torch.log(weight * rate / (1 - rate))


def scaled(pixels: Tensor) -> Tensor:
    """Return uint8 pixels as numbers from -1 to 1."""
    return pixels.float() / 127.5 - 1


@torch.no_grad()
def score(model: nn.Module, pixels: Tensor) -> Tensor:
    """Return logits averaged over the picture and its mirror image, shape (person_image, attribute)."""
    parts = [model(scaled(part)) + model(scaled(part).flip(3)) for part in pixels.split(250)]
    return torch.cat(parts) / 2


def run(images: int, epochs: int, difficulty: float) -> dict[str, object]:
    """Draw, train, and measure on persons the network has not seen."""
    torch.manual_seed(0)
    config = DrawnPeopleConfig(
        images=images + HELD_OUT, seed=5, height_px=HEIGHT_PX, width_px=WIDTH_PX, difficulty=difficulty
    )
    values, identity = draw_values(config)
    pixels = torch.from_numpy(np.stack(list(draw_people(config, workers=1)))).permute(0, 3, 1, 2)
    wanted = torch.from_numpy(values[:, : len(ATTRIBUTES)]).float()
    seen = torch.from_numpy(identity < identity[images])
    model, threshold = train(pixels[seen], wanted[seen], epochs)
    logits = score(model, pixels[~seen])
    truth = wanted[~seen].numpy().astype(bool)
    rows = {
        name: {
            "training_positives": int(wanted[seen, index].sum()),
            "held_out_positives": int(truth[:, index].sum()),
            "balanced_accuracy": balanced_accuracy_score(
                truth[:, index], (logits[:, index] > threshold[index]).numpy()
            ),
            "roc_auc": roc_auc_score(truth[:, index], logits[:, index].numpy()),
        }
        for index, name in enumerate(ATTRIBUTES)
    }
    return {
        "command": " ".join(["python", *sys.argv]),
        "machine": machine(),
        "images": images,
        "held_out_images": int((~seen).sum()),
        "epochs": epochs,
        "difficulty": difficulty,
        "size_px": [HEIGHT_PX, WIDTH_PX],
        "mean_balanced_accuracy": float(np.mean([row["balanced_accuracy"] for row in rows.values()])),
        "mean_roc_auc": float(np.mean([row["roc_auc"] for row in rows.values()])),
        "attributes": rows,
    }


def main() -> None:
    """Measure, then print or write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--images", type=int, default=3000)
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--difficulty", type=float, default=0.5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    report = run(options.images, options.epochs, options.difficulty)
    text = json.dumps(report, indent=2)
    if options.write:
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(text + "\n", "utf-8")
    if options.json:
        print(text)
        return
    for name, row in report["attributes"].items():  # type: ignore[attr-defined]
        print(f"{name:24} {row['training_positives']:5} {row['balanced_accuracy']:.3f} {row['roc_auc']:.3f}")


if __name__ == "__main__":
    main()

"""Checks on networks, for `ser_toolkit.testing.models.check_model`."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.errors import ComponentError
from ser_toolkit.inference import runtime
from ser_toolkit.interfaces import FeatureSpec, TargetSpec
from ser_toolkit.testing.checks import CheckResult, check, require, require_same

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ser_toolkit.interfaces import NeuralModel

__all__ = ["NetworkChecks"]

Inputs = Mapping[str, FeatureSpec]

IMAGE = FeatureSpec(shape=(1, 128, 126), axes=("channel", "mel", "frame"), unit="dB")
VECTOR = FeatureSpec(shape=(88,), axes=("feature",), unit="mixed")
SEQUENCE = FeatureSpec(shape=(None, 40), axes=("frame", "feature"), unit="mixed")
CHOICES: tuple[Inputs, ...] = (
    {"image": IMAGE, "vector": VECTOR}, {"vector": VECTOR}, {"image": IMAGE}, {"sequence": SEQUENCE},
)  # fmt: skip
"""Inputs to check with where none are given: the first that the model builds for."""

TOLERANCE = 1e-4
"""Largest difference of logits between batches, and between torch and ONNX Runtime."""

N_STEPS = 25
RATES = (3e-4, 3e-3, 3e-2)
"""Training steps, at each learning rate, in which a network must learn eight segments by heart."""


class NetworkChecks:
    """The checks on one network; they need torch, and for the last onnxscript and onnxruntime.

    Parameters
    ----------
    model : NeuralModel
        The model, configured.
    inputs : mapping of str to FeatureSpec or None
        What it is built for; None tries `CHOICES`.
    target : TargetSpec
        What it predicts.
    """

    def __init__(self, model: NeuralModel, inputs: Inputs | None, target: TargetSpec) -> None:
        self.model, self.target = model, target
        self.choices = CHOICES if inputs is None else (inputs,)
        self.inputs = self.choices[0]
        self.labels = [i % len(target.labels) for i in range(8)]
        self.reached: set[str] = set()

    def run(self) -> list[CheckResult]:
        """All checks; the later ones only for a network whose outputs can be used."""
        import torch

        with torch.random.fork_rng():
            results = [check("builds", self.build)]
            if results[0].passed:
                results.append(check("outputs", self.outputs))
            if results[-1].passed:
                checks = {"seeded": self.seeded, "repeats": self.repeats, "batch of one": self.batch_of_one}
                if any(spec.varies for spec in self.inputs.values()):
                    checks["padding"] = self.padding
                checks |= {"overfits 8 segments": self.overfits, "gradients": self.gradients, "ONNX": self.onnx}
                results += [check(name, function) for name, function in checks.items()]
        return results

    def build(self) -> str:
        """Choose the inputs and build the network."""
        import torch

        for i, inputs in enumerate(self.choices):
            try:
                torch.manual_seed(0)
                self.net, self.inputs = self.model.build(inputs, (self.target,)), inputs
                break
            except ComponentError:
                if i + 1 == len(self.choices):
                    raise
        require(isinstance(self.net, torch.nn.Module), f"build returned {type(self.net).__name__}, no torch.nn.Module")
        n = sum(p.numel() for p in self.net.parameters() if p.requires_grad)
        return f"{n:,} parameters for {', '.join(self.inputs)}"

    def features(self, n: int) -> dict[str, Tensor]:
        """Random standardized segments, each with a mean of its own for networks that average over frames.

        Inputs that vary differ in length, and hold 3.0 beyond it.
        """
        import torch

        batch: dict[str, Tensor] = {}
        generator = torch.Generator().manual_seed(n)
        for name, spec in self.inputs.items():
            lengths = torch.tensor([100 + 9 * (i % 4) for i in range(n)])
            shape = [s or int(lengths.max()) for s in spec.shape]
            still = [1 if axis == "frame" or s is None else s for axis, s in zip(spec.axes, spec.shape, strict=True)]
            noise, mean = (torch.randn((n, *size), generator=generator) for size in (shape, still))
            batch[name] = 0.7 * noise + 0.7 * mean
            if spec.varies:
                axis = spec.shape.index(None)
                for row, length in zip(batch[name], lengths.tolist(), strict=True):
                    row.narrow(axis, length, row.shape[axis] - length).fill_(3.0)
                batch[f"{name}_length"] = lengths
        return batch

    def logits(self, features: Mapping[str, Tensor]) -> Tensor:
        """Result of the network in evaluation mode."""
        import torch

        self.net.eval()
        with torch.no_grad():
            result: Tensor = self.net(**features)[self.target.name]
        return result

    def loss(self, features: Mapping[str, Tensor]) -> Tensor:
        """Cross entropy of the network, in the mode it is in."""
        import torch

        return torch.nn.functional.cross_entropy(self.net(**features)[self.target.name], torch.tensor(self.labels))

    def outputs(self) -> None:
        """A dict of one float tensor (batch, classes) per target."""
        n = len(self.target.labels)
        result = self.net.eval()(**self.features(5))
        require(isinstance(result, Mapping), f"forward returned {type(result).__name__}, not a dict")
        require(list(result) == [self.target.name], f"keys {list(result)}, not [{self.target.name!r}]")
        logits = result[self.target.name]
        require(tuple(logits.shape) == (5, n), f"shape {tuple(logits.shape)} for a batch of 5, not (5, {n})")
        require(logits.is_floating_point() and logits.isfinite().all(), "logits are not all finite numbers")

    def seeded(self) -> None:
        """The same weights after the same seed."""
        import torch

        torch.manual_seed(0)
        again = self.model.build(self.inputs, (self.target,)).state_dict()
        for name, value in self.net.state_dict().items():
            require(name in again and torch.equal(value, again[name]), f"{name} differs after torch.manual_seed(0)")

    def repeats(self) -> str:
        """The same result twice."""
        features = self.features(5)
        return require_same(self.logits(features), self.logits(features), "two passes", tolerance=0.0)

    def batch_of_one(self) -> str:
        """Segments do not influence each other."""
        features = self.features(5)
        alone = [self.logits({name: x[i : i + 1] for name, x in features.items()}) for i in range(5)]
        return require_same(
            self.logits(features), np.concatenate(alone), "a batch of 5 and its segments alone", tolerance=TOLERANCE
        )

    def padding(self) -> str:
        """What stands beyond the length of a segment has no influence."""
        features, bare = self.features(4), []
        for i in range(4):
            one = {name: x[i : i + 1] for name, x in features.items()}
            for name, spec in self.inputs.items():
                if spec.varies:
                    one[name] = one[name].narrow(1 + spec.shape.index(None), 0, int(one[f"{name}_length"]))
            bare.append(self.logits(one))
        return require_same(
            self.logits(features), np.concatenate(bare), "segments with padding and without", tolerance=TOLERANCE
        )

    def overfits(self) -> str:
        """Training drives the loss of a few random segments far below chance."""
        import torch

        features = self.features(8)
        start = {name: value.clone() for name, value in self.net.state_dict().items()}
        bound, best = 0.25 * math.log(len(self.target.labels)), math.inf
        self.note_gradients(features)
        for rate in RATES:
            self.net.load_state_dict(start)
            optimizer = torch.optim.Adam(self.train().parameters(), lr=rate)
            for step in range(N_STEPS):
                loss = self.loss(features)
                best = min(best, loss.item())
                if best < bound:
                    return f"loss {best:.2f} after {step} steps at rate {rate:g}"
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
        require(
            False,
            f"the cross entropy of 8 random segments is still {best:.3f} after {N_STEPS} steps of Adam at "
            f"each rate of {', '.join(f'{r:g}' for r in RATES)}; it must fall below {bound:.3f}, a quarter of chance",
        )
        return ""

    def train(self) -> nn.Module:
        """The network in training mode, but with nothing dropped: eight segments are too few for that."""
        from torch import nn

        for module in self.net.train().modules():
            if isinstance(module, nn.Dropout | nn.Dropout1d | nn.Dropout2d | nn.Dropout3d | nn.AlphaDropout):
                module.eval()
        return self.net

    def note_gradients(self, features: Mapping[str, Tensor]) -> None:
        """Note which parameters a gradient reaches, in evaluation mode: batch normalization cancels some."""
        self.net.eval()
        self.net.zero_grad()
        self.loss(features).backward()  # type: ignore[no-untyped-call]
        for name, parameter in self.net.named_parameters():
            if parameter.grad is not None and parameter.grad.isfinite().all() and parameter.grad.any():
                self.reached.add(name)

    def gradients(self) -> None:
        """A gradient reaches all parameters, before or after training: some start with a factor of zero."""
        self.note_gradients(self.features(8))
        missed = [name for name, p in self.net.named_parameters() if p.requires_grad and name not in self.reached]
        require(not missed, f"no finite gradient but zero reaches {', '.join(missed[:5])} ({len(missed)} in all)")

    def onnx(self) -> str:
        """Torch and ONNX Runtime agree, in batches of 1, 3 and 8."""
        onnxruntime = runtime()

        names = [key for name, spec in self.inputs.items() for key in (name, f"{name}_length")[: 1 + spec.varies]]
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        graph = self.export(names)
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        batches = [self.features(n) for n in (1, 3, 8)]
        results = [session.run(None, {name: batch[name].numpy() for name in names})[0] for batch in batches]
        expected = [self.logits(batch) for batch in batches]
        return require_same(
            np.concatenate(expected), np.concatenate(results), "torch and ONNX Runtime", tolerance=TOLERANCE
        )

    def export(self, names: list[str]) -> bytes:
        """The network as ONNX, with free sizes where the batch and the inputs vary."""
        import torch

        net, target = self.net.eval(), self.target.name

        class Positional(torch.nn.Module):  # the exporter takes no keyword arguments of free names
            def __init__(self) -> None:
                super().__init__()
                self.net = net

            def forward(self, *values: Tensor) -> Tensor:
                result: Tensor = self.net(**dict(zip(names, values, strict=True)))[target]
                return result

        batch = self.features(3)
        free: list[dict[int, Any]] = []
        for name in names:
            shape = self.inputs[name].shape if name in self.inputs else ()
            varying = {1 + i: torch.export.Dim.DYNAMIC for i, size in enumerate(shape) if size is None}
            free.append({0: torch.export.Dim("batch"), **varying})
        with _quiet():
            program = torch.onnx.export(
                Positional().eval(),
                tuple(batch[name] for name in names),
                input_names=names,
                output_names=[target],
                dynamic_shapes=(tuple(free),),
                dynamo=True,
                external_data=False,
                verbose=False,
            )
        require(program is not None, "torch.onnx.export returned nothing")
        graph: bytes = program.model_proto.SerializeToString()  # type: ignore[union-attr]
        return graph


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's warnings off the terminal."""
    import logging
    import warnings

    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)

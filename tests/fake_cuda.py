"""A GPU that is not there: tensors that claim to be on another device, with their values kept on the CPU.

torch's device type for plug-ins stands for CUDA (a build of torch without CUDA cannot differentiate tensors that claim to be CUDA's own),
and is called ``fake``. An operation on tensors of two devices raises, and so does ``.numpy()``, as on a GPU. Where the host would
wait for the device, because a value is asked for (``float``, ``bool``, a shape that depends on values, the check of a factorisation)
or copied between the two, ``FakeCuda`` notes it, and inside ``no_waiting()`` raises. Random numbers are those of the CPU, so a fit gives
the same result on both.

torch looks for devices once, so the cases of a test module run in a process of their own (``outcomes``):

    python -m tests.fake_cuda tests.probrm_models.test_fake_cuda
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import subprocess
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._mode_utils import no_dispatch
from torch.utils._python_dispatch import TorchDispatchMode

DEVICE = "fake"
ROOT = Path(__file__).resolve().parents[1]

_ASKING = {"_local_scalar_dense", "nonzero", "_unique2", "unique_dim", "unique_consecutive", "masked_select", "equal", "bincount"}
_ASKING |= {"_linalg_check_errors", "repeat_interleave"}
"""Operations whose result the host waits for: a number, or a shape that depends on values."""
_COPIES = {"_to_copy", "copy_"}
_INDEXING = {"index", "index_put_", "_index_put_impl_", "index_put", "_unsafe_index"}


class HostWaits(RuntimeError):
    """The host would wait for the device."""


class DevicesDiffer(RuntimeError):
    """One operation on tensors of two devices."""


class FakeTensor(torch.Tensor):
    """Claims to be on the fake device; ``held`` has the values."""

    held: Tensor

    @staticmethod
    def __new__(cls, real: Tensor) -> Any:
        made = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, real.size(), strides=real.stride(), storage_offset=real.storage_offset(), dtype=real.dtype, device=torch.device(DEVICE, 0)
        )
        made.held = real
        return made

    def __repr__(self, **_: Any) -> str:  # type: ignore[override]
        return f"FakeTensor({self.held!r})"

    def __tensor_flatten__(self) -> tuple[list[str], None]:
        return ["held"], None  # with this, modules can be moved and cast

    @staticmethod
    def __tensor_unflatten__(inner: Mapping[str, Tensor], meta: None, size: Any, stride: Any) -> FakeTensor:
        return FakeTensor(inner["held"])

    def tolist(self) -> Any:
        return self.detach().cpu().tolist()

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


class FakeCuda(TorchDispatchMode):
    """While it is open, tensors can be made on the device ``fake``."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


class _Watch:
    """Where the host waited, and whether it may."""

    places: list[str] | None = None
    forbidden = False


@contextmanager
def no_waiting() -> Iterator[None]:
    """Raises ``HostWaits`` where the host would wait for the device."""
    before, _Watch.forbidden = _Watch.forbidden, True
    try:
        yield
    finally:
        _Watch.forbidden = before


@contextmanager
def noting() -> Iterator[list[str]]:
    """The places at which the host would wait, as they come."""
    before, _Watch.places = _Watch.places, []
    try:
        yield _Watch.places
    finally:
        _Watch.places = before


def _waits(what: str) -> None:
    if _Watch.places is not None:
        ours = [
            frame
            for frame in traceback.extract_stack()
            if str(ROOT) in frame.filename and "site-packages" not in frame.filename and frame.filename != __file__
        ]
        _Watch.places.append(f"{what} in {ours[-1].name}" if ours else what)
    if _Watch.forbidden:
        raise HostWaits(what)


def _is_fake(device: Any) -> bool:
    return device is not None and (device.type if isinstance(device, torch.device) else str(device).partition(":")[0]) == DEVICE


def _held(value: Tensor) -> Tensor:
    return value.held if isinstance(value, FakeTensor) else value


def _each(values: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """The same nest of lists and tuples with every tensor changed."""
    if isinstance(values, Tensor):
        return change(values)
    if isinstance(values, list | tuple):
        return type(values)(_each(value, change) for value in values)
    return values


def _wrapped(value: Tensor) -> Tensor:
    return value if isinstance(value, FakeTensor) else FakeTensor(value)


def _tensors(values: Any) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)


def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """One operation on the values, with what a GPU would say to it."""
    tensors = [*_tensors(args), *_tensors(kwargs.values())]
    ours = [t for t in tensors if isinstance(t, FakeTensor)]
    device = kwargs.get("device")
    if not ours and not _is_fake(device):
        return func(*args, **kwargs)
    name = func._schema.name.removeprefix("aten::")
    _check(name, args, tensors, ours, device)
    if _is_fake(device):
        kwargs = {**kwargs, "device": torch.device("cpu")}
    out = func(*_each(args, _held), **{key: _each(value, _held) for key, value in kwargs.items()})
    if torch.Tag.inplace_view in func.tags and isinstance(args[0], FakeTensor):
        with no_dispatch():  # the shape that the outside claims, too
            func(*args, **kwargs)
        return args[0]
    if func._schema.is_mutable:  # what was changed is handed back itself
        known = {id(_held(t)): t for t in tensors}
        return _each(out, lambda t: known[id(t)] if id(t) in known else _wrapped(t))
    stays = _is_fake(device) if device is not None else bool(ours)
    return _each(out, _wrapped) if stays else out


def _check(name: str, args: Any, tensors: list[Tensor], ours: list[Any], device: Any) -> None:
    here = [t for t in tensors if not isinstance(t, FakeTensor)]
    if name in _ASKING and ours:
        _waits(name)
    if name in _COPIES:
        source, target = (args[1], args[0]) if name == "copy_" else (args[0], None)
        to_fake = isinstance(target, FakeTensor) if target is not None else _is_fake(device) if device is not None else bool(ours)
        if to_fake != isinstance(source, FakeTensor) and source.numel():
            _waits(f"{name} {'to' if to_fake else 'from'} the device")
    elif name in _INDEXING:
        if isinstance(args[0], FakeTensor) and any(t.numel() for t in here):
            _waits(f"{name} by a tensor on the CPU")
    elif ours and any(t.dim() for t in here):  # one number on the CPU may meet tensors on a GPU
        raise DevicesDiffer(
            f"{name} of tensors on {sorted({str(t.device) for t in tensors})} with shapes {[tuple(t.shape) for t in tensors]}"
        )


def register() -> None:
    """Makes the device known to torch; before anything is differentiated."""
    from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _setup_privateuseone_for_python_backend(DEVICE)
    torch._C._set_only_lift_cpu_tensors(True)  # torch.tensor then makes numbers on the CPU and copies them, which can be seen


def accept_any_device() -> None:
    """Lets fits be asked to run on the fake device, which is not among those that a user can name."""
    import probrm.inference.device as room

    original = room.resolve_device
    for module in list(sys.modules.values()):
        if getattr(module, "resolve_device", None) is original:
            module.resolve_device = lambda device, numbers=None: device  # type: ignore[attr-defined]


@functools.cache
def outcomes(module: str, *names: str) -> Mapping[str, str]:
    """What became of each function in ``CASES`` of a test module, or of those named: nothing, or the error, by its name."""
    done = subprocess.run([sys.executable, "-m", "tests.fake_cuda", module, *names], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def _main(module: str, *names: str) -> None:
    register()
    torch.set_num_threads(1)
    cases: Mapping[str, Callable[[], None]] = importlib.import_module(module).CASES
    found = {}
    for name, case in cases.items():
        if names and name not in names:
            continue
        torch.manual_seed(0)
        try:
            with FakeCuda():
                case()
            found[name] = ""
        except Exception as error:
            found[name] = f"{type(error).__name__}: {error}\n{''.join(traceback.format_tb(error.__traceback__))}"
    print(json.dumps(found), flush=True)
    os._exit(0)  # torch's threads for devices do not end by themselves


if __name__ == "__main__":
    import tests.fake_cuda  # the module under its own name, whose classes the cases see

    tests.fake_cuda._main(*sys.argv[1:])

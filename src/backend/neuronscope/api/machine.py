"""The machine that the server runs on: processor, memory, GPUs."""

from __future__ import annotations

import sys

import psutil

from neuronscope.api.schemas.system import Cpu, Gpu, Memory, System

_PROCESS = psutil.Process()


def describe(*, ready: bool) -> System:
    """What the machine has and uses at this moment."""
    memory = psutil.virtual_memory()
    return System(
        cpu=Cpu(count=psutil.cpu_count() or 1, percent=psutil.cpu_percent(None)),
        memory=Memory(rss_bytes=_PROCESS.memory_info().rss, available_bytes=memory.available, total_bytes=memory.total),
        gpus=_gpus() if ready else [],
        ready=ready,
    )


def _gpus() -> list[Gpu]:
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return []
    found = []
    for number in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(number)
        found.append(
            Gpu(name=torch.cuda.get_device_name(number), total_bytes=total, free_bytes=free, used_bytes=total - free)
        )
    return found

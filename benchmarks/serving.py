"""Requests per second of ``probrm serve``, one text a request, against what the encoder alone takes.

    python -m benchmarks.serving RUN [--data examples/test_log.parquet] [--seconds 15] [--clients 1 8 32] [--many 100000]

The server is a process of its own, the clients another, and both share the machine; the ceiling is the encoder on the same texts, in this process, in
batches as large as the server's, before the server starts. ``--many`` asks so often at the end and prints the server's memory on the way.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

import probrm
from probrm.data import Conversation
from probrm.recipes.encoding import vectors_now
from probrm.serving.limits import Limits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--data", default="examples/test_log.parquet")
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--clients", type=int, nargs="*", default=[1, 8, 32])
    parser.add_argument("--many", type=int, default=0)
    arguments = parser.parse_args()
    rows = pq.read_table(arguments.data, columns=["prompt", "response"]).to_pylist()
    texts = [Conversation(row["prompt"], row["response"]) for row in rows]
    alone, together = (ceiling(arguments.run, texts, size, arguments.seconds) for size in (1, Limits().together))
    print(f"encoder alone: {alone:.0f} texts/s one by one, {together:.0f} in batches of {Limits().together}")
    bodies = [json.dumps({"query": [row["prompt"] + row["response"]], "prompts": [row["prompt"]]}).encode() for row in rows]
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("probrm")), "serve", arguments.run, "--port", "0", "--quiet"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline().rpartition(":")[2])
        table = Table("clients", "requests/s", "of the encoder one by one", "of the encoder in batches", "p50, ms", "p99, ms")
        for clients in arguments.clients:
            found = np.array(asyncio.run(load(port, bodies, clients, arguments.seconds)))
            rate = len(found) / arguments.seconds
            ends = np.quantile(found, [0.5, 0.99]) * 1000
            table.add_row(str(clients), f"{rate:.1f}", f"{rate / alone:.2f}", f"{rate / together:.2f}", *(f"{end:.0f}" for end in ends))
        Console(width=120).print(table)
        if arguments.many:
            remember(process.pid, port, bodies, arguments.many)
    finally:
        process.terminate()
        process.wait()


def ceiling(run: str, texts: list[Conversation], size: int, seconds: float) -> float:
    """Texts a second of the encoder."""
    fitted, done, at = probrm.load(run), 0, 0
    vectors_now(fitted, texts[:size])  # loads it
    begun = time.perf_counter()
    while time.perf_counter() - begun < seconds:
        vectors_now(fitted, texts[at : at + size])
        done, at = done + size, (at + size) % (len(texts) - size)
    return done / (time.perf_counter() - begun)


async def load(port: int, bodies: list[bytes], clients: int, seconds: float) -> list[float]:
    """Seconds of each request that ended in time."""
    found: list[float] = []
    end = time.perf_counter() + seconds

    async def one(at: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < end:
            begun = time.perf_counter()
            await ask(reader, writer, bodies[at % len(bodies)])
            if time.perf_counter() < end:
                found.append(time.perf_counter() - begun)
            at += clients
        writer.close()

    await asyncio.gather(*(one(i) for i in range(clients)))
    return found


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes) -> Any:
    """One request on an open connection, its answer checked."""
    head = f"POST /get_reward HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    told = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    assert told.startswith("http/1.1 200"), told
    length = int(told.partition("content-length:")[2].split("\r\n", 1)[0])
    return json.loads(await reader.readexactly(length))["rewards"][0]


def remember(pid: int, port: int, bodies: list[bytes], many: int) -> None:
    """Resident memory of the server after each tenth of so many requests."""

    async def some(count: int) -> None:
        async def one(share: int) -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for i in range(share):
                await ask(reader, writer, bodies[i % len(bodies)])
            writer.close()

        await asyncio.gather(*(one(count // 32) for _ in range(32)))

    for i in range(10):
        asyncio.run(some(many // 10))
        resident = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
        print(f"{(i + 1) * many // 10} requests: {int(resident.split()[1]) / 1024:.0f} MB", flush=True)


if __name__ == "__main__":
    main()

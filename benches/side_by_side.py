#!/usr/bin/env python3
"""Runs the kernel beside other simulators, in turns, and prints the lowest times and their ratios
(Markdown): on a machine that does other work too, the lowest repeats best.

    side_by_side.py KERNEL PEERS [--reps 5] [--m 3000000] [--instructions]

KERNEL is the benchmark's binary (`cargo bench --bench kernel --no-run` prints its path), PEERS the
folder with the drivers of the others. Ratios are to the hand-written kernel over the standard heap.
"""

import argparse
import json
import os
import re
import statistics
import subprocess

WORKLOADS = [
    ("PHOLD 1,024 x 1", "phold --n 1024 --k 1", ""),
    ("PHOLD 65,536 x 16", "phold --n 65536 --k 16", ""),
    ("timer churn 1,000", "churn --n 1000", " --cancel soft"),
    ("timer churn 100,000", "churn --n 100000", " --cancel soft"),
    ("ping/pong 100", "pingpong --n 100", ""),
    ("M/M/1", "mm1", ""),
]

parser = argparse.ArgumentParser()
parser.add_argument("kernel")
parser.add_argument("peers")
parser.add_argument("--reps", type=int, default=5)
parser.add_argument("--m", type=int, default=3_000_000)
parser.add_argument("--instructions", action="store_true", help="count instructions instead")
args = parser.parse_args()


def drivers(workload, soft):
    """(name, command) of each simulator that can do the workload; the first is the base."""
    hand = os.path.join(args.peers, "peer-kernel")
    yield "hand-written, std heap", f"{hand} {workload} --queue std_heap_24B"
    yield "hand-written, best list", f"{hand} {workload} --queue radix256{soft}"
    yield "**ours, digest on**", f"{args.kernel} {workload} --digest on"
    yield "ours, digest off", f"{args.kernel} {workload} --digest off"
    for peer in ("simcore", "simrs", "desim"):
        binary = os.path.join(args.peers, f"peer-{peer}")
        if os.path.exists(binary) and not (peer == "desim" and workload.startswith("churn")):
            yield peer, f"{binary} {workload}"


def run(command, prefix=()):
    done = subprocess.run([*prefix, *command.split()], capture_output=True, text=True, check=True)
    line = next(line for line in done.stdout.splitlines() if line.startswith("{"))
    return json.loads(line), done.stderr


def instructions(command):
    """Instructions an event: the difference of two lengths, so that the setup cancels out."""
    counts = []
    for m in (200_000, 600_000):
        tool = ("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null")
        result, log = run(f"{command} --m {m}", tool)
        counts.append((int(re.search(r"Collected : (\d+)", log)[1]), result["events"]))
    (low, low_events), (high, high_events) = counts
    return (high - low) / (high_events - low_events)


for title, workload, soft in WORKLOADS:
    rows, checksums = {}, set()
    large = "65536" in workload or "100000" in workload
    if args.instructions and large:
        continue  # there the cache decides, not the count
    for _ in range(1 if args.instructions else args.reps):
        for name, command in drivers(workload, soft):
            if args.instructions:
                rows[name] = [instructions(command)]
            else:
                result, _ = run(f"{command} --m {args.m}")
                rows.setdefault(name, []).append(result["ns_per_event"])
                checksums.add((result["events"], result["checksum"]))
    assert len(checksums) <= 1, f"{workload}: not the same work: {checksums}"
    base = min(next(iter(rows.values())))
    unit = "instructions" if args.instructions else "ns"
    print(f"\n| {title} | {unit}/event (median) | to std heap |\n|---|---:|---:|")
    for name, values in rows.items():
        middle = "" if args.instructions else f" ({statistics.median(values):.1f})"
        print(f"| {name} | {min(values):.1f}{middle} | {min(values) / base:.2f}x |", flush=True)

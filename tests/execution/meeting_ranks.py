"""Ranks that meet at the master's address, and leave in the same step once any of them was told to stop."""

from __future__ import annotations

from typing import Final

RANKS: Final = """
import os, pathlib, signal, socket, sys, time
rank, width, folder = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]), os.environ["CARBONSCHED_CHECKPOINT"]
meeting = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
stops = []
signal.signal(signal.SIGTERM, lambda *_: stops.append(1))
lines = []
if rank == 0:
    with socket.create_server(meeting) as door:
        lines = [door.accept()[0] for _ in range(width - 1)]
while rank and not lines:
    try:
        lines = [socket.create_connection(meeting)]
    except ConnectionRefusedError:
        time.sleep(0.05)
def any_rank(mark):
    # The largest mark of all ranks, by way of rank 0.
    if rank:
        lines[0].sendall(bytes([mark]))
        return lines[0].recv(1)[0]
    most = max([mark, *(line.recv(1)[0] for line in lines)])
    for line in lines:
        line.sendall(bytes([most]))
    return most
saved = pathlib.Path(folder, "step")
step = int(saved.read_text()) if saved.exists() else 0
gpus = len(os.environ["CUDA_VISIBLE_DEVICES"].split(","))
told = os.environ.get("CARBONSCHED_GPUS")
def say(text):
    # In one write: the ranks share a file, and unbuffered as under Ray, print would write each word on its own.
    sys.stdout.write(f"rank {rank} {text}\\n")
    sys.stdout.flush()
say(f"of {width} starts at {step} gpus {gpus} told {told}")
asked = 0
while step < 100 and not asked:
    time.sleep(float(sys.argv[1]) / 100)
    step += 1
    if rank == 0:
        pathlib.Path(os.environ["CARBONSCHED_PROGRESS"]).write_text(str(step / 100))
    asked = any_rank(len(stops))
if rank == 0:
    saved.write_text(str(step))
end = time.time() + 10
while asked and not stops and time.time() < end:
    time.sleep(0.02)  # another rank may have heard of it first
time.sleep(0.3)
say(f"saved {step} stops {len(stops)}")
"""

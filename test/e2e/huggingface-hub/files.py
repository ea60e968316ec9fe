"""Reads files as if they were on this machine: lists, globs, seeks, and prints what it found as JSON.

    HF_ENDPOINT=http://127.0.0.1:8642 python files.py owner/name 'data/*.bin'
"""

import hashlib
import json
import sys

import fsspec
from huggingface_hub import HfFileSystem

repo, pattern = sys.argv[1:]
files = HfFileSystem()


def sha256(file):
    return hashlib.file_digest(file, "sha256").hexdigest()


def in_repo(path):
    return path.removeprefix(f"{repo}/")


found = {in_repo(path): info["size"] for path, info in files.find(repo, detail=True).items()}
matching = files.glob(f"{repo}/{pattern}")
sums = {}
for path in matching:
    with fsspec.open(f"hf://{path}") as file:  # what pandas, duckdb and others do with an hf:// URL
        sums[in_repo(path)] = sha256(file)

largest = max(matching, key=files.size)
with files.open(largest, block_size=4096) as file:  # one range request for each place that is read
    file.seek(-10, 2)
    last = file.read()
    file.seek(1000)
    middle = file.read(10)

print(
    json.dumps(
        {
            "found": found,
            "sha256": sums,
            "largest": in_repo(largest),
            "middle": middle.hex(),
            "last": last.hex(),
            "at the tag": files.exists(f"{repo}@v1/README.md"),
            "not there": files.exists(f"{repo}/no/such.txt"),
        }
    )
)

"""Loads a dataset of Parquet, CSV and JSON Lines, whole and as a stream, and prints what the rows are, as JSON.

    HF_ENDPOINT=http://127.0.0.1:8642 python load.py owner/name load
    HF_ENDPOINT=http://127.0.0.1:8642 python load.py owner/name stream
"""

import hashlib
import json
import sys

import pandas
from datasets import load_dataset

repo, how = sys.argv[1:]


def told(rows):
    rows = list(rows)
    text = "".join(f"{row['id']},{row['text']},{row['label']}\n" for row in rows)
    return {"rows": len(rows), "sha256": hashlib.sha256(text.encode()).hexdigest()}


def rows(files=None, **how):
    return load_dataset(repo, data_files=files, split="train", **how)


url = f"hf://datasets/{repo}/parquet/train.parquet"
answers = {
    "load": {
        "as its card says": lambda: told(rows()),
        "csv": lambda: told(rows("csv/train.csv")),
        "jsonl": lambda: told(rows("jsonl/*.jsonl")),
        "at a tag": lambda: told(rows("csv/train.csv", revision="v1")),
        "by URL": lambda: told(load_dataset("parquet", data_files=url, split="train")),
    },
    "stream": {
        "as its card says": lambda: told(rows(streaming=True)),
        "csv": lambda: told(rows("csv/train.csv", streaming=True)),
        "jsonl": lambda: told(rows("jsonl/*.jsonl", streaming=True)),
        "the first rows": lambda: told(rows(streaming=True).take(100)),
        "pandas": lambda: told(pandas.read_parquet(url).to_dict("records")),
    },
}
print(json.dumps({name: ask() for name, ask in answers[how].items()}))

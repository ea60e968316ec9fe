"""Loads a dataset with the datasets library and prints its splits' sizes and one row as JSON.

    HF_ENDPOINT=http://127.0.0.1:8642 python dataset.py owner/name main
"""

import json
import sys

from datasets import load_dataset

repo_id, revision = sys.argv[1:3]
splits = load_dataset(repo_id, revision=revision)
rows = {name: split.num_rows for name, split in splits.items()}
print(json.dumps({"rows": rows, "tenth": splits["train"][10]}))

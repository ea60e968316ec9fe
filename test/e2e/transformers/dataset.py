"""Loads a dataset with the datasets library and prints its splits' sizes and one row, for each revision, as JSON.

    HF_ENDPOINT=http://127.0.0.1:8642 python dataset.py owner/name main
"""

import json
import sys

from datasets import load_dataset


def load(repo_id, revision):
    splits = load_dataset(repo_id, revision=revision)
    return {"rows": {name: split.num_rows for name, split in splits.items()}, "tenth": splits["train"][10]}


print(json.dumps([load(sys.argv[1], revision) for revision in sys.argv[2:]]))

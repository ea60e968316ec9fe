"""Downloads files of torch.save, reads them without running any code of theirs, and prints shapes and sums as JSON.

    HF_ENDPOINT=http://127.0.0.1:8642 python checkpoint.py owner/name main path/in/repo.pth
"""

import json
import sys

import torch
from huggingface_hub import hf_hub_download


def read(repo_id, revision, path):
    checkpoint = torch.load(hf_hub_download(repo_id, path, revision=revision), weights_only=True)
    return {
        "shapes": {name: list(weight.shape) for name, weight in checkpoint["weight"].items()},
        "finite": all(torch.isfinite(weight).all().item() for weight in checkpoint["weight"].values()),
        "info": checkpoint.get("info"),
    }


repo_id, revision, *paths = sys.argv[1:]
print(json.dumps({path: read(repo_id, revision, path) for path in paths}))

"""Downloads a file of torch.save, reads it without running any code of it, and prints its shapes and sums as JSON.

    HF_ENDPOINT=http://127.0.0.1:8642 python checkpoint.py owner/name main path/in/repo.pth
"""

import json
import sys

import torch
from huggingface_hub import hf_hub_download

repo_id, revision, path = sys.argv[1:4]
checkpoint = torch.load(hf_hub_download(repo_id, path, revision=revision), weights_only=True)
shapes = {name: list(weight.shape) for name, weight in checkpoint["weight"].items()}
finite = all(torch.isfinite(weight).all().item() for weight in checkpoint["weight"].values())
print(json.dumps({"shapes": shapes, "finite": finite, "info": checkpoint.get("info")}))

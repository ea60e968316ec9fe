"""Loads a model and its tokenizer, runs one sentence through them, and prints what came out, for each, as JSON.

    HF_ENDPOINT=http://127.0.0.1:8642 python load.py owner/name@main owner/name@v1
"""

import json
import sys

import torch
from transformers import AutoConfig, AutoModel, AutoTokenizer


def load(repo_id, revision):
    config = AutoConfig.from_pretrained(repo_id, revision=revision)
    tokenizer = AutoTokenizer.from_pretrained(repo_id, revision=revision)
    model = AutoModel.from_pretrained(repo_id, revision=revision).eval()
    inputs = tokenizer("Hello 世界", return_tensors="pt")
    with torch.no_grad():
        hidden = model(**inputs).last_hidden_state
    return {
        "type": config.model_type,
        "tokens": tokenizer.convert_ids_to_tokens(inputs["input_ids"][0]),
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "shape": list(hidden.shape),
        "mean": hidden.abs().mean().item(),
    }


print(json.dumps([load(*wanted.split("@")) for wanted in sys.argv[1:]]))

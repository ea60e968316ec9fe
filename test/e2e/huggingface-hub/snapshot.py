"""Downloads a whole repo with huggingface_hub and prints the folder: HF_ENDPOINT says from where.

    HF_ENDPOINT=http://127.0.0.1:8642 python snapshot.py model owner/name main
"""

import sys

from huggingface_hub import snapshot_download

repo_type, repo_id, revision = sys.argv[1:4]
print(snapshot_download(repo_id, repo_type=repo_type, revision=revision))

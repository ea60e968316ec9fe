"""Downloads whole repos with huggingface_hub and prints their folders as JSON: HF_ENDPOINT says from where.

    HF_ENDPOINT=http://127.0.0.1:8642 python snapshot.py model owner/name main dataset owner/other main
"""

import json
import sys

from huggingface_hub import snapshot_download

wanted = zip(*[iter(sys.argv[1:])] * 3)
print(json.dumps([snapshot_download(id, repo_type=type, revision=revision) for type, id, revision in wanted]))

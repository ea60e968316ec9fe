"""Asks for what is not there, or not for everyone, and prints as JSON which error tells so.

    HF_ENDPOINT=http://127.0.0.1:8642 python errors.py owner/name owner/private owner/gated
"""

import json
import sys

from huggingface_hub import HfApi, auth_check, hf_hub_download, snapshot_download

repo, private, gated = sys.argv[1:]


def error_of(ask):
    try:
        ask()
        return None
    except Exception as error:
        return type(error).__name__


print(
    json.dumps(
        {
            "no such file": error_of(lambda: hf_hub_download(repo, "no/such.txt")),
            "no such file, asked again": error_of(lambda: hf_hub_download(repo, "no/such.txt")),
            "no such revision": error_of(lambda: hf_hub_download(repo, "README.md", revision="none")),
            "no such commit": error_of(lambda: snapshot_download(repo, revision="0" * 40)),
            "no such repo": error_of(lambda: snapshot_download(f"{repo}-not")),
            "another type of repo": error_of(lambda: snapshot_download(repo, repo_type="dataset")),
            "private": error_of(lambda: hf_hub_download(private, "README.md")),
            "gated": error_of(lambda: hf_hub_download(gated, "README.md")),
            "may read": error_of(lambda: auth_check(repo)),
            "may not read": error_of(lambda: auth_check(private)),
            "upload": error_of(
                lambda: HfApi(token="hf_none").upload_file(
                    path_or_fileobj=b"text", path_in_repo="new.txt", repo_id=repo
                )
            ),
        }
    )
)

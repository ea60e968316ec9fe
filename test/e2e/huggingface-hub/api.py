"""Asks the Hub's API, as HF_ENDPOINT has it, all that a reader may ask of repos, and prints the answers as JSON.

    HF_ENDPOINT=http://127.0.0.1:8642 python api.py model owner/name path/in/repo
"""

import json
import sys

from huggingface_hub import HfApi, HfFileSystem, get_hf_file_metadata, hf_hub_download, hf_hub_url

api = HfApi()


def metadata(repo_type, repo_id, path):
    found = get_hf_file_metadata(hf_hub_url(repo_id, path, repo_type=repo_type))
    return [found.commit_hash, found.etag, found.size, found.xet_file_data]


def listed(repo_type, **which):
    return [found.id for found in getattr(api, f"list_{repo_type}s")(**which)]


def first_and_last_bytes(repo_type, repo_id, path):
    prefix = "" if repo_type == "model" else f"{repo_type}s/"
    with HfFileSystem().open(f"{prefix}{repo_id}/{path}", block_size=64) as file:
        first = file.read(10)
        file.seek(-10, 2)
        return [first.hex(), file.read().hex()]


def questions(repo_type, repo_id, path):
    repo = {"repo_id": repo_id, "repo_type": repo_type}
    folder = path.rpartition("/")[0] or None
    return {
        "info": lambda: vars(api.repo_info(**repo, files_metadata=True)),
        "info at a commit": lambda: api.repo_info(**repo, revision=api.repo_info(**repo).sha).sha,
        "tree": lambda: list(api.list_repo_tree(**repo, recursive=True)),
        "tree with commits": lambda: list(api.list_repo_tree(**repo, recursive=True, expand=True)),
        "folder": lambda: list(api.list_repo_tree(**repo, path_in_repo=folder)),
        "paths": lambda: api.get_paths_info(**repo, paths=[path, "no/such.txt"], expand=True),
        "refs": lambda: api.list_repo_refs(**repo, include_pull_requests=True),
        "commits": lambda: [[commit.commit_id, commit.title] for commit in api.list_repo_commits(**repo)],
        "file metadata": lambda: metadata(repo_type, repo_id, path),
        "safetensors": lambda: api.get_safetensors_metadata(**repo) if repo_type == "model" else None,
        "bytes": lambda: first_and_last_bytes(repo_type, repo_id, path),
        "listed by author": lambda: listed(repo_type, author=repo_id.split("/")[0], search=repo_id.split("/")[1]),
        "listed by tag": lambda: listed(repo_type, search=repo_id, filter=api.repo_info(**repo).tags[:1]),
        "repo there": lambda: [api.repo_exists(**repo), api.repo_exists(f"{repo_id}-not", repo_type=repo_type)],
        "revision there": lambda: [api.revision_exists(**repo, revision=name) for name in ("main", "none")],
        "file there": lambda: [api.file_exists(**repo, filename=name) for name in (path, "no/such.txt")],
        "no such file": lambda: hf_hub_download(**repo, filename="no/such.txt"),
        "no such revision": lambda: hf_hub_download(**repo, filename=path, revision="none"),
        "no such repo": lambda: hf_hub_download(f"{repo_id}-not", path, repo_type=repo_type),
    }


def plain(value):
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, (str, int, float)):
        return value
    return plain(vars(value)) if hasattr(value, "__dict__") else str(value)


def answer(question):
    try:
        return plain(question())
    except Exception as error:
        return type(error).__name__


wanted = zip(*[iter(sys.argv[1:])] * 3)
print(json.dumps([{name: answer(ask) for name, ask in questions(*repo).items()} for repo in wanted]))

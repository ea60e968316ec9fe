#!/bin/sh
# Uses what is in the cache when the mirror is away: each line prints the same folder.
#
#   export HF_ENDPOINT=http://127.0.0.1:8642
#   sh offline.sh OWNER/NAME
set -eu
repo=$1

hf download "$repo" --quiet
HF_ENDPOINT=http://127.0.0.1:9 hf download "$repo" --quiet # nobody answers there: the cached copy is used, after a warning
HF_HUB_OFFLINE=1 hf download "$repo" --quiet               # the same without asking anyone

if HF_HUB_OFFLINE=1 hf download "$repo-not" --quiet 2>/dev/null; then
  echo 'what is not in the cache cannot be had offline' >&2
  exit 1
fi

#!/bin/sh
# Fetches the large files of a clone from a mirror. The clone itself comes from elsewhere, a colleague or the Hub; made with
# GIT_LFS_SKIP_SMUDGE=1 it holds pointers only.
#
#   export HF_ENDPOINT=http://127.0.0.1:8642
#   sh pull.sh OWNER/NAME CLONE
set -eu
cd "$2"
git lfs install --local
git config lfs.url "$HF_ENDPOINT/$1.git/info/lfs"
git lfs pull
git lfs fsck --objects

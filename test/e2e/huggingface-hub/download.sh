#!/bin/sh
# Downloads with the hf command: a whole repo into the cache, then into folders the whole, a part, and one file.
#
#   export HF_ENDPOINT=http://127.0.0.1:8642
#   sh download.sh OWNER/NAME FOLDER
set -eu
repo=$1 folder=$2

HF_TOKEN=${HF_TOKEN:-hf_any} hf auth whoami # a mirror has no accounts: it takes any token, and needs none

hf download "$repo"
hf cache verify "$repo" --fail-on-missing-files --fail-on-extra-files # every hash, with those that the Hub lists

hf download "$repo" --local-dir "$folder/all"
hf download "$repo" --local-dir "$folder/some" --include 'data/*' --exclude '*1.bin'
hf download "$repo" README.md --local-dir "$folder/one"

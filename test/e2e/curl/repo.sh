#!/bin/sh
# Downloads a whole repo with nothing but curl, and checks every file.
#
#   export HF_ENDPOINT=http://127.0.0.1:8642
#   sh repo.sh OWNER/NAME FOLDER
set -eu
repo=$1
mkdir -p "$2"
cd "$2"

curl --silent --show-error --fail --location -o ../SHA256SUMS "$HF_ENDPOINT/$repo/SHA256SUMS"
sed 's/^[0-9a-f]*  //' ../SHA256SUMS | while read -r path; do
  encoded=$(printf %s "$path" | sed 's/%/%25/g; s/ /%20/g; s/#/%23/g; s/?/%3F/g')
  curl --silent --show-error --fail --location --globoff --create-dirs -o "$path" "$HF_ENDPOINT/$repo/resolve/main/$encoded"
done
sha256sum --check --quiet ../SHA256SUMS

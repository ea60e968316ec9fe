#!/bin/sh
# Downloads with aria2: four connections to one file, its sha256 compared with what the mirror says.
#
#   export HF_ENDPOINT=http://127.0.0.1:8642
#   sh download.sh OWNER/NAME PATH/IN/REPO
set -eu
repo=$1 path=$2
url=$HF_ENDPOINT/$repo/resolve/main/$path

aria2c -q -o SHA256SUMS "$HF_ENDPOINT/$repo/SHA256SUMS"
sha256=$(grep -F "  $path" SHA256SUMS | cut -d ' ' -f 1)

aria2c -q -x4 -s4 -k1M --checksum="sha-256=$sha256" -o whole "$url"

head -c 1000000 whole >resumed
aria2c -q -c -x4 -s4 -k1M -o resumed "$url" # goes on at byte 1000000

#!/bin/sh
# Downloads with wget: a file under its own name, then one that was broken off.
#
#   export HF_ENDPOINT=http://127.0.0.1:8642
#   sh download.sh OWNER/NAME PATH/IN/REPO NAME
set -eu
url=$HF_ENDPOINT/$1/resolve/main/$2

wget -q --content-disposition "$url"

head -c 1000000 "$3" >part
mv part "$3"
wget -q -c "$url" # goes on at byte 1000000

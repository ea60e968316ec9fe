#!/bin/sh
# Downloads one file with curl in several ways, the second time only what is new.
#
#   export HF_ENDPOINT=http://127.0.0.1:8642
#   sh download.sh OWNER/NAME PATH/IN/REPO
set -eu
url=$HF_ENDPOINT/$1/resolve/main/$2
get() { curl --silent --show-error --fail --location "$@"; }

get -OJ "$url" # under its own name

get -r 0-999999 -o resumed "$url" # as if it had been broken off
get -C - -o resumed "$url"        # and goes on

get -r 1000-1999 -o middle "$url"
get -r -17 -o end "$url"

get --etag-save etag -o kept "$url"
get --etag-compare etag -w '%{http_code}\n' -o kept "$url" # 304: nothing is sent

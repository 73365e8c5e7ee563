#!/bin/sh
# index.ts -> kernels.wasm, the same bytes each time: build.sh [OUT]. Takes npm; leaves nothing behind.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
case ${1:-} in "") out=$here/../decoder/kernels.wasm ;; /*) out=$1 ;; *) out=$PWD/$1 ;; esac
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{"private": true, "dependencies": {"assemblyscript": "0.28.9"}}' > package.json
npm install --no-audit --no-fund --no-package-lock --ignore-scripts --silent
cp "$here/index.ts" .
./node_modules/.bin/asc index.ts -o "$out" -O3 --runtime stub --enable simd --importMemory --noAssert

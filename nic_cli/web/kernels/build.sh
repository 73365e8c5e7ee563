#!/bin/sh
# index.ts -> kernels.wasm and kernels-shared.wasm, whose memory several threads share; the same bytes each time.
# build.sh [FOLDER]. Takes npm; leaves nothing else behind.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$(cd "${1:-$here/../decoder}" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{"private": true, "dependencies": {"assemblyscript": "0.28.9"}}' > package.json
npm install --no-audit --no-fund --no-package-lock --ignore-scripts --silent
cp "$here/index.ts" .
build() { ./node_modules/.bin/asc index.ts -O3 --runtime stub --enable simd --importMemory --noAssert "$@"; }
build -o "$out/kernels.wasm"
build -o "$out/kernels-shared.wasm" --enable threads --sharedMemory --maximumMemory 32767

#!/bin/sh
# Chromium 153.0.8010.0, headless, as @sparticuz/chromium 153.0.0 (npm) holds it; puppeteer-core 25.16.0, node 20,
# Linux x86-64. Needs node, npm, and the system's libraries for Chromium (Debian: what its package `chromium` needs).
#
# A row of greys is saved as PNG four times: without a cICP chunk, with that of sRGB (1, 13, 0, full range), with
# that of BT.709 (1, 1, 0) and of BT.601 (1, 6, 0), which tools for video write into stills. The four would be expected
# to look alike: BT.709 defines a camera, its screens (BT.1886) and sRGB's are within a few levels of each other,
# and browsers show videos of these codes as if they were sRGB.
# Seen: sRGB's code changes nothing; under both others shadows fall, 16 -> 4, 32 -> 20, 64 -> 54, 128 -> 121:
# Chromium undoes the curve of the camera and shows the light of the scene. Firefox 153.8 shows them as sRGB.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
echo '{"private": true}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts @sparticuz/chromium@153.0.0 puppeteer-core@25.16.0
cat >greys.mjs <<'JS'
import assert from "node:assert/strict";
import { deflateSync } from "node:zlib";
import chromium from "@sparticuz/chromium";
import puppeteer from "puppeteer-core";

const GREYS = [16, 32, 64, 96, 128, 192, 240];
const CASES = { none: null, sRGB: [1, 13, 0, 1], "BT.709": [1, 1, 0, 1], "BT.601": [1, 6, 0, 1] };

function checksum(bytes) {
  let sum = ~0;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
  }
  return ~sum >>> 0;
}

function chunk(kind, body) {
  const found = Buffer.concat([Buffer.alloc(4), Buffer.from(kind), Buffer.from(body), Buffer.alloc(4)]);
  found.writeUInt32BE(body.length, 0);
  found.writeUInt32BE(checksum(found.subarray(4, -4)), found.length - 4);
  return found;
}

function png(cicp) {
  const head = [0, 0, 0, GREYS.length, 0, 0, 0, 1, 8, 2, 0, 0, 0]; // a row of RGB in 8 bits
  const row = deflateSync(Buffer.from([0, ...GREYS.flatMap((grey) => [grey, grey, grey])]));
  const parts = [Buffer.from("89504e470d0a1a0a", "hex"), chunk("IHDR", head)];
  if (cicp) parts.push(chunk("cICP", cicp));
  return Buffer.concat([...parts, chunk("IDAT", row), chunk("IEND", [])]).toString("base64");
}

const browser = await puppeteer.launch({
  args: [...chromium.args, "--no-sandbox", "--force-color-profile=srgb"],
  executablePath: await chromium.executablePath(),
  headless: "shell",
});
const page = await browser.newPage();
const shown = {};
for (const [name, cicp] of Object.entries(CASES)) {
  shown[name] = await page.evaluate(async (address) => {
    const image = new Image();
    image.src = address;
    await image.decode();
    const context = new OffscreenCanvas(image.width, 1).getContext("2d");
    context.drawImage(image, 0, 0);
    return Array.from(context.getImageData(0, 0, image.width, 1).data).filter((_, i) => i % 4 === 0);
  }, `data:image/png;base64,${png(cicp)}`);
  console.log(name.padEnd(7), shown[name].join(" "));
}
await browser.close();
assert.deepEqual(shown.none, GREYS);
assert.deepEqual(shown.sRGB, GREYS);
for (const name of ["BT.709", "BT.601"]) {
  const apart = shown[name].map((value, i) => value - GREYS[i]);
  assert.ok(apart[0] <= -10 && apart[1] <= -10 && apart[2] <= -8, `${name}: ${apart}`);
}
JS
node greys.mjs

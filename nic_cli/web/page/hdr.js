/**
 * HDR by PQ or HLG on a page, which has no place for it: what is as bright as paper comes out darker, and all
 * that is brighter between there and white, in the colour it had.
 *
 * Curves: ITU-R BT.2100, tables 4 and 5; the brightness of paper: BT.2408; primaries: BT.2087, and those of
 * Display P3. The way to the page is that of Reinhard et al. 2002, equation 4, of the largest of R, G and B.
 */

const PAPER = 203; // cd/m2
const PEAK = 1000; // cd/m2 that become white; all above it too
const PQ = 16;
const HLG = 18;
const TO_SRGB = { // by the code of H.273
  1: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  9: [1.660491, -0.587641, -0.07285, -0.12455, 1.1329, -0.008349, -0.018151, -0.100579, 1.11873],
  12: [1.22494, -0.22494, 0, -0.042057, 1.042057, 0, -0.019638, -0.078636, 1.098274],
};
const TO_P3 = [0.822462, 0.177538, 0, 0.033194, 0.966806, 0, 0.017083, 0.072397, 0.91052];
const LUMA = { 1: [0.2126, 0.7152, 0.0722], 9: [0.2627, 0.678, 0.0593], 12: [0.229, 0.6917, 0.0793] };
const STEPS = 1 << 14;
let levels; // of sRGB's curve, by linear value

/** @param {Uint8Array} cicp @returns {boolean} whether it says HDR in colours that are known here */
export const isHdr = (cicp) => cicp[0] in TO_SRGB && (cicp[1] === PQ || cicp[1] === HLG);

/**
 * Values of HDR as those of a page.
 * @param {Uint8ClampedArray} data RGBA
 * @param {Uint8Array} cicp of which `isHdr`
 * @param {"srgb" | "display-p3"} space
 * @returns {Uint8ClampedArray<ArrayBuffer>} RGBA
 */
export function onPage(data, cicp, space) {
  const light = Float64Array.from({ length: 256 }, (_, code) => (cicp[1] === PQ ? pq : hlg)(code / 255));
  levels ??= Uint8ClampedArray.from({ length: STEPS + 1 }, (_, at) => 255 * curve(at / STEPS));
  const [a, b, c, d, e, f, g, h, i] = space === "srgb" ? TO_SRGB[cicp[0]] : times(TO_P3, TO_SRGB[cicp[0]]);
  const luma = LUMA[cicp[0]];
  const out = new Uint8ClampedArray(data.length);
  for (let at = 0; at < data.length; at += 4) {
    const [red, green, blue] = [light[data[at]], light[data[at + 1]], light[data[at + 2]]];
    let scale = 1;
    if (cicp[1] === HLG) scale = (PEAK / PAPER) * (luma[0] * red + luma[1] * green + luma[2] * blue) ** 0.2;
    scale *= gathered(scale * Math.max(red, green, blue));
    out[at] = level(scale * (a * red + b * green + c * blue));
    out[at + 1] = level(scale * (d * red + e * green + f * blue));
    out[at + 2] = level(scale * (g * red + h * green + i * blue));
    out[at + 3] = data[at + 3];
  }
  return out;
}

/** What light of so much times paper is multiplied by. */
function gathered(most) {
  const white = PEAK / PAPER;
  return Math.min((1 + most / (white * white)) / (1 + most), 1 / most);
}

/** Light of a value of PQ, paper as 1. */
function pq(value) {
  const root = value ** (32 / 2523);
  const share = Math.max(root - 3424 / 4096, 0) / (2413 / 128 - (2392 / 128) * root);
  return (10000 / PAPER) * share ** (16384 / 2610);
}

/** Light of a value of HLG before the scene becomes that of a screen, 0 to 1. */
function hlg(value) {
  return value <= 0.5 ? (value * value) / 3 : (Math.exp((value - 0.55991073) / 0.17883277) + 0.28466892) / 12;
}

/** The curve of sRGB. */
const curve = (light) => (light <= 0.0031308 ? 12.92 * light : 1.055 * light ** (1 / 2.4) - 0.055);

const level = (light) => levels[Math.round(STEPS * Math.min(Math.max(light, 0), 1))];

/** The product of two matrices of 3 x 3. */
function times(left, right) {
  return left.map((_, at) => {
    const [row, column] = [at - (at % 3), at % 3];
    return left[row] * right[column] + left[row + 1] * right[column + 3] + left[row + 2] * right[column + 6];
  });
}

// node work.mjs MODEL_FOLDER FILE: what a page would ask of the workers, checked.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Team } from "../../nic_cli/web/decoder/client.js";
import { Model, NicError, Picture } from "../../nic_cli/web/decoder/decoder.js";
import { Slider } from "../../nic_cli/web/decoder/slider.js";
import { started } from "./thread.mjs";

const [folder, file] = process.argv.slice(2);
const text = readFileSync(`${folder}/config.json`, "utf8");
const weights = new Uint8Array(readFileSync(`${folder}/model.safetensors`)).buffer;
const data = new Uint8Array(readFileSync(file));
const alone = await Picture.open(data, await Model.open(text, weights));

for (const count of [1, 3]) {
  const team = await Team.open(text, weights, { count, start: () => started("worker.js") });
  const shares = [];
  const picture = await team.picture(data, (share) => shares.push(share));
  const { width, height } = picture;
  assert.deepEqual([width, height, picture.header], [alone.width, alone.height, alone.header]);
  assert.equal(shares.at(-1), 1);

  for (const wanted of [{ b: 0.2 }, {}, { b: 1, scale: 2 }]) {
    const right = alone.draw(wanted);
    const found = new Uint8ClampedArray(right.data.length);
    await picture.show(wanted, (band) => found.set(band.data, 4 * band.width * band.top));
    assert.deepEqual(found, right.data);
  }

  const stopped = new AbortController();
  let bands = 0;
  await picture.show({}, () => (bands++, stopped.abort()), stopped.signal);
  assert.equal(bands, 1);

  await assert.rejects(team.picture(data.slice(0, 60)), NicError);
  await assert.rejects(picture.draw({ b: 2 }), NicError);
  assert.equal(await picture.mix(0.5), null);
  const prepared = picture.prepare(2);
  const meanwhile = await picture.draw({ b: 0.2, top: 3, rows: 9 });
  assert.deepEqual(meanwhile.data, alone.draw({ b: 0.2, top: 3, rows: 9 }).data);
  await prepared;
  const slider = new Slider(alone, 2);
  for (let share = 0; share < 1; ) assert.ok((share = await slider.step()) > 0);
  for (const b of [0, 0.3, 0.6, 1]) {
    const mixed = await picture.mix(b);
    assert.deepEqual(mixed.data, slider.draw(b).data);
    const drawn = alone.draw({ b, scale: 2 }).data;
    const errors = mixed.data.map((value, i) => Math.abs(value - drawn[i]));
    const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length;
    assert.ok([0, 1].includes(b) ? mean === 0 : mean < 1, `${b}: ${mean}`);
  }
  await picture.close();
  await assert.rejects(picture.draw({}), /not open/);
  team.close();
}
console.log("all right");

/** To whoever lets an edge check playback tokens: it holds what the api holds, and hands out nothing else. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { readToken, servePlayback } from "./playback.mjs";

const vectors = JSON.parse(
  readFileSync(new URL("../../tests/contract/playback_token_vectors.json", import.meta.url), "utf-8"),
);
const [person] = vectors.valid;
const BODY = new TextEncoder().encode("0123456789");

for (const vector of vectors.valid) {
  test(`valid: ${vector.name}`, async () => {
    const { claims } = vector;
    assert.deepEqual(await readToken(vector.token, vectors.secret, vector.now), {
      tenantId: claims.tenant_id,
      videoId: claims.video_id,
      viewer: claims.viewer,
      prefix: claims.prefix,
      expiresAt: claims.expires_at,
    });
  });
}

for (const vector of vectors.invalid) {
  test(`invalid: ${vector.name}`, async () => {
    assert.equal(await readToken(vector.token, vectors.secret, vector.now), null);
  });
}

/** A bucket with one object, as far as R2's `get` and `head` are used. */
function bucketWith(name) {
  const asked = [];
  const find = (key) => (key === person.claims.prefix + name ? { size: BODY.length, httpEtag: '"abc"' } : null);
  return {
    asked,
    head: async (key) => find(key),
    get: async (key, { range, onlyIf }) => {
      asked.push(key);
      const object = find(key);
      if (object === null || onlyIf.get("If-None-Match") === object.httpEtag) return object;
      const wanted = /^bytes=(\d+)-(\d+)$/.exec(range.get("Range") ?? "");
      const [offset, length] = wanted ? [Number(wanted[1]), wanted[2] - wanted[1] + 1] : [0, BODY.length];
      return { ...object, range: { offset, length }, body: BODY.slice(offset, offset + length) };
    },
  };
}

function serve(path, { token = person.token, bucket = bucketWith("video.mp4"), init = {}, askOrigin } = {}) {
  const request = new Request(`https://video.example/playback/${token}/${path}`, init);
  const env = { BUCKET: bucket, VIDEO_PLAYBACK_SECRET: vectors.secret };
  return servePlayback(request, env, { nowSeconds: person.now, askOrigin });
}

test("an object under the token's prefix is served whole", async () => {
  const reply = await serve("video.mp4");
  assert.equal(reply.status, 200);
  assert.equal(reply.headers.get("Content-Type"), "video/mp4");
  assert.equal(await reply.text(), "0123456789");
});

test("a byte range is served as one", async () => {
  const reply = await serve("video.mp4", { init: { headers: { Range: "bytes=2-5" } } });
  assert.equal(reply.status, 206);
  assert.equal(reply.headers.get("Content-Range"), "bytes 2-5/10");
  assert.equal(await reply.text(), "2345");
});

test("what the player has already is not sent again", async () => {
  const reply = await serve("video.mp4", { init: { headers: { "If-None-Match": '"abc"' } } });
  assert.equal(reply.status, 304);
});

test("a HEAD tells the size", async () => {
  const reply = await serve("video.mp4", { init: { method: "HEAD" } });
  assert.equal(reply.headers.get("Content-Length"), "10");
});

test("an object that is not there is not found", async () => {
  assert.equal((await serve("master.m3u8")).status, 404);
});

for (const { name, token, now } of vectors.invalid.filter(({ token }) => token !== "")) {
  test(`nothing is read for a token that does not hold: ${name}`, async () => {
    const bucket = bucketWith("video.mp4");
    const request = new Request(`https://video.example/playback/${encodeURI(token)}/video.mp4`);
    const env = { BUCKET: bucket, VIDEO_PLAYBACK_SECRET: vectors.secret };
    const reply = await servePlayback(request, env, { nowSeconds: now, askOrigin: assert.fail });
    assert.equal(reply.status, 403);
    assert.deepEqual(bucket.asked, []);
  });
}

for (const path of ["../../1/secret.mp4", "..%2Fsecret.mp4", "a//b.mp4", "video.exe", "", ".m3u8"]) {
  test(`no way out of the prefix: ${path}`, async () => {
    const bucket = bucketWith("video.mp4");
    const reply = await serve(path, { bucket });
    assert.ok([403, 404].includes(reply.status));
    assert.deepEqual(bucket.asked, []);
  });
}

test("a video that is still being encoded is the api's to serve", async () => {
  const token =
    "eyJlIjoyMDAwMDAwMDAwLCJwIjoidGVuYW50cy8xL3ZpZGVvL2hscy8xMi8xMTExMTExMS0yMjIyLTQzMzMtODQ0NC01NTU1NTU1NTU1NTUvIiwidCI6MSwidSI6InVzZXI6NyIsInYiOjEyfQ.RiS8qFiNZO191tegnj_KWnfI3wxRc4YPHUXjWLiKKAk";
  const bucket = bucketWith("video.mp4");
  const reply = await serve("master.m3u8", { token, bucket, askOrigin: () => new Response("from the api") });
  assert.equal(await reply.text(), "from the api");
  assert.deepEqual(bucket.asked, []);
});

test("nothing can be written", async () => {
  assert.equal((await serve("video.mp4", { init: { method: "PUT", body: "x" } })).status, 405);
});

/**
 * Playback at the edge: checks the token in the path and serves the package from R2.
 *
 * Bindings: `BUCKET` (the R2 bucket) and `VIDEO_PLAYBACK_SECRET` (the one that the api signs with).
 * The route is `<public origin>/playback/*`. A video that is still being encoded has its playlists in the database: those
 * requests go on to the api.
 */

const PATH = /^\/playback\/([^/]+)\/((?:[\w-]+\/)*[\w-]+\.(m3u8|vtt|mp4|m4s|jpg))$/;
const ATTEMPT = /\/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}-\d+\/$/;
const TYPES = {
  m3u8: "application/vnd.apple.mpegurl", // RFC 8216, section 4
  vtt: "text/vtt",
  mp4: "video/mp4",
  m4s: "video/iso.segment",
  jpg: "image/jpeg",
};
const CACHE_SECONDS = 30;

export default {
  fetch(request, env) {
    return servePlayback(request, env, { nowSeconds: Date.now() / 1000, askOrigin: fetch });
  },
};

export async function servePlayback(request, env, { nowSeconds, askOrigin }) {
  if (request.method === "OPTIONS") return answer(204);
  if (request.method !== "GET" && request.method !== "HEAD") return answer(405);
  const asked = PATH.exec(new URL(request.url).pathname);
  if (asked === null) return answer(404);
  const [, token, path, extension] = asked;
  const claims = await readToken(token, env.VIDEO_PLAYBACK_SECRET, nowSeconds);
  if (claims === null) return answer(403);
  if (!ATTEMPT.test(claims.prefix)) return askOrigin(request);
  return serveObject(request, env.BUCKET, claims.prefix + path, TYPES[extension]);
}

async function serveObject(request, bucket, key, contentType) {
  const object =
    request.method === "HEAD"
      ? await bucket.head(key)
      : await bucket.get(key, { range: request.headers, onlyIf: request.headers });
  if (object === null) return answer(404);
  const headers = {
    "Content-Type": contentType,
    "Cache-Control": `private, max-age=${CACHE_SECONDS}`,
    "Accept-Ranges": "bytes",
    ETag: object.httpEtag,
  };
  if (request.method === "HEAD") return answer(200, null, { ...headers, "Content-Length": String(object.size) });
  // Without a body the condition of the request was not met.
  if (object.body === undefined) return answer(304, null, headers);
  const { offset = 0, length = object.size } = object.range ?? {};
  if (!request.headers.has("Range")) return answer(200, object.body, headers);
  const range = `bytes ${offset}-${offset + length - 1}/${object.size}`;
  return answer(206, object.body, { ...headers, "Content-Range": range });
}

function answer(status, body = null, headers = {}) {
  return new Response(body, {
    status,
    headers: {
      "Access-Control-Allow-Origin": "*",
      "Access-Control-Allow-Headers": "Range",
      "Access-Control-Expose-Headers": "Content-Length, Content-Range",
      ...headers,
    },
  });
}

/** The claims of a token that holds, or null. Signer and checker share `tests/contract/playback_token_vectors.json`. */
export async function readToken(token, secret, nowSeconds) {
  const dot = token.indexOf(".");
  if (dot < 0) return null;
  const payload = token.slice(0, dot);
  if (!equal(token.slice(dot + 1), await sign(payload, secret))) return null;
  const claims = parseClaims(payload);
  return claims !== null && claims.expiresAt > nowSeconds ? claims : null;
}

function parseClaims(payload) {
  try {
    const bytes = Uint8Array.from(atob(payload.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
    const { t, v, u, p, e } = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    const isTyped = [t, v, e].every(Number.isInteger) && [u, p].every((text) => typeof text === "string");
    return isTyped ? { tenantId: t, videoId: v, viewer: u, prefix: p, expiresAt: e } : null;
  } catch {
    return null;
  }
}

async function sign(payload, secret) {
  const encoder = new TextEncoder();
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", encoder.encode(secret), algorithm, false, ["sign"]);
  const signature = await crypto.subtle.sign("HMAC", key, encoder.encode(payload));
  const base64 = btoa(String.fromCharCode(...new Uint8Array(signature)));
  return base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Compares in a time that tells nothing of where two texts differ. */
function equal(left, right) {
  if (left.length !== right.length) return false;
  let difference = 0;
  for (let index = 0; index < left.length; index += 1) difference |= left.charCodeAt(index) ^ right.charCodeAt(index);
  return difference === 0;
}

// Calls client packages for a program that writes one request a line, in JSON, and reads one answer a line.
"use strict";
const { createInterface } = require("node:readline");

const makers = {
  "@ringcentral/sdk": (options, id) => {
    const { SDK } = require("@ringcentral/sdk");
    const sdk = new SDK({ ...options, cachePrefix: `client-${id}-` });
    let waits = 0;
    sdk.platform().on("rateLimitError", () => (waits += 1));
    sdk.waits = () => waits;
    sdk.parts = async (url) => sdk.client().multipart(await sdk.platform().get(url));
    return sdk;
  },
  "@rc-ex/core": (options) => {
    const { default: RingCentral } = require("@rc-ex/core");
    return new RingCentral(options);
  },
};
const clients = [];

// The two packages have responses of two kinds: one of fetch, with a text to be read, one of axios, with data.
const isResponse = (value) => value !== null && typeof value === "object" && typeof value.text === "function" && "status" in value;

// What JSON can hold of a result: bytes by their base64, and of a response its status, headers and text.
async function shown(value) {
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
    return { bytes: Buffer.from(value).toString("base64") };
  }
  if (isResponse(value)) {
    return { status: value.status, headers: Object.fromEntries(value.headers), text: await value.text() };
  }
  if (value !== null && typeof value === "object" && "config" in value && "data" in value) {
    return { status: value.status, headers: value.headers, text: JSON.stringify(value.data) };
  }
  return Array.isArray(value) ? Promise.all(value.map(shown)) : value ?? null;
}

const unpacked = (key, value) =>
  value !== null && typeof value === "object" && Object.keys(value).join() === "bytes" ? Buffer.from(value.bytes, "base64") : value;

async function answer({ package: name, options, client, chain }) {
  if (name) {
    return clients.push(makers[name](options, clients.length)) - 1;
  }
  let value = clients[client];
  for (const [method, ...args] of chain) {
    value = await value[method](...args);
  }
  return shown(value);
}

async function thrown(error) {
  const { response } = error;
  if (!response) {
    return { message: error.message, status: null, text: null };
  }
  const { status, text } = await shown(response);
  return { message: error.message, status, text };
}

(async () => {
  for await (const line of createInterface({ input: process.stdin })) {
    let told;
    try {
      told = JSON.stringify({ result: await answer(JSON.parse(line, unpacked)) });
    } catch (error) {
      told = JSON.stringify({ thrown: await thrown(error) });
    }
    process.stdout.write(`${told}\n`);
  }
})();

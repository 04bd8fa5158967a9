// Files come through untouched, and failures of requests for files are JSON all the same.
import assert from "node:assert/strict";
import type { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { before, describe, test } from "node:test";

import axios, { type AxiosRequestConfig } from "axios";
import { adaptAxios } from "billing-service-client/axios";
import { adaptFetch, createCaller, type Item } from "billing-service-client";

import { BASE_URL, bearer, rejection } from "./support.js";

const headers = bearer("BUYER_TOKEN");
let path = "";
let bytes = Buffer.alloc(0);

before(async () => {
  const call = createCaller({ baseUrl: BASE_URL, headers, lists: "array" });
  const [invoice] = await call<Item<"/v1/billing/invoices">[]>("/v1/billing/invoices/");
  path = `/v1/billing/invoices/${invoice?.id}/pdf/`;
  bytes = Buffer.from(await (await fetch(`${BASE_URL}${path}`, { headers })).arrayBuffer());
  assert.equal(bytes.subarray(0, 5).toString(), "%PDF-");
});

const READ: [AxiosRequestConfig, (data: any) => Promise<Uint8Array>][] = [
  [{ responseType: "arraybuffer" }, async (data: Buffer) => data],
  [{ responseType: "stream" }, (data: Readable) => buffer(data)],
  [{ responseType: "blob", adapter: "fetch" }, async (data: Blob) => new Uint8Array(await data.arrayBuffer())],
  [{ responseType: "arraybuffer", adapter: "fetch" }, async (data: ArrayBuffer) => new Uint8Array(data)],
  [{ responseType: "stream", adapter: "fetch" }, async (data) => new Uint8Array(await new Response(data).arrayBuffer())],
];

for (const [config, read] of READ) {
  describe(`axios, ${config.responseType}, ${config.adapter ?? "default"} adapter`, () => {
    const api = adaptAxios(axios.create({ baseURL: BASE_URL, headers }), { lists: "array" });

    test("a PDF is the same bytes", async () => {
      const response = await api.get(path, config);
      assert.equal(response.headers["content-type"], "application/pdf");
      assert.deepEqual(Buffer.from(await read(response.data)), bytes);
    });

    test("a failure is JSON", async () => {
      // The administrator belongs to no customer account.
      const error = await rejection(api.get(path, { ...config, headers: bearer("ADMIN_TOKEN") }));
      assert.deepEqual([error.response.status, error.reason], [403, "no_account"]);
      assert.deepEqual([error.response.data.message, error.response.data.statusCode], [error.message, 403]);
    });

    test("JSON that is asked for as a file is left alone", async () => {
      const text = Buffer.from(await read((await api.get("/v1/billing/invoices/", config)).data)).toString();
      assert.equal(JSON.parse(text).success, true);
    });
  });
}

test("an adapted fetch passes a PDF on", async () => {
  const response = await adaptFetch()(`${BASE_URL}${path}`, { headers });
  assert.equal(response.headers.get("content-type"), "application/pdf");
  assert.deepEqual(Buffer.from(await response.arrayBuffer()), bytes);
});

test("createCaller gives a PDF as a Blob, and throws for one that is refused", async () => {
  const call = createCaller({ baseUrl: BASE_URL, headers });
  const blob = await call<Blob>(path);
  assert.equal(blob.type, "application/pdf");
  assert.deepEqual(Buffer.from(await blob.arrayBuffer()), bytes);
  assert.equal((await rejection(call(path, { headers: bearer("ADMIN_TOKEN") }))).reason, "no_account");
});

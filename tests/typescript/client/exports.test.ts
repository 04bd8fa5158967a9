// Lists as files: every row, or an error.
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { adaptFetch, createCaller, exportedRows, type Item } from "billing-service-client";

import { BASE_URL, bearer, caller } from "./support.js";

type Client = Item<"/v6/clients">;

const headers = bearer("ADMIN_TOKEN");
const ndjson = (text: BodyInit) => new Response(text, { headers: { "Content-Type": "application/x-ndjson" } });

async function all<Row>(response: Response): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const row of exportedRows<Row>(response)) rows.push(row);
  return rows;
}

describe("exportedRows", () => {
  test("gives the rows of the pages", async () => {
    const pages = await caller({ lists: "array" })<Client[]>("/v6/clients?perPage=10000");
    for (const send of [fetch, adaptFetch({ lists: "array" })]) {
      const rows = await all<Client>(await send(`${BASE_URL}/v6/clients?format=ndjson`, { headers }));
      assert.deepEqual(rows, pages);
    }
  });

  test("gives no rows of an empty list", async () => {
    const response = await fetch(`${BASE_URL}/v6/clients?format=ndjson&name=nobody%20is%20called%20so`, { headers });
    assert.deepEqual(await all(response), []);
  });

  for (const [name, text] of [
    ["between rows", '{"id":1}\n{"id":2}\n'],
    ["inside a row", '{"id":1}\n{"id"'],
    ["inside the end", '{"id":1}\n{"end":true,"count":1}'],
    ["with rows missing", '{"id":1}\n{"end":true,"count":2}\n'],
    ["before anything", ""],
  ] as const) {
    test(`throws when it was cut off ${name}`, async () => {
      await assert.rejects(all(ndjson(text)), /cut off/);
    });
  }

  test("throws for a failure", async () => {
    await assert.rejects(all(await fetch(`${BASE_URL}/v6/clients?format=ndjson`)), /status 401/);
  });

  for (const [format, type] of [
    ["json", /application\/json/],
    ["csv", /text\/csv/],
  ] as const) {
    test(`throws for a list as ${format}`, async () => {
      await assert.rejects(all(await fetch(`${BASE_URL}/v6/clients?format=${format}`, { headers })), type);
    });
  }

  test("cancels the response when the caller stops", async () => {
    let cancelled = false;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new TextEncoder().encode('{"id":1}\n')),
      cancel: () => {
        cancelled = true;
      },
    });
    for await (const row of exportedRows(ndjson(body))) {
      assert.deepEqual(row, { id: 1 });
      break;
    }
    assert.equal(cancelled, true);
  });
});

test("createCaller gives CSV as a Blob", async () => {
  const blob = await createCaller({ baseUrl: BASE_URL, headers })<Blob>("/v6/clients?format=csv");
  const text = await blob.text();
  assert.match(text, /^id,name,/);
  assert.match(text, /\r\n#end,\d+\r\n$/);
});

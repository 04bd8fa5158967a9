// Lists in each shape, with axios and fetch.
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import axios from "axios";
import { adaptAxios } from "billing-service-client/axios";
import { adaptFetch, billing, type Item, type ListShape, type Page } from "billing-service-client";

import { adaptedAxios, BASE_URL, bearer, caller, proxy } from "./support.js";

type Row = Item<"/v6/billing-accounts">;
type Get = (path: string, lists?: ListShape) => Promise<{ body: any; header: (name: string) => unknown }>;

const withAxios =
  (name: "ADMIN_TOKEN" | "BUYER_TOKEN"): Get =>
  async (path, lists) => {
    const api = adaptAxios(axios.create({ baseURL: BASE_URL, headers: bearer(name) }), lists ? { lists } : {});
    const { data, headers } = await api.get(path);
    return { body: data, header: (name) => headers[name] };
  };
const withFetch =
  (name: "ADMIN_TOKEN" | "BUYER_TOKEN"): Get =>
  async (path, lists) => {
    const response = await adaptFetch(lists ? { lists } : {})(`${BASE_URL}${path}`, { headers: bearer(name) });
    return { body: await response.json(), header: (name) => response.headers.get(name) ?? undefined };
  };

for (const [adapter, getAs] of Object.entries({ axios: withAxios, fetch: withFetch })) {
  describe(adapter, () => {
    const path = "/v6/billing-accounts?clientId=demo-globex&sortBy=name&perPage=1&page=2";
    const names = (rows: Row[]) => rows.map((row) => row.name);

    test("a list is as the service sends it by default", async () => {
      const { body } = await getAs("ADMIN_TOKEN")(path);
      const { results, ...rest } = body;
      assert.deepEqual(names(results), ["Globex staffing"]);
      assert.deepEqual(rest, { count: 2, page: 2, perPage: 1, totalPages: 2 });
    });

    test("a list is an array by choice", async () => {
      const { body } = await getAs("ADMIN_TOKEN")(path, "array");
      assert.deepEqual(names(body), ["Globex staffing"]);
    });

    test("a list is a page by choice", async () => {
      const page: Page<Row> = (await getAs("ADMIN_TOKEN")(path, "page")).body;
      const { data, ...rest } = page;
      assert.deepEqual(names(data), ["Globex staffing"]);
      assert.deepEqual(rest, { total: 2, page: 2, perPage: 1, totalPages: 2 });
    });

    test("a list of v1 has the names of its family, and the same shapes", async () => {
      const get = getAs("BUYER_TOKEN");
      const { results, ...rest } = (await get("/v1/billing/transactions/?per_page=1")).body;
      assert.equal(results.length, 1);
      assert.deepEqual(Object.keys(rest).sort(), ["count", "page", "per_page", "total_pages"]);
      const { data, ...page } = (await get("/v1/billing/transactions/?per_page=1", "page")).body;
      assert.equal(data.length, 1);
      assert.deepEqual(page, { total: rest.count, page: 1, perPage: 1, totalPages: rest.total_pages });
    });

    for (const lists of ["results", "array", "page"] as const) {
      test(`the paging headers are there beside ${lists}`, async () => {
        const paging = async (page: number) => {
          const { header } = await getAs("ADMIN_TOKEN")(path.replace("page=2", `page=${page}`), lists);
          return ["x-page", "x-per-page", "x-total", "x-total-pages", "x-prev-page", "x-next-page"].map(header);
        };
        assert.deepEqual(await paging(1), ["1", "1", "2", "2", undefined, "2"]);
        assert.deepEqual(await paging(2), ["2", "1", "2", "2", "1", undefined]);
      });
    }

    test("the links to other pages are passed on", async () => {
      const { header } = await getAs("ADMIN_TOKEN")(path, "array");
      assert.match(String(header("link")), /page=1.*rel="?prev"?/);
    });

    test("an empty list is an empty array", async () => {
      const { body, header } = await getAs("ADMIN_TOKEN")("/v6/clients?name=nobody-has-this-name", "array");
      assert.deepEqual([body, header("x-total")], [[], "0"]);
    });

    test("an object with an array in it is no list", async () => {
      const { body } = await getAs("ADMIN_TOKEN")("/v6/billing-accounts/3", "array");
      assert.equal(body.lockedAmounts.length, 1);
      assert.equal(body.name, "Globex quality assurance");
    });

    test("what has no envelope is left as it is", async () => {
      const { body } = await getAs("ADMIN_TOKEN")("/openapi.json", "array");
      assert.equal(body.openapi, "3.1.0");
    });
  });
}

test("paging headers that a proxy took away are made from the body", async (context) => {
  const list = { results: ["a"], count: 5, page: 2, perPage: 2, totalPages: 3 };
  const bare = { answer: 200, body: { success: true, data: list } } as const;
  const { url } = await proxy(context, bare, bare);
  const names = ["x-page", "x-per-page", "x-total", "x-total-pages", "x-prev-page", "x-next-page"];
  const expected = ["2", "2", "5", "3", "1", "3"];
  const { headers } = await adaptedAxios({ lists: "array" }, url).get("/");
  assert.deepEqual(names.map((name) => headers[name]), expected);
  const response = await adaptFetch({ lists: "array" })(url);
  assert.deepEqual(names.map((name) => response.headers.get(name)), expected);
});

test("a single request has its own shape", async () => {
  const api = adaptedAxios({ lists: "array" });
  assert(Array.isArray((await api.get("/v6/clients")).data));
  assert.equal((await api.get("/v6/clients", billing({ lists: "page" }))).data.page, 1);
  assert(Array.isArray((await api.get("/v6/clients", billing({ lists: "results" }))).data.results));
  const call = caller({ lists: "page" });
  assert(Array.isArray(await call("/v6/clients", billing({ lists: "array" }))));
});

test("a single request keeps its envelope", async () => {
  const { data } = await adaptedAxios().get("/v6/clients", billing({ unwrap: false }));
  assert.deepEqual(Object.keys(data).sort(), ["data", "success"]);
  const refused = await adaptFetch({ unwrap: false })(`${BASE_URL}/v6/clients/nobody`, { headers: bearer("ADMIN_TOKEN") });
  assert.deepEqual(Object.keys(await refused.json()).sort(), ["error", "success"]);
});

test("amounts keep their decimals", async () => {
  const call = caller();
  const json = { name: "All decimals", budget: 99999999999.9999, markup: 0, clientId: "demo-acme", status: "INACTIVE" };
  const account = await call<Row>("/v6/billing-accounts", { method: "POST", json });
  assert.equal(account.budget, 99999999999.9999);
});

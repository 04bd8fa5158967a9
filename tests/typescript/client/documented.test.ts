import { test } from "node:test";

import axios from "axios";
import { createCaller } from "billing-service-client";
import { adaptAxios } from "billing-service-client/axios";

import { setting } from "../flows/support.js";
import { charged } from "../generated/charged.js";
import { documented } from "../generated/documented.js";
import { BASE_URL, bearer } from "./support.js";

test("docs/clients.md does what it says", async () => {
  const customer = adaptAxios(axios.create({ baseURL: BASE_URL, headers: bearer("BUYER_TOKEN") }), { lists: "array" });
  await documented({ token: setting("ADMIN_TOKEN"), customer });
});

test("docs/charge-for-a-job.md does what it says", async () => {
  const asBuyer = createCaller({ baseUrl: BASE_URL, headers: bearer("BUYER_TOKEN") });
  const settings = await asBuyer<{ id: number }>("/v1/account/settings/");
  await charged({ token: setting("JOBS_TOKEN"), accountId: settings.id });
});

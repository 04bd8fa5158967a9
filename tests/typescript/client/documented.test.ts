import { test } from "node:test";

import axios from "axios";
import { adaptAxios } from "billing-service-client/axios";

import { setting } from "../flows/support.js";
import { documented } from "../generated/documented.js";
import { BASE_URL, bearer } from "./support.js";

test("docs/clients.md does what it says", async () => {
  const customer = adaptAxios(axios.create({ baseURL: BASE_URL, headers: bearer("BUYER_TOKEN") }), { lists: "array" });
  await documented({ token: setting("ADMIN_TOKEN"), customer });
});

import type { components, paths } from "./schema.js";

export type { components, operations, paths } from "./schema.js";

/** The types of the document by name: `Schemas["BillingAccount"]`. */
export type Schemas = components["schemas"];

/** Why a request failed. A newer service may know more reasons. */
export type Reason = Schemas["ErrorDetail"]["reason"] | (string & {});

type Method = "get" | "post" | "patch" | "put" | "delete";
type Success<R> = { [S in keyof R]: S extends 200 | 201 ? R[S] : never }[keyof R];
type Carried<R> = R extends { content: { "application/json": { data: infer D } } } ? D : never;

/** What a call gives without its envelope: `Data<"/v6/clients/{clientId}">`, `Data<"/v6/clients", "post">`. */
export type Data<P extends keyof paths, M extends Method = "get"> = paths[P][M] extends { responses: infer R }
  ? Carried<Success<R>>
  : never;

/** A row of a list: `Item<"/v6/billing-accounts">[]` is that list as an array. */
export type Item<P extends keyof paths> = Data<P> extends { results: (infer I)[] } ? I : never;

/** A list in the shape `page`. */
export interface Page<I> {
  data: I[];
  total: number;
  page: number;
  perPage: number;
  totalPages: number;
}

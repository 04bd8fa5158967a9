/**
 * The shape a list is given in:
 * - `results`: as the service sends it, `{results, count, page, perPage, totalPages}`
 * - `array`: the rows alone
 * - `page`: `{data, total, page, perPage, totalPages}`
 *
 * In each of them the response has the paging headers `X-Page`, `X-Per-Page`, `X-Total`, `X-Total-Pages`,
 * `X-Prev-Page` and `X-Next-Page`.
 */
export type ListShape = "results" | "array" | "page";

/** Options of an adapter, or of one request: see `billing`. */
export interface Options {
  /** Shape of lists. Defaults to `results`. */
  lists?: ListShape;
  /** Whether the envelope is taken off. Defaults to true; false leaves only keys and retries, for generated clients. */
  unwrap?: boolean;
  /**
   * The `Idempotency-Key` of a POST or PATCH that has none: true makes one for each request, false sends none.
   * Defaults to true. A request without a key is never repeated.
   */
  idempotencyKey?: boolean | string;
  /** Attempts in all, the first included. Defaults to 4; 1 turns retries off. */
  attempts?: number;
  /** Pause before the second attempt in milliseconds; it doubles with each attempt. Defaults to 250. */
  pauseMs?: number;
  /** Longest pause in milliseconds: a `Retry-After` beyond it ends the retries. Defaults to 30,000. */
  longestPauseMs?: number;
}

/**
 * Options of a single request, to be spread into its axios config or its fetch init:
 * `api.get("/v6/clients", { params, ...billing({ lists: "page" }) })`
 */
export function billing(options: Options): object {
  return { billing: options };
}

/** The options of a request: its own before those of its adapter. */
export function optionsOf(adapter: Options, request: object | undefined): Options {
  return { ...adapter, ...(request as { billing?: Options } | undefined)?.billing };
}

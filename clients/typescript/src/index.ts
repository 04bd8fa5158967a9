export { isServiceError, ServiceError, type ServiceFailure } from "./errors.js";
export { exportedRows } from "./exports.js";
export { adaptFetch, type CallerOptions, type CallInit, createCaller, etagOf, type FetchOptions } from "./fetch.js";
export { billing, type ListShape, type Options } from "./options.js";
export type { components, Data, Item, operations, Page, paths, Reason, Schemas } from "./types.js";

import axios, {
  type AxiosAdapter,
  AxiosHeaders,
  type AxiosInstance,
  type AxiosResponse,
  type InternalAxiosRequestConfig,
} from "axios";

import { errorOf, isJson, parsed, unwrapped, unwrappedText } from "./envelope.js";
import { requestIdOf } from "./errors.js";
import { type Options, optionsOf } from "./options.js";
import { addKey, isRepeatable, type Outcome, withRetries } from "./retries.js";

const FILES = new Set<string | undefined>(["blob", "arraybuffer", "stream"]);
// A caller that sends a config again, as after a new token, sends it through the adapter that stands in it.
const adapted = new WeakSet<AxiosAdapter>();

/**
 * Let an axios instance speak with the service for callers that were written for one without an envelope; returns the
 * instance. It works beneath all interceptors and transforms: they see what such a service would send.
 */
export function adaptAxios<I extends AxiosInstance>(instance: I, options: Options = {}): I {
  instance.interceptors.request.use((config) => {
    const settings = optionsOf(options, config);
    addKey(methodOf(config), config.headers, settings);
    const send = axios.getAdapter(config.adapter, config);
    if (adapted.has(send)) return config;
    const adapter: AxiosAdapter = (final) =>
      withRetries(
        () => attempt(send, final, settings),
        isRepeatable(methodOf(final), final.headers),
        settings,
        final.signal instanceof AbortSignal ? final.signal : undefined,
      );
    adapted.add(adapter);
    config.adapter = adapter;
    return config;
  });
  return instance;
}

function methodOf(config: InternalAxiosRequestConfig): string {
  return (config.method ?? "get").toUpperCase();
}

async function attempt(
  send: AxiosAdapter,
  config: InternalAxiosRequestConfig,
  options: Options,
): Promise<Outcome<AxiosResponse>> {
  try {
    const response = await send(config);
    const reason = await deliver(response, options);
    return { status: response.status, reason: reason?.reason, headers: response.headers as AxiosHeaders, settle: () => response };
  } catch (error) {
    const settle = () => {
      throw error;
    };
    if (!axios.isAxiosError(error) || axios.isCancel(error)) return { status: "ended", settle };
    const { response, code } = error;
    // Other codes of axios are about settings, certificates and limits: they will be the same again.
    if (!response) return { status: code?.startsWith("ERR_") && code !== "ERR_NETWORK" ? "ended" : "lost", settle };
    // An answer that broke off.
    if (response.data === undefined) return { status: "lost", settle };
    const detail = await deliver(response, options);
    const { status } = response;
    const headers = response.headers as AxiosHeaders;
    if (detail && (options.unwrap ?? true)) {
      const { reason, message, details } = detail;
      Object.assign(error, { status, reason, message, details, requestId: requestIdOf(headers) });
    }
    return { status, reason: detail?.reason, headers, settle };
  }
}

/** Give a response the body its caller expects; its error, if it is a failure of the service. */
async function deliver(response: AxiosResponse, options: Options) {
  const headers = AxiosHeaders.from(response.headers as AxiosHeaders);
  response.headers = headers;
  const isFile = FILES.has(response.config.responseType);
  const failed = response.status >= 400;
  if (!isJson(headers) || (isFile && !failed)) return undefined;
  const { data } = response;
  const isText = typeof data === "string";
  const text = isText ? data : isFile ? await new Response(data as BodyInit).text() : undefined;
  const body = text === undefined ? data : (parsed(text) ?? text);
  // Transforms parse text, but not for files; objects they leave as they are.
  response.data = isText && !isFile ? unwrappedText(data, headers, options) : unwrapped(body, headers, options);
  return failed ? errorOf(body) : undefined;
}

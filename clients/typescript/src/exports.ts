interface End {
  end: true;
  count: number;
}

/**
 * The rows of a list that was asked for with `format=ndjson`, one after the other as they arrive. Throws a TypeError for
 * any other response, such as a page, and an Error when the response was cut off: the rows until then are not all.
 * `for await (const account of exportedRows<Item<"/v6/billing-accounts">>(response)) …`
 */
export async function* exportedRows<Row>(response: Response): AsyncGenerator<Row, void, undefined> {
  if (!response.ok || !response.body) throw new TypeError(`Not an export: status ${response.status}`);
  const type = response.headers.get("content-type") ?? "no type";
  // A page of JSON would be taken for a row.
  if (!/^application\/x-ndjson\b/i.test(type)) throw new TypeError(`Not an export as NDJSON: ${type}`);
  let count = 0;
  for await (const line of linesOf(response.body)) {
    const value = JSON.parse(line) as Row | End;
    if (isEnd(value)) {
      if (value.count === count) return;
      break;
    }
    count += 1;
    yield value;
  }
  throw new Error(`The export was cut off after ${count} rows`);
}

/** No row of the service has a field of this name. */
function isEnd(value: unknown): value is End {
  return typeof value === "object" && value !== null && "end" in value && value.end === true;
}

/** The whole lines of a body; what follows the last line end was cut off. */
async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  let rest = "";
  try {
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      const lines = (rest + piece.value).split("\n");
      rest = lines.pop() ?? "";
      yield* lines;
    }
  } finally {
    // Also when the caller stops in the middle: the service then stops reading the list.
    await reader.cancel();
  }
}

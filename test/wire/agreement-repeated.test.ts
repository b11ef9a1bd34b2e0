/** HTTP/2 requests that repeat headers of which there may be one: written by hand, since no client would send them. */
import { describe, expect, test } from "vitest";
import { bodyOf, FORMS, PATH } from "../support/agreement-forms.ts";
import { usePair } from "../support/agreement-pair.ts";
import { callFields, wholeCall } from "../support/http2-attacker.ts";
import {
  type Field,
  FLAG,
  FRAME,
  headerBlock,
  PREFACE,
  readFrames,
  SETTINGS_ACK,
  settingsFrame,
} from "../support/http2-frames.ts";
import { rawConnection } from "../support/wire-raw.ts";
import { until } from "../support/wire-server.ts";

const { sides } = usePair();
type Side = ReturnType<typeof sides>["lean"];

/** What became of a call with these fields, as far as frames and the log tell: header blocks name a new id each time. */
async function outcomeAt(side: Side, fields: readonly Field[], body: Uint8Array) {
  const [callsBefore, linesBefore] = [side.calls.length, side.lines.length];
  const { socket, received } = await rawConnection(side.port);
  socket.write(Buffer.concat([PREFACE, settingsFrame(), SETTINGS_ACK, wholeCall(1, body, headerBlock(fields))]));
  const frames = () => readFrames(received()).filter(({ stream }) => stream === 1);
  const isEnd = ({ type, flags }: ReturnType<typeof readFrames>[number]) =>
    type === FRAME.RST_STREAM || (type <= FRAME.HEADERS && (flags & FLAG.END_STREAM) !== 0);
  await until(() => frames().some(isEnd), "the end of the stream");
  const data = frames().filter(({ type }) => type === FRAME.DATA);
  const reset = frames().find(({ type }) => type === FRAME.RST_STREAM);
  socket.destroy();
  const line = reset ? undefined : await until(() => side.lines[linesBefore], "the log line");
  return {
    body: Buffer.concat(data.map(({ payload }) => payload)).toString("latin1"),
    reset: reset?.payload.toString("hex"),
    log: line && [line.code, line.reason, line.rpc, line.protocol, line.level],
    seen: side.calls.slice(callsBefore),
  };
}

describe.each(FORMS.filter(({ version }) => version === 2))("$name", (form) => {
  test.each([
    ["content-type", form.contentType],
    ["content-type", "text/plain"],
    ["authorization", "Bearer b"],
    ["user-agent", "b"],
    ["content-encoding", "identity"],
    ["grpc-encoding", "identity"],
    ["content-length", "1"],
    ["host", "b"],
    ["te", "trailers"],
    ["referer", "b"],
  ])("with %s: %s after another", async (name, value) => {
    const first = name.endsWith("-encoding") ? "identity" : "first";
    const other: Field[] = callFields(PATH, form.contentType).some(([known]) => known === name) ? [] : [[name, first]];
    const fields: Field[] = [...callFields(PATH, form.contentType), ...other, [name, value]];
    for (const body of [bodyOf(form, { audience: "refuse" }), bodyOf(form, {}), Buffer.from("{]")]) {
      const { lean, library } = sides();
      expect(await outcomeAt(lean, fields, body)).toEqual(await outcomeAt(library, fields, body));
    }
  });
});

/** A verifier that is told what cannot be, by a server that is out of order, and what it does about it. */
import { createRouterTransport } from "@connectrpc/connect";
import { beforeAll, describe, expect, it } from "vitest";
import {
  VerifierService,
  type WatchRequest,
  type WatchResponse,
} from "../../gen/sallyport/auth/v1/verifier_service_pb.ts";
import { makeBenchKey } from "../support/check-bench.ts";
import { delegate } from "../support/delegating.ts";
import { eventually } from "../support/eventually.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { ended, ROLES } from "../support/informed-reader.ts";
import { altered, at, createTeller, TOLD_AT, unknownEntry } from "../support/told-feed.ts";

let teller: ReturnType<typeof createTeller>;
beforeAll(async () => {
  teller = createTeller([await makeBenchKey("one")]);
});

const OLD = ended();
const NEW = ended();
const snapshotAt = (number: number) => teller.snapshot(at(number), ROLES, number === 5 ? [OLD] : [OLD, NEW]);

/** A server that tells a snapshot at revision 5, then what it is given; in later calls the truth, which stands at revision 9. */
function serveOnce(nonsense: readonly WatchResponse[], truth: readonly WatchResponse[]) {
  const requests: WatchRequest[] = [];
  const transport = createRouterTransport(({ service }) => {
    service(VerifierService, {
      async *watch(request, { signal }) {
        requests.push(request);
        yield teller.started();
        if (requests.length === 1) yield* [...(await snapshotAt(5)), teller.checkpoint(at(5)), ...nonsense];
        else yield* [...truth, teller.checkpoint(at(9))];
        await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      },
    });
  });
  return { requests, transport };
}

describe("A verifier whose feed tells", () => {
  const start = async (nonsense: readonly WatchResponse[]) => {
    const server = serveOnce(nonsense, await snapshotAt(9));
    const clock = createFakeClock(TOLD_AT);
    const options = { transport: server.transport };
    const pace = { firstRetryMs: 5, mostRetryMs: 5 };
    const key = `sallyport_svk_${"A".repeat(43)}`;
    return { ...server, verifier: delegate({ url: "http://sallyport.test", clock }, key, options, { pace }) };
  };

  it.each<[string, () => Promise<readonly WatchResponse[]>]>([
    ["a batch that does not join", async () => [teller.batch(at(7), 8, NEW)]],
    ["a batch of another log", async () => [teller.batch(at(5, "another"), 6, NEW)]],
    [
      "a batch with an entry that nobody knows",
      async () => [altered(teller.batch(at(5), 6), "batch", { entries: [unknownEntry()] })],
    ],
    ["a checkpoint of another revision", async () => [teller.checkpoint(at(8))]],
    ["a snapshot with a part missing", async () => (await snapshotAt(9)).filter((_, index) => index !== 1)],
    ["a snapshot's end without the snapshot", async () => (await snapshotAt(9)).slice(-1)],
    ["a part without the snapshot", async () => (await snapshotAt(9)).slice(1, 2)],
  ])("%s keeps what it knows, begins anew with a snapshot, and says so", async (_what, nonsense) => {
    const { requests, verifier } = await start(await nonsense());
    await eventually(() => verifier.state().revision?.number).toBe(9);
    expect(requests.map(({ after, snapshot }) => [after?.number, snapshot])).toEqual([
      [undefined, false],
      // Nothing of the nonsense counted: it stands where it stood.
      [5n, true],
    ]);
    expect(verifier.events.filter(({ kind }) => kind !== "fresh")).toMatchObject([
      { kind: "connected" },
      { kind: "resynced", reason: "first snapshot" },
      { kind: "disconnected", error: { name: "FeedBroken" } },
      { kind: "connected" },
      { kind: "resynced", reason: "what the feed told did not join" },
    ]);
    expect((await verifier.known()).sessions).toHaveLength(2);
  });
});

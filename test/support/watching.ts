/** Services that watch the revocation feed of an instance. */
import { createClient, type Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import type { Revision } from "../../gen/sallyport/auth/v1/revision_pb.ts";
import { VerifierService, type WatchResponse } from "../../gen/sallyport/auth/v1/verifier_service_pb.ts";
import type { TestApp } from "./app.ts";
import type { Clients } from "./clients.ts";

/** An event of the feed. */
export type WatchEvent = Exclude<WatchResponse["event"], { case: undefined }>;

/** Makes a service with these permissions; its API key, which the instance knows. */
export async function serviceKey(
  admin: Pick<Clients, "admin">,
  name: string,
  permissions: string[] = ["feed:watch"],
): Promise<string> {
  return (await admin.admin.createService({ name, permissions })).apiKey;
}

/** Watches until `isEnough`, or the call ends; the events. */
export async function watch(
  app: Pick<TestApp, "url">,
  apiKey: string,
  isEnough: (event: WatchEvent, events: readonly WatchEvent[]) => boolean | Promise<boolean>,
  { after, transport = createGrpcTransport({ baseUrl: app.url }) }: { after?: Revision; transport?: Transport } = {},
): Promise<readonly WatchEvent[]> {
  const client = createClient(VerifierService, transport);
  const stop = new AbortController();
  const headers = { authorization: `Bearer ${apiKey}` };
  const events: WatchEvent[] = [];
  try {
    for await (const { event } of client.watch(after === undefined ? {} : { after }, {
      headers,
      signal: stop.signal,
    })) {
      if (event.case === undefined) throw new Error("an event without a case");
      events.push(event);
      if (await isEnough(event, events)) break;
    }
  } finally {
    stop.abort();
  }
  return events;
}

/** Enough once a checkpoint came. */
export const untilCheckpoint = ({ case: kind }: WatchEvent): boolean => kind === "checkpoint";

/** The kinds of events, in order. */
export const kindsOf = (events: readonly WatchEvent[]): readonly string[] => events.map(({ case: kind }) => kind);

/** The only event of that kind. */
export function theOnly<Kind extends WatchEvent["case"]>(
  events: readonly WatchEvent[],
  kind: Kind,
): Extract<WatchEvent, { case: Kind }> {
  const isOfKind = (event: WatchEvent): event is Extract<WatchEvent, { case: Kind }> => event.case === kind;
  const [found, another] = events.filter(isOfKind);
  if (found === undefined || another !== undefined) throw new Error(`not one event is ${kind}`);
  return found;
}

/** What the supervisor and its workers say to each other, over the channel between parent and child. */
import { z } from "zod";

const figures = z.array(z.custom<object>((value) => typeof value === "object" && value !== null));

const toWorker = z.discriminatedUnion("kind", [
  /** The database may be opened now; `isFirst`: and must be made or mended, since nobody else has it open. */
  z.object({ kind: z.literal("open"), isFirst: z.boolean() }),
  /** Comes with the connection. */
  z.object({ kind: z.literal("connection"), id: z.number() }),
  /** The port is open: clients may be connecting from now on. */
  z.object({ kind: z.literal("port_open") }),
  /** One password hash may run. */
  z.object({ kind: z.literal("permit") }),
  z.object({ kind: z.literal("tell_figures"), id: z.number() }),
  /** Asked of one that serves, every few seconds. */
  z.object({ kind: z.literal("are_you_there") }),
  /** The metrics of all, as text; `null` if they could not be had. */
  z.object({ kind: z.literal("all_figures"), id: z.number(), text: z.string().nullable() }),
  z.object({ kind: z.literal("stop") }),
]);

const toSupervisor = z.discriminatedUnion("kind", [
  /** Ready: connections may be handed over. */
  z.object({ kind: z.literal("taking") }),
  /** It stops: no connection will be taken any more. */
  z.object({ kind: z.literal("leaving") }),
  z.object({ kind: z.literal("taken"), id: z.number() }),
  /** Somebody else must take that connection. */
  z.object({ kind: z.literal("declined"), id: z.number() }),
  /** So many of the connections that were taken have ended. */
  z.object({ kind: z.literal("ended"), count: z.number() }),
  z.object({ kind: z.literal("want_permit") }),
  z.object({ kind: z.literal("free_permit") }),
  z.object({ kind: z.literal("figures"), id: z.number(), figures: figures.readonly() }),
  z.object({ kind: z.literal("want_all_figures"), id: z.number() }),
  z.object({ kind: z.literal("here") }),
]);

/** From the supervisor to a worker. */
export type ToWorker = z.output<typeof toWorker>;

/** From a worker to the supervisor. */
export type ToSupervisor = z.output<typeof toSupervisor>;

/** Reads what came from the supervisor. */
export const readToWorker = (message: unknown): ToWorker => toWorker.parse(message);

/** Reads what came from a worker. */
export const readToSupervisor = (message: unknown): ToSupervisor => toSupervisor.parse(message);

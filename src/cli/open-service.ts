import { type App, createApp, type WorkerParts } from "../app.ts";
import { databaseFile } from "../database.ts";
import { refuseDamage } from "../store/sqlite/inspect-file.ts";
import { type Context, forOperator, notingNewDatabase } from "./context.ts";

/** Opens the service; where there is no database, makes one and says so. @throws what tells the operator what to mend. */
export async function openService(context: Context, worker?: WorkerParts): Promise<App> {
  if (context.config.database === null) refuseDamage(databaseFile(context.config));
  // A warning: once in the life of an installation it is expected, and every other time a disaster.
  const kind = context.config.database === null ? "data_dir" : "database";
  const note = (place: string) =>
    context.log.warn({ event: "database_made", [kind]: place }, "there was no database; made a new one");
  return notingNewDatabase(context.config, note, () => openBeside(context, worker));
}

/** Opens the service on a database that another process has open, and has looked through. */
export function openBeside(context: Context, worker?: WorkerParts): Promise<App> {
  return forOperator(context.config, () => createApp({ ...context, ...(worker && { worker }) }));
}

/** A place on PostgreSQL whose clock stands still until it is moved. */
import { randomBytes } from "node:crypto";
import { Client } from "pg";
import { parseAddress } from "../../../src/store/postgres/address.ts";
import { clientConfig, TIMEOUTS } from "../../../src/store/postgres/client.ts";
import { makePlace, sharedPostgres } from "../../support/postgres.ts";

/** A place for one database, and its time. */
export type TimedPlace = {
  readonly url: string;
  readonly setTime: (milliseconds: number) => Promise<void>;
  readonly remove: () => Promise<void>;
};

/**
 * Makes the place. The server's own functions are found last by whoever uses it, behind those of a schema beside, where
 * there is another `clock_timestamp`.
 */
export async function makeTimedPlace(time: number): Promise<TimedPlace> {
  const place = await makePlace();
  const clock = `clock_${randomBytes(8).toString("hex")}`;
  const owner = new Client(clientConfig(parseAddress(await sharedPostgres()), TIMEOUTS));
  await owner.connect();
  await owner.query(`create schema ${clock}; create table ${clock}.present (ms bigint not null);
    insert into ${clock}.present values (${time});
    create function ${clock}.clock_timestamp() returns timestamptz language sql volatile
      as 'select timestamptz ''epoch'' + ms * interval ''1 millisecond'' from ${clock}.present'`);
  const url = new URL(place.url);
  url.searchParams.set("options", `${url.searchParams.get("options")},${clock},pg_catalog`);
  return {
    url: url.href,
    async setTime(milliseconds) {
      await owner.query(`update ${clock}.present set ms = ${milliseconds}`);
    },
    async remove() {
      await owner.query(`drop schema ${clock} cascade`);
      await owner.end();
      await place.remove();
    },
  };
}

/** Copies that fail: the source is as it was, the target empty, and the next try does it. */
import { describe, expect, it } from "vitest";
import { unsealDatabase } from "../../src/copy/unseal-database.ts";
import { insertUser } from "../../src/store/queries/users.ts";
import { userRow } from "../store/conformance/rows.ts";
import { type CopyPlace, copyBetween, DIRECTIONS, type Engine, everyRow, makeCopyPlace } from "../support/copying.ts";
import { FEW, fill } from "../support/filled.ts";

/** What a target may do to rows: triggers of somebody else, each with what takes it away again. */
const TRIGGERS: Readonly<Record<Engine, Readonly<Record<string, readonly [string, string]>>>> = {
  SQLite: {
    refuses: ["create trigger t before insert on services begin select raise(fail, 'not here'); end", "drop trigger t"],
    changes: [
      "create trigger t after insert on sessions when new.id = 'ses_15' begin update sessions set device_name = 'mine' where id = new.id; end",
      "drop trigger t",
    ],
    drops: [
      "create trigger t after insert on services when new.id = 'svc_2' begin delete from services where id = new.id; end",
      "drop trigger t",
    ],
  },
  PostgreSQL: {
    refuses: [
      "create function f() returns trigger language plpgsql as $$ begin raise 'not here'; end $$; create trigger t before insert on services execute function f()",
      "drop trigger t on services",
    ],
    changes: [
      "create function f() returns trigger language plpgsql as $$ begin new.device_name = 'mine'; return new; end $$; create trigger t before insert on sessions for each row when (new.id = 'ses_15') execute function f()",
      "drop trigger t on sessions",
    ],
    drops: [
      "create function f() returns trigger language plpgsql as $$ begin return null; end $$; create trigger t before insert on services for each row when (new.id = 'svc_2') execute function f()",
      "drop trigger t on services",
    ],
    "refuses, too late,": [
      "create function f() returns trigger language plpgsql as $$ begin raise 'not here'; end $$; create constraint trigger t after insert on services deferrable initially deferred for each row execute function f()",
      "drop trigger t on services",
    ],
  },
};

/** A filled source, and a target whose tables are made and that does something to rows. */
async function makeBadPair([from, to]: readonly [Engine, Engine], deed: string) {
  const [source, target] = [await makeCopyPlace(from), await makeCopyPlace(to)];
  await fill(source);
  const pristine = await emptied(target);
  const [make, unmake] = TRIGGERS[to][deed] ?? ["", ""];
  await target.ask(make);
  return { source, target, pristine, mend: () => target.ask(unmake) };
}

/** The rows of a database that was just made. */
async function emptied(place: CopyPlace) {
  await (await place.open()).close();
  return everyRow(place);
}

/** Whether a service could go on with it. */
async function takesWrites(place: CopyPlace): Promise<boolean> {
  const store = await place.open();
  await store.write(({ db }) => insertUser(db, userRow("usr_late")));
  await store.write(({ db }) => db.deleteFrom("users").where("id", "=", "usr_late").execute());
  await store.close();
  return true;
}

/** Both ways. */
const WAYS = DIRECTIONS.slice(0, 2);
/** A target is committed to twice: when it is marked, and when it is full. */
function lastOf(first: () => Promise<void>, last: () => Promise<void>): () => Promise<void> {
  let count = 0;
  return () => {
    count += 1;
    return count === 1 ? first() : last();
  };
}

const CASES = WAYS.flatMap((direction) =>
  Object.keys(TRIGGERS[direction[1]]).map((deed) => [...direction, deed] as const),
);
const SAID: Readonly<Record<string, RegExp>> = {
  refuses: /not here/,
  "refuses, too late,": /not here/,
  changes: /^sessions in .* is not what was copied \(21 rows, .{12} instead of 21 rows, .{12}\); see what changes rows/,
  drops: /^services in .* is not what was copied \(1 rows, .{12} instead of 2 rows/,
};

describe.each(CASES)("A copy from %s to %s, where the target %s a row,", (from, to, deed) => {
  it("fails, undoes all of it on both sides, and is made by the next try", async () => {
    const { source, target, pristine, mend } = await makeBadPair([from, to], deed);
    const was = await everyRow(source);
    await expect(copyBetween(source, target)).rejects.toThrow(SAID[deed]);
    expect(await everyRow(source)).toEqual(was);
    const { meta, ...left } = await everyRow(target);
    expect({ ...left, meta: [] }).toEqual(pristine);
    expect(meta).toEqual([expect.stringContaining("unfinished")]);
    expect(await takesWrites(source)).toBe(true);
    await mend();
    expect((await copyBetween(source, target)).tables).not.toBeNull();
    expect((await everyRow(target)).users).toEqual(was.users);
  });
});

describe.each(WAYS)("After a copy from %s to %s that failed, the target", (from, to) => {
  it("opens for nobody who would begin anew in it by mistake", async () => {
    const { source, target } = await makeBadPair([from, to], "refuses");
    await expect(copyBetween(source, target)).rejects.toThrow(/not here/);
    await expect(target.open()).rejects.toThrow(
      /^this database is empty: the copy from .*, begun at 2.*Z, was not finished; run that again, or, to begin anew in it, run: sallyport db unseal \S+$/,
    );
  });

  it("can be begun anew in once somebody says so, whatever became of the source", async () => {
    const { source, target } = await makeBadPair([from, to], "refuses");
    await expect(copyBetween(source, target)).rejects.toThrow(/not here/);
    const unsealed = await unsealDatabase({
      source: { open: target.openSource },
      findCopy: () => null,
      copyIsGone: false,
    });
    expect(unsealed).toMatchObject({ state: "unfinished" });
    await (await target.open()).close();
  });
});

describe.each(WAYS)("A copy from %s to %s whose target is gone when it is to be kept", (...[from, to]) => {
  it("leaves the source sealed where nobody knows, says so, and is finished by the next try", async () => {
    const [source, target] = [await makeCopyPlace(from), await makeCopyPlace(to)];
    await fill(source);
    let opened = 0;
    // The commit fails, and so does the look at what came of it.
    const failing = {
      async openTarget() {
        opened += 1;
        if (opened > 1) throw new Error("no way there");
        const side = await target.openTarget();
        return { ...side, commit: lastOf(side.commit, () => Promise.reject(new Error("lost"))) };
      },
    };
    const said = /sealed, and nobody knows whether the copy in .* is there \(lost\); run the same command again/;
    await expect(copyBetween(source, failing)).rejects.toThrow(said);
    await expect(source.open()).rejects.toThrow(/is sealed so that the two cannot both serve/);
    const { tables } = await copyBetween(source, target);
    expect(tables?.find(({ table }) => table === "sessions")?.rows).toBe(FEW);
    await expect(source.open()).rejects.toThrow(/is sealed so that the two cannot both serve/);
    expect((await everyRow(target)).meta).toHaveLength(1);
  });

  it("finds the copy there, where only the word of it was lost", async () => {
    const [source, target] = [await makeCopyPlace(from), await makeCopyPlace(to)];
    await fill(source);
    const deaf = {
      async openTarget() {
        const side = await target.openTarget();
        const unheard = () => side.commit().then(() => Promise.reject(new Error("lost")));
        return { ...side, commit: lastOf(side.commit, unheard) };
      },
    };
    expect((await copyBetween(source, deaf)).tables).not.toBeNull();
    await expect(source.open()).rejects.toThrow(/is sealed so that the two cannot both serve/);
  });
});

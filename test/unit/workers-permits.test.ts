/** Permits that workers share: never more in all than there are, and none lost with a worker. */
import { beforeEach, describe, expect, it } from "vitest";
import { createGrantedPermits, type GrantedPermits, PermitsExhausted } from "../../src/lib/permits.ts";
import { hashPlacesOf } from "../../src/passwords/password-hasher.ts";
import { createPermitBroker, type PermitBroker } from "../../src/workers/permit-broker.ts";

/** A worker with so many places, tied to the broker without a process in between. */
type Worker = { readonly permits: GrantedPermits };

let broker: PermitBroker<Worker>;
beforeEach(() => {
  broker = createPermitBroker<Worker>(1, ({ permits }) => permits.granted());
});

function join(places = 10): Worker {
  const worker: Worker = {
    permits: createGrantedPermits({ places, want: () => broker.want(worker), free: () => broker.free(worker) }),
  };
  return worker;
}

/** Work that goes on until it is told to end. */
function work(log: string[], name: string) {
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const run = async () => {
    log.push(name);
    await ended;
    return name;
  };
  return { run, end: () => end() };
}

const settled = () => new Promise(setImmediate);

describe("Permits that workers share", () => {
  it("let one piece of work run at a time, whichever worker it is in, in the order in which they asked", async () => {
    const [one, two] = [join(), join()];
    const begun: string[] = [];
    const works = ["a", "b", "c", "d"].map((name) => work(begun, name));
    const ends = works.map(({ run }, index) => (index % 2 ? two : one).permits.run(run));
    for (const [index, { end }] of works.entries()) {
      await settled();
      expect(begun).toHaveLength(index + 1);
      expect(one.permits.running() + two.permits.running()).toBe(1);
      end();
    }
    expect(await Promise.all(ends)).toEqual(["a", "b", "c", "d"]);
    expect(begun).toEqual(["a", "b", "c", "d"]);
  });

  it("refuse what finds no place, and count it", async () => {
    const { permits } = join(2);
    const { run, end } = work([], "a");
    const both = [permits.run(run), permits.run(run)];
    await expect(permits.run(run)).rejects.toThrow(PermitsExhausted);
    expect([permits.running(), permits.waiting(), permits.refused()]).toEqual([1, 1, 1]);
    end();
    await Promise.all(both);
  });

  it("pass over whoever does not want to wait any more, and are not lost with them", async () => {
    const [one, two] = [join(), join()];
    const begun: string[] = [];
    const [a, b, c] = [work(begun, "a"), work(begun, "b"), work(begun, "c")];
    const leave = new AbortController();
    const first = one.permits.run(a.run);
    const second = two.permits.run(b.run, leave.signal);
    leave.abort(new Error("gone"));
    await expect(second).rejects.toThrow("gone");
    const third = one.permits.run(c.run);
    a.end();
    c.end();
    await Promise.all([first, third]);
    expect(begun).toEqual(["a", "c"]);
    await expect(two.permits.run(b.run, AbortSignal.abort(new Error("late")))).rejects.toThrow("late");
  });

  it("of work that fails are free again", async () => {
    const { permits } = join();
    await expect(permits.run(() => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
    expect(await permits.run(async () => "done")).toBe("done");
    expect(permits.running()).toBe(0);
  });

  it("of a worker that is gone are free, and what it wanted is not granted", async () => {
    const [gone, left] = [join(), join()];
    const begun: string[] = [];
    const works = ["a", "b", "c"].map((name) => work(begun, name));
    void gone.permits.run(works[0]?.run ?? (async () => ""));
    void gone.permits.run(works[1]?.run ?? (async () => ""));
    const last = left.permits.run(works[2]?.run ?? (async () => ""));
    await settled();
    expect(begun).toEqual(["a"]);
    broker.drop(gone);
    await settled();
    expect(begun).toEqual(["a", "c"]);
    works[2]?.end();
    expect(await last).toBe("c");
  });

  it("cannot be made more by giving back what was not granted", async () => {
    const [one, two] = [join(), join()];
    broker.free(one);
    const begun: string[] = [];
    void one.permits.run(work(begun, "a").run);
    void two.permits.run(work(begun, "b").run);
    await settled();
    expect(begun).toEqual(["a"]);
  });

  it.each([
    // Permits in all, workers: places in each.
    [1, 1, 17],
    [1, 2, 9],
    [3, 2, 27],
    [3, 64, 4],
  ])(
    "of %i, %i workers have room for %i each, so that all together queue as one process would",
    (permits, workers, places) => {
      expect(hashPlacesOf(permits, workers)).toBe(places);
    },
  );
});
